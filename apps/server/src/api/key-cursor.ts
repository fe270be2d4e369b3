import { ApiError } from "../lib/errors.ts";
import type { Page } from "./list.ts";

/** A page of a list that runs by names or numbers instead of times: it ends with the key of its last row. */
export function pageByKey<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly string[],
  itemOf: (row: Row) => Item,
): Page<Item> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    items: kept.map(itemOf),
    next_cursor: more ? Buffer.from(JSON.stringify(keyOf(last))).toString("base64url") : null,
  };
}

/** The key after which the page begins, of so many parts; `null` on the first page. @throws ApiError invalid_request */
export function readKeyCursor(cursor: string | undefined, parts: number): string[] | null {
  if (cursor === undefined) return null;
  try {
    const key = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown;
    if (Array.isArray(key) && key.length === parts && key.every(isText)) return key as string[];
  } catch {
    // A cursor that does not decode is as wrong as one that decodes to nonsense.
  }
  throw wrongCursor();
}

export function wrongCursor(): ApiError {
  return new ApiError("invalid_request", "`cursor` is not one that a list has answered with.", {
    param: "cursor",
  });
}

/** What PostgreSQL takes as text; what it refuses would be a fault of ours. */
function isText(part: unknown): boolean {
  return typeof part === "string" && !part.includes("\0") && part.isWellFormed();
}
