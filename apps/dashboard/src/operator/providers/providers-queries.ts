import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listProviders, readProvider } from "@modelfaucet/contract/routes/platform.ts";
import { type Reading, read } from "../../api/read.ts";

export type Provider = AnswerOf<typeof readProvider>;

/** All upstreams, as many as one answer holds. */
export function providersQuery(): Reading<typeof listProviders> {
  return read<typeof listProviders>("/v1/admin/providers", { query: { limit: 200 } });
}

export function providerQuery(provider: string): Reading<typeof readProvider> {
  return read<typeof readProvider>("/v1/admin/providers/:provider", { params: { provider } });
}
