import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { validateFeature } from "@modelfaucet/contract/routes/analytics.ts";
import { queryOptions } from "@tanstack/react-query";
import { call, type Problem } from "../../api/call.ts";

export type Judgement = AnswerOf<typeof validateFeature>;

/** What the server says to a manifest; `null` is none that could be sent. */
export function judgementQuery(publicAppId: string, manifest: { policy: object; pricing: object } | null) {
  return queryOptions<Judgement, Problem>({
    queryKey: ["/v1/developer/apps/:publicAppId/features/validate", publicAppId, manifest],
    queryFn: ({ signal }) =>
      call<typeof validateFeature>("POST", "/v1/developer/apps/:publicAppId/features/validate", {
        params: { publicAppId },
        body: manifest as never,
        signal,
      }),
    enabled: manifest !== null,
    staleTime: 60_000,
  });
}
