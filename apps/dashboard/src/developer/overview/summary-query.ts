import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readAnalyticsSeries, readAnalyticsSummary } from "@modelfaucet/contract/routes/analytics.ts";
import { type Reading, readKept } from "../../api/read.ts";
import type { Period } from "../../format/period.ts";
import { readersZone } from "../../format/time.ts";
import type { OverviewSearch } from "../search.ts";

export type Asking = { search: OverviewSearch; period: Period };

export type SummaryItem = AnswerOf<typeof readAnalyticsSummary>["items"][number];
export type Metric = SummaryItem["metric"];

/** Every metric of the period and of the one before it. */
export function summaryQuery({ search, period }: Asking): Reading<typeof readAnalyticsSummary> {
  return readKept<typeof readAnalyticsSummary>("/v1/developer/analytics/summary", {
    query: { from: period.from, to: period.to, compare: "previous", public_app_id: search.app },
  });
}

/** One metric over the period, by days of the reader's calendar or by hours. */
export function seriesQuery({ search, period }: Asking, metric: Metric): Reading<typeof readAnalyticsSeries> {
  return readKept<typeof readAnalyticsSeries>("/v1/developer/analytics/series", {
    query: {
      metric,
      interval: period.interval,
      from: period.from,
      to: period.to,
      time_zone: readersZone,
      public_app_id: search.app,
    },
  });
}
