import { ApiError } from "../../lib/errors.ts";
import { isUuid } from "../../lib/ids.ts";
import { readCursor } from "../list.ts";

type ListQuery = {
  limit: number;
  cursor?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

/** The query of a list as a store takes it; one row more than the page says whether there is another. */
export function pageQueryOf(query: ListQuery, isKey: (text: string) => boolean = isUuid) {
  const cursor = readCursor(query.cursor);
  if (cursor !== null && !isKey(cursor.id)) {
    throw new ApiError("invalid_request", "`cursor` is not one that this list has answered with.", {
      param: "cursor",
    });
  }
  return { limit: query.limit + 1, from: query.from, to: query.to, before: cursor?.id };
}
