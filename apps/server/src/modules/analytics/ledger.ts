import type { Tx } from "../../lib/db.ts";
import { addUsd, formatUsd, subtractUsd, type Usd, usdFromStore, zeroUsd } from "../../lib/money.ts";
import {
  type LedgerFilter,
  type LedgerLine,
  type LedgerPlace,
  type MovedRow,
  selectAppIds,
  selectLines,
  selectMoved,
  selectPlaces,
  selectWalletHome,
} from "./ledger-store.ts";

/** On which side a scope's balance is expected: what it received less what it gave, or the other way. */
const sides = {
  end_user: "credit",
  developer: "credit",
  platform: "credit",
  provider_cost: "credit",
  absorbed_cost: "debit",
  promo: "debit",
  bad_debt: "debit",
  clearing: "credit",
  external: "debit",
} as const;
export type LedgerScope = keyof typeof sides;
export type LedgerKind =
  | "usage"
  | "usage_reversal"
  | "cost_correction"
  | "adjustment"
  | "test_credit"
  | "seed"
  | "probe";

export type TrialBalance = {
  scopes: {
    scope: LedgerScope;
    side: "credit" | "debit";
    opening_usd: string;
    debits_usd: string;
    credits_usd: string;
    closing_usd: string;
  }[];
  sums_to_zero: boolean;
  income: {
    charge_usd: string;
    provider_cost_usd: string;
    developer_share_usd: string;
    platform_share_usd: string;
    absorbed_cost_usd: string;
  };
};

/** The trial balance over `from`..`to` (half open, by the time of booking); `null`: since, or until, for ever. */
export async function readTrialBalance(
  tx: Tx,
  from: string | null,
  to: string | null,
): Promise<TrialBalance> {
  const rows = await selectMoved(
    tx,
    from === null ? null : Date.parse(from),
    to === null ? null : Date.parse(to),
  );
  const sumOf = (cut: 0 | 1, matches: (row: MovedRow) => boolean): Moved =>
    rows
      .filter((row) => row.cut === cut && matches(row))
      .reduce(
        (sum, row) => ({
          debits: addUsd(sum.debits, usdFromStore(row.debits_usd)),
          credits: addUsd(sum.credits, usdFromStore(row.credits_usd)),
        }),
        nothingMoved,
      );
  const scopes = (Object.keys(sides) as LedgerScope[]).filter((scope) =>
    rows.some((row) => row.scope === scope),
  );
  const balances = scopes.map((scope) => ({
    scope,
    before: sumOf(0, (row) => row.scope === scope),
    until: sumOf(1, (row) => row.scope === scope),
  }));
  const inPeriod = (matches: (row: MovedRow) => boolean): Usd =>
    subtractUsd(netOf(sumOf(1, matches)), netOf(sumOf(0, matches)));
  return {
    scopes: balances.map(({ scope, before, until }) => ({
      scope,
      side: sides[scope],
      opening_usd: formatUsd(onSide(scope, before)),
      debits_usd: formatUsd(until.debits - before.debits),
      credits_usd: formatUsd(until.credits - before.credits),
      closing_usd: formatUsd(onSide(scope, until)),
    })),
    sums_to_zero:
      addUsd(...balances.map(({ until }) => netOf(until))) === 0n &&
      addUsd(...balances.map(({ before }) => netOf(before))) === 0n,
    income: incomeOf(inPeriod),
  };
}

type Moved = { debits: Usd; credits: Usd };
const nothingMoved: Moved = { debits: zeroUsd, credits: zeroUsd };
const netOf = ({ debits, credits }: Moved): Usd => subtractUsd(credits, debits);
const onSide = (scope: LedgerScope, moved: Moved): bigint =>
  sides[scope] === "credit" ? netOf(moved) : -netOf(moved);

const usageKinds = ["usage", "usage_reversal"];

/** What use brought, less what was taken back: the parts add up to the charge. */
function incomeOf(inPeriod: (matches: (row: MovedRow) => boolean) => Usd): TrialBalance["income"] {
  const received = (reason: string): Usd =>
    inPeriod(
      (row) =>
        usageKinds.includes(row.kind) &&
        row.reason === reason &&
        row.scope !== "end_user" &&
        row.scope !== "absorbed_cost",
    );
  const charge = inPeriod((row) => usageKinds.includes(row.kind) && row.scope === "end_user");
  const absorbed = inPeriod((row) => row.scope === "absorbed_cost");
  return {
    charge_usd: formatUsd(-charge),
    provider_cost_usd: formatUsd(received("usage_provider_cost")),
    developer_share_usd: formatUsd(received("usage_developer_share")),
    platform_share_usd: formatUsd(received("usage_platform_share")),
    absorbed_cost_usd: formatUsd(-absorbed),
  };
}

