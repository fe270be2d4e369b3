import type { Tx } from "../../lib/db.ts";
import { type Usd, usdFromStore, zeroUsd } from "../../lib/money.ts";

/**
 * What developers have earned, by their id: the roll-up and what was booked since. Nothing is payable before payouts
 * exist, and nothing can be owed.
 */
export async function readDeveloperMoney(
  tx: Tx,
  developerIds: readonly string[],
): Promise<Map<string, { balanceUsd: Usd; payableUsd: Usd; debtUsd: Usd }>> {
  const rows = await tx<{ id: string; balance: string }[]>`
    select wallet_id::text as id, sum(balance_usd)::numeric(20,8)::text as balance from wallet_balances
    where scope = 'developer' and wallet_id = any(${[...developerIds]}::uuid[]) group by wallet_id`;
  return new Map(
    rows.map(({ id, balance }) => [
      id,
      { balanceUsd: usdFromStore(balance), payableUsd: zeroUsd, debtUsd: zeroUsd },
    ]),
  );
}
