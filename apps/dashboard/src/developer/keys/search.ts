import { type RawSearch, texts } from "../../format/search-text.ts";

/** What the URL of the provider keys holds. */
export type KeysSearch = { app?: string | undefined; cursor?: string | undefined };

export function keysSearch(raw: RawSearch): KeysSearch {
  return { ...texts(raw, /^[a-zA-Z0-9_:-]{1,128}$/, "app"), ...texts(raw, /^.{1,512}$/, "cursor") };
}
