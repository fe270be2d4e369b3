import type { Tx } from "../../lib/db.ts";
import {
  addUsd,
  formatUsd,
  maxUsd,
  minUsd,
  subtractUsd,
  type Usd,
  usdFromStore,
  zeroUsd,
} from "../../lib/money.ts";
import type { AccountSpec } from "./items.ts";

/** An app that needs more of a budget than its slice has left; `needUsd` 0 only brings the budget to its new limit. */
export type SliceItem = {
  appId: string;
  developerId: string;
  spec: AccountSpec & { limitUsd: Usd };
  needUsd: Usd;
};

/**
 * Leases for requests that were refused together go together: their needs add up in one transaction, so that the slice
 * is filled for all of them at once. @returns whether the whole of them is covered
 */
export function createLeasing(exclusive: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>) {
  const waiting = new Map<string, { needUsd: Usd; covered: Promise<boolean> }>();
  return (item: SliceItem): Promise<boolean> => {
    const { kind, ownerId, window, limitUsd } = item.spec;
    const key = `${item.appId}|${kind}|${ownerId}|${window}|${limitUsd}`;
    const joined = waiting.get(key);
    if (joined) {
      joined.needUsd = addUsd(joined.needUsd, item.needUsd);
      return joined.covered;
    }
    const together = { needUsd: item.needUsd, covered: Promise.resolve(false) };
    waiting.set(key, together);
    together.covered = exclusive((tx) => {
      // Who comes from here on is too late for this one.
      waiting.delete(key);
      return leaseSlice(tx, { ...item, needUsd: together.needUsd });
    });
    together.covered.catch(() => {
      if (waiting.get(key) === together) waiting.delete(key);
    });
    return together.covered;
  };
}

type Slice = { appId: string; id: string; limitUsd: Usd; balanceUsd: Usd; heldUsd: Usd };
type Budget = { limitUsd: Usd; leasedUsd: Usd };

/**
 * Fills an app's slice of a developer's or the platform's budget, in a transaction of its own: never above the budget,
 * and what other apps have leased and not used is called back before anybody is refused. The budget's row is locked
 * first, then the slices in the order of every batch. @returns whether the slice now covers the need
 */
async function leaseSlice(tx: Tx, item: SliceItem): Promise<boolean> {
  await tx`set local enable_seqscan = on`;
  const locked = await lockBudget(tx, item);
  const rows = await lockSlices(tx, item);
  const decided = decideLease(locked, rows, item);
  if (decided.changed.length > 0) {
    await tx`
      update accounts a set limit_usd = w.limit_usd, balance_usd = w.balance_usd
      from json_to_recordset(${JSON.stringify(decided.changed.map(rowOf))}::text::json)
        as w (app_id uuid, id uuid, limit_usd numeric(20,8), balance_usd numeric(20,8))
      where a.app_id = w.app_id and a.id = w.id`;
  }
  const { limitUsd, leasedUsd } = decided.budget;
  await tx`update budgets set limit_usd = ${formatUsd(limitUsd)}, leased_usd = ${formatUsd(leasedUsd)} where ${ofBudget(tx, item)}`;
  return decided.covers;
}

/** Pure: who gives back how much, and what the asking app gets. Mutates nothing that it was given. */
export function decideLease(
  budget: Budget,
  slices: readonly Slice[],
  item: Pick<SliceItem, "appId" | "spec" | "needUsd">,
): { budget: Budget; changed: Slice[]; covers: boolean } {
  const limitUsd = item.spec.limitUsd;
  const next = new Map(slices.map((slice) => [slice.id, slice]));
  let leasedUsd = budget.leasedUsd;
  const move = (slice: Slice, usd: Usd): Slice => {
    const moved = {
      ...slice,
      limitUsd: addUsd(slice.limitUsd, usd),
      balanceUsd: addUsd(slice.balanceUsd, usd),
    };
    next.set(slice.id, moved);
    leasedUsd = addUsd(leasedUsd, usd);
    return moved;
  };
  let own = slices.find((slice) => slice.appId === item.appId);
  const missing = (): Usd => (own ? maxUsd(zeroUsd, (item.needUsd - freeOf(own)) as Usd) : zeroUsd);
  if (addUsd(leasedUsd, missing()) > limitUsd) {
    for (const slice of slices) if (slice !== own) move(slice, -freeOf(slice) as Usd);
  }
  // A budget that was lowered under what is leased takes from the asking app too.
  if (own && leasedUsd > limitUsd)
    own = move(own, -minUsd(freeOf(own), (leasedUsd - limitUsd) as Usd) as Usd);
  const restUsd = maxUsd(zeroUsd, (limitUsd - leasedUsd) as Usd);
  if (own && missing() > 0n && restUsd > 0n) {
    // A hundredth of the budget at once, so that not every request has to come here; the rest where it falls short.
    const hundredthUsd = ((limitUsd + 99n) / 100n) as Usd;
    own = move(own, minUsd(maxUsd(missing(), hundredthUsd), restUsd));
  }
  return {
    budget: { limitUsd: maxUsd(limitUsd, leasedUsd), leasedUsd },
    changed: slices.flatMap((slice) => {
      const after = next.get(slice.id)!;
      return after.limitUsd === slice.limitUsd ? [] : [after];
    }),
    covers: own !== undefined && freeOf(own) >= item.needUsd,
  };
}

const freeOf = (slice: Slice): Usd => maxUsd(zeroUsd, subtractUsd(slice.balanceUsd, slice.heldUsd));

async function lockBudget(tx: Tx, item: SliceItem): Promise<Budget> {
  const { kind, ownerId, window, zone, limitUsd } = item.spec;
  const developerId = kind === "developer" ? item.developerId : null;
  await tx`insert into budgets (level, owner_id, "window", window_start, developer_id, limit_usd)
    values (${kind}, ${ownerId}, ${window}, mf_window_start(${window}, ${zone}, mf_now()), ${developerId}, ${formatUsd(limitUsd)})
    on conflict do nothing`;
  const [row] = await tx<{ limit_usd: string; leased_usd: string }[]>`
    select limit_usd::text, leased_usd::text from budgets where ${ofBudget(tx, item)} for update`;
  return { limitUsd: usdFromStore(row!.limit_usd), leasedUsd: usdFromStore(row!.leased_usd) };
}

async function lockSlices(tx: Tx, item: SliceItem): Promise<Slice[]> {
  const { kind, ownerId, window, zone } = item.spec;
  const rows = await tx`
    select app_id, id, limit_usd::text, balance_usd::text, held_usd::text from accounts
    where kind = ${kind} and kind in ('developer', 'platform') and owner_id = ${ownerId} and "window" = ${window}
      and window_start = mf_window_start(${window}, ${zone}, mf_now())
    order by app_id, kind, owner_id, scope_id, set_by, fund, "window", window_start for update`;
  return rows.map((row) => ({
    appId: row.app_id as string,
    id: row.id as string,
    limitUsd: usdFromStore(row.limit_usd as string),
    balanceUsd: usdFromStore(row.balance_usd as string),
    heldUsd: usdFromStore(row.held_usd as string),
  }));
}

const ofBudget = (tx: Tx, { spec }: SliceItem) => tx`level = ${spec.kind} and owner_id = ${spec.ownerId}
  and "window" = ${spec.window} and window_start = mf_window_start(${spec.window}, ${spec.zone}, mf_now())`;

function rowOf(slice: Slice): Record<string, unknown> {
  return {
    app_id: slice.appId,
    id: slice.id,
    limit_usd: formatUsd(slice.limitUsd),
    balance_usd: formatUsd(slice.balanceUsd),
  };
}
