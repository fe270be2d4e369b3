import { type PeriodSearch, periodSearch } from "../format/period.ts";
import { oneOf, type RawSearch, texts } from "../format/search-text.ts";

/** What the URLs of the developer's screens hold. Whatever is not well formed is as if it were not there. */

export type OverviewSearch = PeriodSearch & { app?: string | undefined };

export type RequestsSearch = PeriodSearch & {
  app?: string | undefined;
  feature?: string | undefined;
  status?: UsageStatus | undefined;
  mode?: RouteMode | undefined;
  provider?: string | undefined;
  model?: string | undefined;
  user?: string | undefined;
  /** The least charge in USD. */
  min?: string | undefined;
  /** Of the page that is shown; absent on the newest. */
  cursor?: string | undefined;
  /** The request whose row is chosen. */
  at?: string | undefined;
};

export const usageStatuses = ["succeeded", "failed", "aborted", "flagged", "pending"] as const;
export type UsageStatus = (typeof usageStatuses)[number];
export const routeModes = ["platform", "developer_key", "byok", "local"] as const;
export type RouteMode = (typeof routeModes)[number];

export function overviewSearch(raw: RawSearch): OverviewSearch {
  return { ...periodSearch(raw), ...texts(raw, identifier, "app") };
}

export function requestsSearch(raw: RawSearch): RequestsSearch {
  return {
    ...periodSearch(raw),
    ...texts(raw, identifier, "app", "feature"),
    ...oneOf(raw, "status", usageStatuses),
    ...oneOf(raw, "mode", routeModes),
    ...texts(raw, /^[a-zA-Z0-9_.-]{1,64}$/, "provider"),
    ...texts(raw, /^.{1,256}$/, "model"),
    ...texts(raw, /^[0-9a-f-]{36}$/, "user"),
    ...texts(raw, /^(0|[1-9]\d{0,11})(\.\d{1,8})?$/, "min"),
    ...texts(raw, /^.{1,512}$/, "cursor"),
    ...texts(raw, /^req_(local_)?[0-9a-f-]{36}$/, "at"),
  };
}

/** How many of the filters are set; the period and the place in the list are no filters. */
export function filterCount(search: RequestsSearch): number {
  const { app, feature, status, mode, provider, model, user, min } = search;
  return [app, feature, status, mode, provider, model, user, min].filter((value) => value !== undefined)
    .length;
}

const identifier = /^[a-zA-Z0-9_:-]{1,128}$/;
