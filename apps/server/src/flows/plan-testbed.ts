import { type ModelPrice, unknownPrice } from "../modules/pricing/pricing.ts";
import type { PlanSources } from "./complete/plan-context.ts";

/** Plans of an operator who has every provider, and a price for every model unless `isPriced` says otherwise; nobody has keys. */
export function openPlans(isPriced: (model: string) => boolean = () => true): PlanSources {
  const upstream = (name: string) => ({
    name,
    baseUrl: "http://127.0.0.1:1/v1",
    dialect: "openai" as const,
    status: "on" as const,
    keys: [null],
    health: { lastSuccessAtMs: null, recent: [], last: null },
  });
  const price = (provider: string, model: string): ModelPrice | null =>
    isPriced(model) ? unknownPrice(provider, model) : null;
  return {
    prices: { find: price, version: () => 1, providersOf: () => [], reload: async () => {} },
    upstreams: {
      find: upstream,
      keyId: () => null,
      all: () => [],
      configured: () => [],
      allowsOrigin: () => true,
      record: () => {},
      reload: async () => {},
    },
    switches: { isOff: () => false },
    keysOf: { user: async () => [], developer: async () => [] },
  };
}
