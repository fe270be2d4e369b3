import type { Tx } from "../lib/db.ts";
import type { Place, Source, Span } from "./projector.ts";

/**
 * The next part of the log behind a cursor, of about `most` rows of each source; `null` when there is none. Of the
 * present epoch it holds transactions below the oldest that still runs: all of them have ended, so none can appear behind
 * the cursor later. Rows of an earlier epoch came with a restore and are all there; their numbers belong to another
 * cluster and say nothing about this one.
 * @throws when the cursor lies ahead of this cluster: it was restored and its epoch was not raised
 */
export async function nextSpan(
  tx: Tx,
  after: Place,
  sources: readonly Source[],
  most: number,
): Promise<{ span: Span; isLast: boolean } | null> {
  const [here] = await tx<[Horizon]>`
    select epoch, pg_snapshot_xmin(pg_current_snapshot())::text as xmin, pg_snapshot_xmax(pg_current_snapshot())::text as xmax
    from deployment`;
  refuseAhead(after, here);
  const ends: (Place & { rows: number })[] = [];
  for (const source of sources) {
    const [end] = await selectEnd(tx, source, after, here, most);
    if (end) ends.push(end);
  }
  if (ends.length === 0) return null;
  const cut = ends.filter(({ rows }) => rows >= most);
  // Where a source has more rows, no other one may be read beyond its end.
  const upTo = cut.length > 0 ? cut.reduce(earlier) : ends.reduce(later);
  return {
    span: { after, upTo: { epoch: upTo.epoch, xid8: upTo.xid8 } },
    isLast: cut.length === 0,
  };
}

type Horizon = { epoch: number; xmin: string; xmax: string };

function refuseAhead(after: Place, here: Horizon): void {
  const isAhead =
    after.epoch > here.epoch || (after.epoch === here.epoch && BigInt(after.xid8) >= BigInt(here.xmax));
  if (!isAhead) return;
  throw new Error(
    "a projector's cursor lies ahead of this database: it was restored, and deployment.epoch was not raised",
  );
}

/** The place of the last of the next `most` rows, and how many rows there were. A transaction is never cut in two. */
const selectEnd = (tx: Tx, source: Source, after: Place, here: Horizon, most: number) => tx<
  (Place & { rows: number })[]
>`
  select epoch, xid8::text as xid8, number::int as rows from (
    select t.epoch, t.xid8, row_number() over (order by t.epoch, t.xid8) as number
    from ${tx(source.table)} t
    where (t.epoch, t.xid8) > (${after.epoch}::integer, ${after.xid8}::text::xid8)
      and (t.epoch < ${here.epoch} or t.xid8 < ${here.xmin}::text::xid8)
      ${source.table === "transfers" && source.kind !== null ? tx`and t.kind <> 'usage' and t.kind = ${source.kind}` : tx``}
    order by t.epoch, t.xid8 limit ${most}) as next
  order by number desc limit 1`;

const compare = (a: Place, b: Place): number =>
  a.epoch - b.epoch || (BigInt(a.xid8) < BigInt(b.xid8) ? -1 : 1);
const earlier = <P extends Place>(a: P, b: P): P => (compare(a, b) <= 0 ? a : b);
const later = <P extends Place>(a: P, b: P): P => (compare(a, b) >= 0 ? a : b);
