import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readRequest } from "@modelfaucet/contract/routes/developer.ts";
import { type Reading, read } from "../../api/read.ts";

export type RequestDetail = AnswerOf<typeof readRequest>;

export function requestQuery(requestId: string): Reading<typeof readRequest> {
  return {
    ...read<typeof readRequest>("/v1/developer/requests/:request_id", { params: { request_id: requestId } }),
    // A running one is watched until it is settled; a settled one never changes.
    refetchInterval: ({ state }) => (state.data?.status === "pending" ? 1000 : false),
  };
}
