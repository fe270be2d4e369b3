import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listKeyRotations, readKeyRotation } from "@modelfaucet/contract/routes/key-rotations.ts";
import { type Reading, read } from "../../api/read.ts";

export type Rotation = AnswerOf<typeof readKeyRotation>;

export const rotationsPath = "/v1/admin/key-rotations";

const whileRunningMs = 1_000;
const otherwiseMs = 15_000;

/** Rotations, the newest first; while one runs its progress is asked for each second. */
export function rotationsQuery(): Reading<typeof listKeyRotations> {
  return {
    ...read<typeof listKeyRotations>(rotationsPath, { query: { limit: 50 } }),
    refetchInterval: ({ state: { data } }) =>
      data?.items.some(({ status }) => status === "running") ? whileRunningMs : otherwiseMs,
  };
}
