import type { Tx } from "../../lib/db.ts";
import { failpoint } from "../../lib/failpoint.ts";
import { uuidV7 } from "../../lib/ids.ts";
import { addUsd, formatUsd, type Usd, usdFromStore, zeroUsd } from "../../lib/money.ts";
import type {
  CloseItem,
  CloseResult,
  KeyClaim,
  MoveItem,
  MoveResult,
  OpenItem,
  OpenResult,
  RefusedBy,
  SettledFigures,
} from "./items.ts";
import { Accounts, decideMove, decideOpen, walletSpec } from "./rules.ts";
import { correctionTransfer, type SettledHold, settleHold, transfersOfMove } from "./settle.ts";
import * as store from "./store.ts";
import * as write from "./write-store.ts";

export type BatchItem =
  | { type: "close"; item: CloseItem }
  | { type: "move"; item: MoveItem }
  | { type: "open"; item: OpenItem };
export type BatchResult = CloseResult | MoveResult | OpenResult;

export type BatchContext = { epoch: number; instanceId: string; holdTtlSeconds: number };

type Writes = {
  events: Record<string, unknown>[];
  transfers: Record<string, unknown>[];
  holds: write.NewHold[];
  keyEnds: store.KeyEnd[];
  adjustments: Record<string, unknown>[];
  audits: Record<string, unknown>[];
};

/**
 * One group commit: lock, decide, write, commit. `connection` is reserved for this; statements of one phase travel
 * together. A repeated batch (`repeated`: its COMMIT may have happened) looks first for what it has done already.
 */
export async function runBatch(
  connection: Tx,
  batch: readonly BatchItem[],
  context: BatchContext,
  repeated: boolean,
): Promise<BatchResult[]> {
  const locked = await lockPhase(connection, batch, repeated);
  const hit = crashPoint(batch, "before_write");
  if (hit) await hit;
  const writes: Writes = {
    events: [],
    transfers: [],
    holds: [],
    keyEnds: [],
    adjustments: [],
    audits: [],
  };
  const results: BatchResult[] = batch.map((entry) => {
    if (entry.type === "close") return decideOneClose(entry.item, locked, writes);
    if (entry.type === "move") return decideOneMove(entry.item, locked, writes);
    return decideOneOpen(entry.item, locked, writes);
  });
  await writePhase(connection, locked.accounts, writes, context, batch);
  return results;
}

/** One place in a batch, under two names: a test says whether the crash is to meet a hold or a settlement. */
function crashPoint(
  batch: readonly BatchItem[],
  at: "before_write" | "before_commit",
  first?: () => Promise<unknown>,
): void | Promise<void> {
  const carries = (type: BatchItem["type"]): boolean => batch.some((entry) => entry.type === type);
  return (
    (carries("close") ? failpoint(`in_settle_${at}`, first) : undefined) ??
    (carries("open") ? failpoint(`in_hold_${at}`, first) : undefined)
  );
}

type Locked = {
  accounts: Accounts;
  holds: Map<string, store.HeldRow>;
  keys: Map<string, store.KeyRow>;
  settled: Map<string, Record<string, unknown>>;
  moved: Map<string, Record<string, unknown>>;
};

/** Locks in the one order that every batch of every process keeps: holds, keys, missing windows, accounts. */
async function lockPhase(connection: Tx, batch: readonly BatchItem[], repeated: boolean): Promise<Locked> {
  const opens = batch.flatMap((entry) => (entry.type === "open" ? [entry.item] : []));
  const closes = batch.flatMap((entry) => (entry.type === "close" ? [entry.item] : []));
  const moves = batch.flatMap((entry) => (entry.type === "move" ? [entry.item] : []));
  const closing = closes.map((close) => ({ appId: close.appId, id: close.requestId }));
  const looked = repeated
    ? [...closing, ...opens.map(({ facts }) => ({ appId: facts.appId, id: facts.requestId }))]
    : closing;
  const claims = opens.flatMap(({ facts, claim }) =>
    claim ? [{ ...claim, appId: facts.appId, requestId: facts.requestId }] : [],
  );
  const windows = opens.flatMap(({ facts, accounts }) =>
    accounts
      .filter((spec) => spec.limitUsd !== null)
      .map((spec) => ({ ...spec, appId: facts.appId, developerId: facts.developerId })),
  );
  const specs = distinctSpecs(opens, moves);
  const statement = pipelined();
  statement(connection`begin`);
  const holdRows = looked.length > 0 ? statement(store.lockHolds(connection, looked)) : null;
  if (claims.length > 0) statement(store.claimKeys(connection, claims));
  const keyRows = claims.length > 0 ? statement(store.readKeys(connection, claims)) : null;
  if (windows.length > 0) statement(store.addMissingWindows(connection, windows));
  const accountRows = statement(store.lockAccounts(connection, specs, closing));
  const movedRows =
    moves.length > 0
      ? statement(
          store.readMoved(
            connection,
            moves.map((move) => ({ appId: move.appId, kind: move.kind, sourceId: move.sourceId })),
          ),
        )
      : null;
  await statement.all();
  const holds = new Map((await (holdRows ?? [])).map((row) => [row.id as string, store.heldRowOf(row)]));
  const missing = looked.filter(({ id }) => !holds.has(id));
  const settledRows = missing.length > 0 ? await store.readSettled(connection, missing) : [];
  return {
    accounts: new Accounts((await accountRows).map(store.accountOf)),
    holds,
    keys: new Map((await (keyRows ?? [])).map((row) => [keyOf(row), row as store.KeyRow])),
    settled: new Map(settledRows.map((row) => [row.id as string, row])),
    moved: new Map(
      (await (movedRows ?? [])).map((row) => [`${row.app_id}|${row.kind}|${row.source_id}`, row]),
    ),
  };
}

