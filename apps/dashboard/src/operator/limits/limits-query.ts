import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listLimits } from "@modelfaucet/contract/routes/limits.ts";
import { type Reading, readKept } from "../../api/read.ts";
import type { LimitsSearch } from "../search.ts";

export type LimitItem = AnswerOf<typeof listLimits>["items"][number];

export const limitsPath = "/v1/admin/limits";

/** What operators set; of one target also what its developer and its user set. */
export function limitsQuery({ level, target }: LimitsSearch): Reading<typeof listLimits> {
  return readKept<typeof listLimits>(limitsPath, { query: { level, target_id: target } });
}
