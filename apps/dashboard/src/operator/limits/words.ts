import { showCount } from "../../format/count.ts";
import { showPrice } from "../../format/money.ts";
import type { LimitLevel } from "../search.ts";
import type { LimitItem } from "./limits-query.ts";

export type Measure = LimitItem["measure"];
type Window = LimitItem["window"];
export type SpendingWindow = Exclude<Window, "minute">;

/** Each level with what its target is called, and in which form it is named. */
export const levelWords: Record<LimitLevel, { word: string; target: string; hint?: string }> = {
  platform: { word: "Everything", target: "" },
  developer: { word: "Developer", target: "Developer id", hint: "begin with a name to find it" },
  app: { word: "App", target: "Public app id", hint: "begin with a name to find it" },
  feature: {
    word: "Feature",
    target: "App and feature",
    hint: "app/feature, for example app_pub_demo/customer_reply",
  },
  end_user: { word: "End user", target: "End user id", hint: "that of the wallet too" },
  session: { word: "Session", target: "Session id" },
};

export const measureWords: Record<Measure, string> = {
  usd: "Spending",
  requests: "Requests a minute",
  tokens: "Tokens a minute",
  concurrency: "Requests at once",
};

export const windowWords: Record<SpendingWindow, string> = {
  day: "a day",
  week: "a week",
  month: "a month",
  total: "ever",
};

export const setterWords: Record<LimitItem["set_by"], string> = {
  operator: "operator",
  developer: "its developer",
  user: "the user",
};

/** To the last decimal: `$5.00 a day`, `60 requests a minute`, `10 requests at once`. */
export function limitWords({ measure, window, limit, limit_usd: usd }: LimitItem): string {
  if (usd !== undefined) return `${showPrice(usd)} ${window === "minute" ? "a minute" : windowWords[window]}`;
  const count = showCount(limit ?? 0);
  if (measure === "concurrency") return `${count} at once`;
  return `${count} ${measure} a minute`;
}
