import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listPrices, listPriceVersions, publishPrices } from "@modelfaucet/contract/routes/platform.ts";
import type { QueryClient } from "@tanstack/react-query";
import { type Reading, readKept } from "../../api/read.ts";

export type PriceItem = AnswerOf<typeof listPrices>["items"][number];
export type PriceVersion = AnswerOf<typeof listPriceVersions>["items"][number];
export type PriceChange = AnswerOf<typeof publishPrices>;

const pricesPath = "/v1/admin/price-book";
const versionsPath = "/v1/admin/price-book/versions";

export function pricesQuery(query: {
  limit: number;
  q?: string | undefined;
  provider?: string | undefined;
  model?: string | undefined;
  at?: string | undefined;
  cursor?: string | undefined;
}): Reading<typeof listPrices> {
  return readKept<typeof listPrices>(pricesPath, { query });
}

export function versionsQuery(query: {
  limit: number;
  cursor?: string | undefined;
}): Reading<typeof listPriceVersions> {
  return readKept<typeof listPriceVersions>(versionsPath, { query });
}

/** What a new or published version makes outdated. */
export async function forgetPrices(queryClient: QueryClient): Promise<void> {
  const paths = [pricesPath, versionsPath, "/v1/admin/providers", "/v1/admin/providers/:provider"];
  await Promise.all(paths.map((path) => queryClient.invalidateQueries({ queryKey: [path] })));
}
