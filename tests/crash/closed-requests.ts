import type { Product } from "@modelfaucet/testkit/product.ts";

export type UsageRow = {
  id: string;
  client_request_id: string | null;
  outcome: string;
  error_code: string | null;
  charge_usd: string;
  absorbed_cost_usd: string;
  created_at: Date;
};

export function usageRows(product: Product): Promise<UsageRow[]> {
  return product.sql<UsageRow[]>`
    select id::text, client_request_id, outcome, error_code, charge_usd::text, absorbed_cost_usd::text, created_at
    from usage_events order by id`;
}

export async function openHolds(product: Product): Promise<number> {
  const [row] = await product.sql<{ open: number }[]>`select count(*)::int as open from holds`;
  return row!.open;
}

/** Waits for what is to become true, asking again and again. @throws when it has not within `ms` */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  ms: number,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
