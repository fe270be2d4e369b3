import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listAlerts } from "@modelfaucet/contract/routes/alerts.ts";
import { type Reading, readKept } from "../../api/read.ts";
import type { AlertsSearch } from "../search.ts";

export type AlertItem = AnswerOf<typeof listAlerts>["items"][number];

export const alertsPath = "/v1/admin/alerts";

const perPage = 50;
const everyMs = 15_000;

/** Alerts, newest first; what is open is asked for again by itself. */
export function alertsQuery({ state, kind, cursor }: AlertsSearch = {}): Reading<typeof listAlerts> {
  return {
    ...readKept<typeof listAlerts>(alertsPath, {
      query: { limit: perPage, state: state === "all" ? undefined : (state ?? "open"), kind, cursor },
    }),
    refetchInterval: cursor === undefined ? everyMs : false,
  };
}
