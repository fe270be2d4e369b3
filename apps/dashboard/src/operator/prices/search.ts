import { type RawSearch, texts } from "../../format/search-text.ts";

/** What the URLs of the price book hold. */
export type PricesSearch = {
  /** A part of a provider's or a model's name. */
  q?: string | undefined;
  provider?: string | undefined;
  /** A minute of the reader's clock, such as `2026-11-20T14:00`; absent for now. */
  time?: string | undefined;
  cursor?: string | undefined;
  /** `provider/model`, of the price that is opened. */
  open?: string | undefined;
};

export type VersionsSearch = { cursor?: string | undefined };

export function pricesSearch(raw: RawSearch): PricesSearch {
  const { time } = texts(raw, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/, "time");
  return {
    ...texts(raw, /^.{1,256}$/, "q"),
    ...texts(raw, /^[a-zA-Z0-9_.-]{1,64}$/, "provider"),
    ...(Number.isNaN(Date.parse(time ?? "")) ? {} : { time }),
    ...texts(raw, /^.{1,512}$/, "cursor"),
    ...texts(raw, /^[a-zA-Z0-9_.-]{1,64}\/.{1,256}$/, "open"),
  };
}

export function versionsSearch(raw: RawSearch): VersionsSearch {
  return texts(raw, /^.{1,512}$/, "cursor");
}
