import { reconcileLedger } from "@modelfaucet/contract/routes/admin.ts";
import { reconcileWallets } from "../../modules/books/books.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

export function adminReconciliationRoutes(): readonly Mounted[] {
  return [
    mount(reconcileLedger, async (call) => {
      const { limit, cursor, only, owner_scope: ownerScope, from, to } = call.query;
      const slice = { before: placeOf(cursor, placeForms.uuid), limit };
      const filter = { ownerScope, from, to, onlyMismatch: only === "mismatch" };
      const found = await call.read((tx) => reconcileWallets(tx, filter, slice));
      return {
        generated_at: found.generatedAt.toISOString(),
        summary: {
          wallet_count: found.wallets,
          balanced_count: found.wallets - found.mismatches,
          mismatch_count: found.mismatches,
        },
        items: found.items.map((row) => ({
          wallet_id: row.wallet_id,
          owner_scope: row.owner_scope,
          owner_id: row.wallet_id,
          wallet_balance_usd: row.stored_usd,
          ledger_balance_usd: row.derived_usd,
          delta_usd: row.delta_usd,
          status: row.delta_usd === "0.00000000" ? ("balanced" as const) : ("mismatch" as const),
        })),
        next_cursor: cursorOf(found.next),
      };
    }),
  ];
}
