import type { Tx } from "../lib/db.ts";

export type ProjectorName = "usage_rollups" | "ledger_rollups";

/** A place in the log: everything that a transaction wrote stands at one. `xid8` is the transaction's number. */
export type Place = { epoch: number; xid8: string };

/** The part of the log after `after` up to and including `upTo`. */
export type Span = { after: Place; upTo: Place };

/** One kind of rows that a projector reads; of transfers all, or those of one rare kind. */
export type Source =
  | { table: "usage_events" }
  | { table: "transfers"; kind: "usage_reversal" | "cost_correction" | null };

export type Projector = {
  name: ProjectorName;
  sources: readonly Source[];
  /** Adds what the span holds to the rows of a generation. The cursor moves in the same transaction. */
  add(tx: Tx, span: Span, generation: number): Promise<void>;
  /** Takes away what is left of a generation that nobody reads any more. */
  remove(tx: Tx, generation: number): Promise<void>;
};

/** Rows of a table that lie in a span; `t` is the table's name in the statement. */
export const within = (tx: Tx, span: Span, t: "u" | "t") => tx`
  (${tx(t)}.epoch, ${tx(t)}.xid8) > (${span.after.epoch}::integer, ${span.after.xid8}::text::xid8)
  and (${tx(t)}.epoch, ${tx(t)}.xid8) <= (${span.upTo.epoch}::integer, ${span.upTo.xid8}::text::xid8)`;
