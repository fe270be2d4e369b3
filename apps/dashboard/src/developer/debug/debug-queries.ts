import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readDebugCall, readDebugLog } from "@modelfaucet/contract/routes/debug-log.ts";
import { type Reading, read } from "../../api/read.ts";

export type DebugLog = AnswerOf<typeof readDebugLog>;
export type DebugCall = AnswerOf<typeof readDebugCall>;

export const debugPath = "/v1/developer/apps/:publicAppId/debug-log";

const whileOnMs = 3_000;

/** Whether the log is on, and which calls it holds; while it is on new ones come by themselves. */
export function debugQuery(publicAppId: string): Reading<typeof readDebugLog> {
  return {
    ...read<typeof readDebugLog>(debugPath, { params: { publicAppId } }),
    refetchInterval: ({ state: { data } }) => (data?.on ? whileOnMs : false),
  };
}

/** Reading one is written into the audit log: it is asked for once and not kept. */
export function debugCallQuery(publicAppId: string, requestId: string): Reading<typeof readDebugCall> {
  return {
    ...read<typeof readDebugCall>("/v1/developer/apps/:publicAppId/debug-log/:request_id", {
      params: { publicAppId, request_id: requestId },
    }),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    refetchOnWindowFocus: false,
  };
}
