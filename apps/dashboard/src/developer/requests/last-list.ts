import type { RequestsSearch } from "../search.ts";

/**
 * The list that was looked at last, for "next" and "previous" on the page of one request. It is this tab's memory alone:
 * a request that is opened by its address has no neighbours.
 */
let ids: readonly string[] = [];
let listSearch: RequestsSearch = {};

export function rememberList(requestIds: readonly string[], search: RequestsSearch): void {
  ids = requestIds;
  listSearch = search;
}

/** The neighbours in that list, and the list itself with this request chosen. */
export function neighboursOf(requestId: string): { previous?: string; next?: string; list: RequestsSearch } {
  const place = ids.indexOf(requestId);
  if (place < 0) return { list: {} };
  const previous = ids[place - 1];
  const next = ids[place + 1];
  return {
    ...(previous === undefined ? {} : { previous }),
    ...(next === undefined ? {} : { next }),
    list: { ...listSearch, at: requestId },
  };
}
