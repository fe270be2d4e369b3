import { ApiError } from "../lib/errors.ts";

/** Where a page of a list ends: the sort key of its last row. Lists run newest first. */
export type Cursor = {
  /** `created_at` as the database writes it, so that no digit is lost. */
  at: string;
  id: string;
};

export type Page<Item> = { items: Item[]; next_cursor: string | null };

/** The cursor of a query, `null` on the first page. @throws ApiError invalid_request */
export function readCursor(text: string | undefined): Cursor | null {
  if (text === undefined) return null;
  try {
    const [at, id, more] = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as unknown[];
    if (
      more === undefined &&
      typeof at === "string" &&
      typeof id === "string" &&
      isTime(at) &&
      id.length <= 128
    ) {
      return { at, id };
    }
  } catch {
    // A cursor that does not decode is as wrong as one that decodes to nonsense.
  }
  throw new ApiError("invalid_request", "`cursor` is not one that a list has answered with.", {
    param: "cursor",
  });
}

export function writeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify([cursor.at, cursor.id])).toString("base64url");
}

/** A page made of up to `limit + 1` rows: the row too many says that there is a next page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  cursorOf: (row: Row) => Cursor,
  itemOf: (row: Row) => Item,
): Page<Item> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    items: kept.map(itemOf),
    next_cursor: rows.length > limit && last !== undefined ? writeCursor(cursorOf(last)) : null,
  };
}

/** A text that PostgreSQL reads as a time; what it refuses would be a fault of ours. */
function isTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}(:?\d{2})?)$/.test(text);
}
