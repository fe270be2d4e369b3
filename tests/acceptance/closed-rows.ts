import type { Product } from "@modelfaucet/testkit/product.ts";

export type UsageRow = { outcome: string; error_code: string | null; charge_usd: string };

/** The settlement log, oldest first. */
export function usageRows(product: Product): Promise<UsageRow[]> {
  return product.sql<
    UsageRow[]
  >`select outcome, error_code, charge_usd::text from usage_events order by created_at, id`;
}

/** Waits for what is to become true. @throws when it has not within `ms` */
export async function until(what: string, isTrue: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