export type LedgerTransaction = {
  id: string;
  kind: LedgerKind;
  source_id: string;
  entries: {
    wallet_id: string;
    scope: LedgerScope;
    direction: "credit" | "debit";
    amount_usd: string;
    reason: string;
  }[];
  reverses?: string;
  created_at: string;
};

export type LedgerQuery = {
  kind?: string | undefined;
  walletId?: string | undefined;
  sourceId?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

/** Ledger transactions, newest first. `next` is the place of the last one shown, `null` on the last page. */
export async function listLedgerTransactions(
  tx: Tx,
  query: LedgerQuery,
  slice: { before: LedgerPlace | null; limit: number },
): Promise<{ items: LedgerTransaction[]; next: LedgerPlace | null }> {
  const { walletId, ...rest } = query;
  const filter: LedgerFilter = rest;
  if (walletId !== undefined) {
    const [home] = await selectWalletHome(tx, walletId);
    if (!home) return { items: [], next: null };
    filter.wallet = { appId: home.app_id, id: walletId, isShared: home.owner_scope !== "end_user" };
  }
  if (query.sourceId !== undefined) filter.appIds = (await selectAppIds(tx)).map(({ id }) => id);
  const places = await findPlaces(tx, filter, slice.before, slice.limit + 1);
  const shown = places.slice(0, slice.limit);
  return {
    items: await transactionsAt(tx, shown),
    next: places.length > slice.limit ? shown.at(-1)! : null,
  };
}

/**
 * Newest first means by the order of booking. Where a period ends in the past, that order would be walked through from
 * now; its last hour is read by time instead, then more of it until there is enough.
 */
async function findPlaces(
  tx: Tx,
  filter: LedgerFilter,
  before: LedgerPlace | null,
  most: number,
): Promise<LedgerPlace[]> {
  const { from, to, kind, wallet, sourceId } = filter;
  const isFoundByIndex = wallet !== undefined || sourceId !== undefined || (kind ?? "usage") !== "usage";
  if (to === undefined || isFoundByIndex) return selectPlaces(tx, filter, before, most);
  const beginMs = from === undefined ? Date.UTC(2000, 0, 1) : Date.parse(from);
  for (let lengthMs = 3_600_000; ; lengthMs *= 8) {
    const lowMs = Math.max(beginMs, Date.parse(to) - lengthMs);
    const period = { ...filter, from: new Date(lowMs).toISOString(), byTime: true };
    const places = await selectPlaces(tx, period, before, most);
    if (places.length >= most || lowMs <= beginMs) return places;
  }
}

/** One ledger transaction by `<kind>_<source id>`; `null` when there is none. */
export async function readLedgerTransaction(tx: Tx, id: string): Promise<LedgerTransaction | null> {
  const kind = ledgerKinds.find((word) => id.startsWith(`${word}_`));
  if (kind === undefined) return null;
  const filter = { kind, sourceId: id.slice(kind.length + 1) };
  const { items } = await listLedgerTransactions(tx, filter, { before: null, limit: 1 });
  return items[0] ?? null;
}

/** A longer word that begins with another one comes first. */
const ledgerKinds: readonly LedgerKind[] = [
  "usage_reversal",
  "usage",
  "cost_correction",
  "adjustment",
  "test_credit",
  "seed",
  "probe",
];

async function transactionsAt(tx: Tx, places: readonly LedgerPlace[]): Promise<LedgerTransaction[]> {
  const lines = new Map<string, LedgerLine[]>();
  for (const line of await selectLines(tx, places)) {
    const found = lines.get(keyOf(line));
    if (found) found.push(line);
    else lines.set(keyOf(line), [line]);
  }
  return places.map((place) => transactionOf(lines.get(keyOf(place))!));
}

const keyOf = (row: { app_id: string; kind: string; source_id: string }): string =>
  `${row.app_id}/${row.kind}/${row.source_id}`;

function transactionOf(lines: readonly LedgerLine[]): LedgerTransaction {
  const [{ kind, source_id, created_at }] = lines as [LedgerLine];
  return {
    id: `${kind}_${source_id}`,
    kind: kind as LedgerKind,
    source_id,
    entries: lines.flatMap(({ from_scope, from_id, to_scope, to_id, amount_usd, reason }) => [
      { wallet_id: from_id, scope: from_scope as LedgerScope, direction: "debit", amount_usd, reason },
      { wallet_id: to_id, scope: to_scope as LedgerScope, direction: "credit", amount_usd, reason },
    ]),
    ...(kind === "usage_reversal" ? { reverses: `usage_${source_id.slice(0, uuidLength)}` } : {}),
    created_at: created_at.toISOString(),
  };
}

const uuidLength = 36;
