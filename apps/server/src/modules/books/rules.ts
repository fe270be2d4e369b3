import { addUsd, maxUsd, minUsd, subtractUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import type {
  AccountKind,
  AccountSpec,
  AccountWindow,
  Fund,
  Leg,
  MoveItem,
  MoveResult,
  OpenItem,
  OpenResult,
  RefusedBy,
} from "./items.ts";

/** One locked account row. The decisions of a batch change it in memory; the batch writes it back once. */
export type Account = {
  appId: string;
  id: string;
  kind: AccountKind;
  ownerId: string;
  scopeId: string;
  setBy: AccountSpec["setBy"];
  fund: Fund | "none";
  window: AccountWindow;
  zone: string;
  /** Whether the batch asked for it by what it limits: a wallet, or the window that runs now. */
  current: boolean;
  resetAt: string | null;
  limitUsd: Usd | null;
  balanceUsd: Usd;
  heldUsd: Usd;
  debtUsd: Usd;
  walletSeq: bigint;
  /** Its figures were found to be wrong, so it takes no new hold. */
  isStopped: boolean;
  changed: boolean;
};

/** The locked accounts of a batch, found by id or by what they limit. */
export class Accounts {
  readonly byId = new Map<string, Account>();
  readonly #bySpec = new Map<string, Account[]>();

  constructor(rows: readonly Account[]) {
    for (const row of rows) {
      this.byId.set(row.id, row);
      if (!row.current) continue;
      const key = specKey(row.appId, row);
      const group = this.#bySpec.get(key);
      if (group) group.push(row);
      else this.#bySpec.set(key, [row]);
    }
  }

  of(appId: string, spec: Omit<AccountSpec, "limitUsd" | "zone">): Account[] {
    return this.#bySpec.get(specKey(appId, spec)) ?? [];
  }

  wallet(appId: string, ownerId: string): Account[] {
    return this.of(appId, walletSpec(ownerId));
  }

  *changed(): Iterable<Account> {
    for (const account of this.byId.values()) if (account.changed) yield account;
  }
}

export function walletSpec(ownerId: string): AccountSpec {
  return {
    kind: "wallet",
    ownerId,
    scopeId: "00000000-0000-0000-0000-000000000000",
    setBy: "app",
    window: "total",
    zone: "UTC",
    limitUsd: null,
  };
}

/** A budget over several apps: each has an account of its own, filled with slices of the whole. */
export const isBudget = (spec: Pick<AccountSpec, "kind">): boolean =>
  spec.kind === "developer" || spec.kind === "platform";

export const available = (account: Account): Usd => subtractUsd(account.balanceUsd, account.heldUsd);

/**
 * Decides one open: what every account that applies can give, and the hold that fits, or the account that refuses. The
 * order of telling is fixed, whatever the order of the locks.
 */
export function decideOpen(
  item: OpenItem,
  accounts: Accounts,
): Extract<OpenResult, { outcome: "held" | "refused" }> {
  const sources = item.accounts.map((spec) => sourceOf(item, spec, accounts));
  const refusing = sources
    .filter(
      (source) => source.isStopped || source.debtUsd > 0n || source.availableUsd < neededOf(item, source),
    )
    .sort(
      (a, b) =>
        tellingOrder.indexOf(a.kind) - tellingOrder.indexOf(b.kind) ||
        (a.availableUsd < b.availableUsd ? -1 : a.availableUsd > b.availableUsd ? 1 : 0),
    )[0];
  if (refusing) return { outcome: "refused", by: refusalOf(refusing, neededOf(item, refusing)) };
  let holdUsd = item.maxUsd;
  let cutBy: AccountKind | null = null;
  for (const source of sources) {
    if (source.spec.costs || source.availableUsd >= holdUsd) continue;
    holdUsd = source.availableUsd;
    cutBy = source.kind;
  }
  const legs = sources.flatMap((source) =>
    reserve(source, source.spec.costs ? minUsd(source.spec.costs.maxUsd, source.availableUsd) : holdUsd),
  );
  return { outcome: "held", holdUsd, legs, cutBy, openedAt: "" };
}

/** Gives back what a hold reserved and takes what was captured of it. Returns how much each fund paid. */
export function releaseLegs(legs: readonly Leg[], captured: (leg: Leg) => Usd, accounts: Accounts): void {
  for (const leg of legs) {
    const account = accounts.byId.get(leg.accountId);
    if (!account) throw new Error("a leg's account is not locked");
    account.heldUsd = subtractUsd(account.heldUsd, leg.amountUsd);
    account.balanceUsd = subtractUsd(account.balanceUsd, captured(leg));
    if (account.debtUsd > 0n) account.debtUsd = debtFloor(account);
    account.changed = true;
  }
}

export type MoveEffect = { result: MoveResult; changes: { account: Account; amountUsd: Usd }[] };

/** Decides money into or out of a wallet outside a request: a debit never takes what is held, nor promotional credit. */
export function decideMove(item: MoveItem, accounts: Accounts): MoveEffect {
  const funds = accounts.wallet(item.appId, item.endUserId);
  if (funds.length === 0) return { result: { outcome: "no_wallet" }, changes: [] };
  const balanceUsd = walletBalance(funds);
  const order: readonly Fund[] = item.direction === "credit" ? [item.fund] : ["paid", "test"];
  const candidates = order.flatMap((fund) => funds.filter((account) => account.fund === fund));
  if (candidates.length === 0) return { result: { outcome: "no_wallet" }, changes: [] };
  if (item.direction === "debit") {
    const availableUsd = addUsd(...candidates.map((account) => maxUsd(zeroUsd, available(account))));
    if (availableUsd < item.amountUsd)
      return { result: { outcome: "refused", availableUsd, balanceUsd }, changes: [] };
  }
  const most = item.maxBalanceUsd ?? null;
  if (item.direction === "credit" && most !== null && addUsd(balanceUsd, item.amountUsd) > most)
    return { result: { outcome: "above_maximum", balanceUsd }, changes: [] };
  let rest = item.amountUsd;
  const changes: MoveEffect["changes"] = [];
  for (const account of candidates) {
    const amountUsd = item.direction === "credit" ? rest : minUsd(rest, maxUsd(zeroUsd, available(account)));
    if (amountUsd === 0n) continue;
    account.balanceUsd = (account.balanceUsd + (item.direction === "credit" ? amountUsd : -amountUsd)) as Usd;
    if (account.debtUsd > 0n) account.debtUsd = debtFloor(account);
    account.changed = true;
    changes.push({ account, amountUsd });
    rest = subtractUsd(rest, amountUsd);
  }
  return { result: { outcome: "moved", walletBalanceUsd: walletBalance(funds), repeated: false }, changes };
}

export function walletBalance(funds: readonly Account[]): Usd {
  return addUsd(...funds.map((account) => account.balanceUsd));
}

/** Numbers the wallet's next transaction and leaves the number on every fund that it touched. */
export function nextWalletSeq(funds: readonly Account[], touched: readonly Account[]): bigint {
  let last = 0n;
  for (const account of funds) if (account.walletSeq > last) last = account.walletSeq;
  for (const account of touched) {
    account.walletSeq = last + 1n;
    account.changed = true;
  }
  return last + 1n;
}

const tellingOrder: readonly AccountKind[] = [
  "session",
  "wallet",
  "allowance",
  "end_user",
  "feature",
  "app",
  "credential",
  "developer",
  "platform",
];

/** Everything that one spec names: one account, or all funds of a wallet as one purse. */
type Source = {
  kind: AccountKind;
  spec: AccountSpec;
  accounts: Account[];
  balanceUsd: Usd;
  heldUsd: Usd;
  debtUsd: Usd;
  availableUsd: Usd;
  isStopped: boolean;
};

function sourceOf(item: OpenItem, spec: AccountSpec, accounts: Accounts): Source {
  const named = accounts.of(item.facts.appId, spec);
  // Only a wallet is several accounts; a limit has one per window.
  const found = spec.kind === "wallet" ? named : named.slice(0, 1);
  if (spec.limitUsd !== null && !isBudget(spec))
    for (const account of found) followLimit(account, spec.limitUsd);
  const spendable = found
    .filter((account) => account.fund !== "test" || item.spendsTest)
    .sort((a, b) => fundOrder(a) - fundOrder(b));
  const balanceUsd = walletBalance(spendable);
  const heldUsd = addUsd(...spendable.map((account) => account.heldUsd));
  return {
    kind: spec.kind,
    spec,
    accounts: spendable,
    balanceUsd,
    heldUsd,
    debtUsd: addUsd(...found.map((account) => account.debtUsd), maxUsd(zeroUsd, -balanceUsd as Usd)),
    availableUsd: addUsd(...spendable.map((account) => maxUsd(zeroUsd, available(account)))),
    isStopped: found.some((account) => account.isStopped),
  };
}

/** The least that an account has to give. */
const neededOf = (item: OpenItem, { spec }: Source): Usd =>
  spec.costs ? spec.costs.minUsd : item.needsWhole && isBudget(spec) ? item.maxUsd : item.minUsd;

/** A limit that was changed while its window runs: what is spent and held under it stays so. */
function followLimit(account: Account, wantedUsd: Usd): void {
  const spentUsd = subtractUsd(account.limitUsd!, account.balanceUsd);
  const limitUsd = maxUsd(wantedUsd, addUsd(spentUsd, account.heldUsd));
  if (limitUsd === account.limitUsd) return;
  account.limitUsd = limitUsd;
  account.balanceUsd = subtractUsd(limitUsd, spentUsd);
  account.changed = true;
}

function refusalOf(source: Source, requiredUsd: Usd): RefusedBy {
  const [account] = source.accounts;
  const reason = source.isStopped
    ? "stopped"
    : source.debtUsd > 0n
      ? "debt"
      : source.balanceUsd >= requiredUsd
        ? "held"
        : "balance";
  return {
    kind: source.kind,
    ownerId: source.spec.ownerId,
    setBy: source.spec.setBy,
    window: source.spec.window,
    zone: source.spec.zone,
    resetAt: account?.resetAt ?? null,
    limitUsd: isBudget(source.spec) ? source.spec.limitUsd : (account?.limitUsd ?? source.spec.limitUsd),
    balanceUsd: source.balanceUsd,
    heldUsd: source.heldUsd,
    debtUsd: source.debtUsd,
    requiredUsd,
    reason,
  };
}

/** Reserves the hold on a limit whole, on a wallet fund by fund; a wallet with nothing to pay still gets its leg. */
function reserve(source: Source, holdUsd: Usd): Leg[] {
  const legs: Leg[] = [];
  let rest = holdUsd;
  for (const account of source.accounts) {
    const amountUsd = minUsd(rest, maxUsd(zeroUsd, available(account)));
    const last = account === source.accounts.at(-1);
    if (amountUsd === 0n && !(last && legs.length === 0)) continue;
    account.heldUsd = addUsd(account.heldUsd, amountUsd);
    account.changed = true;
    legs.push({ accountId: account.id, kind: account.kind, fund: account.fund, amountUsd });
    rest = subtractUsd(rest, amountUsd);
  }
  return legs;
}

const debtFloor = (account: Account): Usd => maxUsd(zeroUsd, (account.heldUsd - account.balanceUsd) as Usd);

function fundOrder(account: Account): number {
  return account.fund === "promo" ? 0 : account.fund === "test" ? 1 : 2;
}

function specKey(appId: string, spec: Omit<AccountSpec, "limitUsd" | "zone">): string {
  return `${appId}|${spec.kind}|${spec.ownerId}|${spec.scopeId}|${spec.setBy}|${spec.window}`;
}