function decideOneClose(item: CloseItem, locked: Locked, writes: Writes): CloseResult {
  const hold = locked.holds.get(item.requestId);
  if (!hold) return decideLateClose(item, locked, writes);
  if (item.onlyIfAbandoned && !hold.isAbandoned) return { outcome: "alive" };
  locked.holds.delete(item.requestId);
  const settled: SettledHold = settleHold(hold, item.settlement, locked.accounts);
  writes.events.push(settled.event);
  writes.transfers.push(...settled.transfers);
  if (item.key) {
    const { claim, finish } = item.key;
    writes.keyEnds.push({ ...claim, appId: item.appId, state: finish, answer: null });
  }
  // A second close of the same request in this batch must find what the first one settled.
  locked.settled.set(item.requestId, { ...settled.event, id: item.requestId, corrected: false });
  return { outcome: "settled", figures: settled.figures, repeated: false };
}

/** The hold is gone: our own close came before, or recovery did; then only what upstream took is still booked. */
function decideLateClose(item: CloseItem, locked: Locked, writes: Writes): CloseResult {
  const row = locked.settled.get(item.requestId);
  if (!row) return { outcome: "unknown" };
  if (row.outcome !== "flagged" || item.settlement.outcome === "flagged") {
    return { outcome: "settled", figures: figuresOf(row), repeated: true };
  }
  const takenUsd = addUsd(item.settlement.costUsd, ...item.settlement.failedCostsUsd);
  const lateUsd = (takenUsd - usdFromStore(row.absorbed_cost_usd as string)) as Usd;
  if (lateUsd !== 0n && row.corrected !== true) {
    writes.transfers.push(correctionTransfer(item.appId, item.requestId, lateUsd));
    row.corrected = true;
  }
  return { outcome: "flagged" };
}

function decideOneMove(item: MoveItem, locked: Locked, writes: Writes): MoveResult {
  const sourceKey = `${item.appId}|${item.kind}|${item.sourceId}`;
  const earlier = locked.moved.get(sourceKey);
  if (earlier) {
    return {
      outcome: "moved",
      walletBalanceUsd: usdFromStore(earlier.wallet_balance_after_usd as string),
      repeated: true,
    };
  }
  const effect = decideMove(item, locked.accounts);
  if (effect.result.outcome !== "moved") return effect.result;
  const funds = locked.accounts.wallet(item.appId, item.endUserId);
  writes.transfers.push(...transfersOfMove(item, effect, funds));
  locked.moved.set(sourceKey, { wallet_balance_after_usd: formatUsd(effect.result.walletBalanceUsd) });
  if (item.adjustment) {
    writes.adjustments.push({
      app_id: item.appId,
      id: item.sourceId,
      developer_id: item.developerId,
      wallet_id: item.endUserId,
      kind: item.kind === "test_credit" ? "test_credit" : "adjustment",
      direction: item.direction,
      amount_usd: formatUsd(item.amountUsd),
      reason: item.adjustment.reason,
      actor_id: item.adjustment.actorId,
    });
  }
  if (item.audit) writes.audits.push({ id: uuidV7(), ...item.audit });
  return effect.result;
}

function decideOneOpen(item: OpenItem, locked: Locked, writes: Writes): OpenResult {
  const { facts, claim } = item;
  const before = locked.holds.get(facts.requestId);
  if (before) {
    // The COMMIT that nobody saw did happen: the hold counts as admitted.
    const legs = before.legAccountIds.map((accountId, index) => {
      const account = locked.accounts.byId.get(accountId);
      return {
        accountId,
        kind: account?.kind ?? "wallet",
        fund: account?.fund ?? "paid",
        amountUsd: before.legAmountsUsd[index]!,
      } as const;
    });
    return { outcome: "held", holdUsd: before.holdUsd, legs, cutBy: null, openedAt: before.openedAt };
  }
  if (claim) {
    const row = locked.keys.get(keyOf({ ...claim, app_id: facts.appId }));
    if (row && row.request_id !== facts.requestId) return answerOfKey(row, claim);
    // Claimed by the same request in a batch that was cut off after its commit: the row is ours.
  }
  const decided = decideOpen(item, locked.accounts);
  if (decided.outcome === "refused") {
    if (claim) {
      const state = item.isFinal ? "refused" : "free";
      writes.keyEnds.push({ ...claim, appId: facts.appId, state, answer: storedRefusal(decided.by) });
    }
    return decided;
  }
  writes.holds.push({ facts, holdUsd: decided.holdUsd, legs: decided.legs, claim });
  return decided;
}

