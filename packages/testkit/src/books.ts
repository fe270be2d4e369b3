import { deepChecks, minuteChecks, runChecks } from "@modelfaucet/server/modules/books/books.ts";
import type { Check } from "@modelfaucet/server/modules/books/checks.ts";
import postgres from "postgres";
import type { Product } from "./product.ts";

const closedWithinMs = 5_000;

/**
 * What `pnpm books` checks, and that nothing is left open: no hold, nothing held on any account. Waits up to
 * `withinMs` (5 s) for the requests that are just being settled. @throws with every broken check, its rows and sum
 */
export async function expectBooksClean(
  product: Product,
  { withinMs = closedWithinMs }: { withinMs?: number } = {},
): Promise<void> {
  await untilNothingIsOpen(product, withinMs);
  // The role of `pnpm books`, so that what it may not see is not taken for clean.
  const reader = postgres(product.database.readUrl, { max: 1, onnotice: () => {} });
  try {
    const results = await reader.begin("isolation level repeatable read read only", async (tx) => {
      await tx`select set_config('mf.purpose', 'operator', true)`;
      return runChecks(tx as never, [...minuteChecks, ...deepChecks, nothingIsOpen]);
    });
    const broken = results.filter(({ ok }) => !ok);
    if (broken.length > 0) {
      const lines = broken.map(
        ({ name, invariant, violations, samples }) =>
          `${name} (${invariant}): ${violations} rows, ${samples.join(", ")}`,
      );
      throw new Error(`the books are not clean:\n${lines.join("\n")}`);
    }
  } finally {
    await reader.end({ timeout: 2 });
  }
}

/** Open holds of all gateways, and the money that they reserve. */
export async function openHolds(product: Product): Promise<{ count: number; held: string }> {
  const [row] = await product.sql<{ count: number; held: string }[]>`
    select (select count(*) from holds)::int as count,
      (select coalesce(sum(held_usd), 0) from accounts)::numeric(20,8)::text as held`;
  return row!;
}

async function untilNothingIsOpen(product: Product, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    const { count, held } = await openHolds(product);
    if (count === 0 && held === "0.00000000") return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const nothingIsOpen: Check = {
  name: "nothing_is_open",
  invariant: "M12",
  violations: (tx) => tx`
    select 'hold ' || id as id, hold_usd::text as off_usd from holds
    union all
    select 'account ' || kind || '/' || owner_id, held_usd::text from accounts where held_usd <> 0`,
};