function answerOfKey(row: store.KeyRow, claim: KeyClaim): OpenResult {
  if (row.fingerprint !== claim.fingerprint)
    return { outcome: "key", state: "mismatch", requestId: row.request_id };
  if (row.state === "refused") {
    return { outcome: "key_refused", by: refusalFromStore(row.answer), requestId: row.request_id };
  }
  return { outcome: "key", state: row.state === "done" ? "done" : "running", requestId: row.request_id };
}

/** Writes what was decided and commits; where nothing was, the transaction just ends. */
async function writePhase(
  connection: Tx,
  accounts: Accounts,
  writes: Writes,
  context: BatchContext,
  batch: readonly BatchItem[],
): Promise<void> {
  const statement = pipelined();
  const changed = [...accounts.changed()];
  const ended = writes.keyEnds.filter((end) => end.state !== "free");
  const freed = writes.keyEnds.filter((end) => end.state === "free");
  // Every statement has its price, however little it does: new balances travel with what made them.
  const balances = changed.length > 0 ? write.updateAccounts(connection, changed) : null;
  const { events, transfers, holds } = writes;
  if (events.length > 0) {
    const withBalances = holds.length === 0 ? balances : null;
    statement(write.settleHolds(connection, events, transfers, context.epoch, withBalances));
  } else if (transfers.length > 0) {
    statement(write.insertTransfers(connection, transfers, context.epoch));
  }
  if (holds.length > 0) {
    statement(write.insertHolds(connection, holds, context.instanceId, context.holdTtlSeconds, balances));
  } else if (events.length === 0 && balances) {
    statement(balances);
  }
  if (ended.length > 0) statement(store.finishKeys(connection, ended));
  if (freed.length > 0) statement(store.freeKeys(connection, freed));
  if (writes.adjustments.length > 0) statement(store.insertAdjustments(connection, writes.adjustments));
  if (writes.audits.length > 0) statement(store.insertAudits(connection, writes.audits));
  const hit = crashPoint(batch, "before_commit", () => statement.all());
  if (hit) await hit;
  statement(connection`commit`);
  await statement.all();
}

type Statement = (<T extends Promise<unknown>>(promise: T) => T) & { all(): Promise<void> };

/**
 * Sends statements without waiting in between; `all` fails with the first failure in order, which is the cause. It does
 * not wait for those behind: on a connection that was lost the driver never answers what it had not sent yet.
 */
function pipelined(): Statement {
  const sent: Promise<unknown>[] = [];
  const add = (<T extends Promise<unknown>>(promise: T): T => {
    // A postgres query starts when it is awaited; `then` starts it now, and a handled rejection is read in `all`.
    sent.push(promise.then(() => undefined));
    sent.at(-1)!.catch(() => {});
    return promise;
  }) as Statement;
  add.all = async () => {
    for (const outcome of sent) await outcome;
  };
  return add;
}

function distinctSpecs(opens: readonly OpenItem[], moves: readonly MoveItem[]) {
  const specs = new Map<string, Parameters<typeof store.lockAccounts>[1][number]>();
  const add = (appId: string, spec: OpenItem["accounts"][number]): void => {
    specs.set(`${appId}|${spec.kind}|${spec.ownerId}|${spec.scopeId}|${spec.setBy}|${spec.window}`, {
      ...spec,
      appId,
    });
  };
  for (const { facts, accounts } of opens) for (const spec of accounts) add(facts.appId, spec);
  for (const move of moves) add(move.appId, walletSpec(move.endUserId));
  return [...specs.values()];
}

const keyOf = (row: { app_id: string; caller: string; route: string; key: string }): string =>
  JSON.stringify([row.app_id, row.caller, row.route, row.key]);

function figuresOf(row: Record<string, unknown>): SettledFigures {
  const usd = (name: string): Usd => usdFromStore(row[name] as string);
  return {
    chargeUsd: usd("charge_usd"),
    upstreamCostUsd: usd("upstream_cost_usd"),
    absorbedCostUsd: usd("absorbed_cost_usd"),
    developerShareUsd: usd("developer_share_usd"),
    platformShareUsd: usd("platform_share_usd"),
    feeUsd: usd("fee_usd"),
    walletBalanceUsd: row.wallet_balance_usd === null ? null : usd("wallet_balance_usd"),
  };
}

/** A refusal as it is kept under its key: money as text. */
function storedRefusal(by: RefusedBy): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(by).map(([name, value]) => [name, typeof value === "bigint" ? formatUsd(value) : value]),
  );
}

function refusalFromStore(stored: unknown): RefusedBy {
  const by = stored as Record<keyof RefusedBy, string | null>;
  const usd = (text: string | null): Usd => (text === null ? zeroUsd : usdFromStore(text));
  return {
    ...(by as unknown as RefusedBy),
    limitUsd: by.limitUsd === null ? null : usd(by.limitUsd),
    balanceUsd: usd(by.balanceUsd),
    heldUsd: usd(by.heldUsd),
    debtUsd: usd(by.debtUsd),
    requiredUsd: usd(by.requiredUsd),
  };
}
