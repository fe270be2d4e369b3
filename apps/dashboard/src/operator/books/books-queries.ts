import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readWallet, reconcileLedger } from "@modelfaucet/contract/routes/admin.ts";
import type { readInvariants } from "@modelfaucet/contract/routes/admin-books.ts";
import { type Reading, read } from "../../api/read.ts";

export type Checks = AnswerOf<typeof readInvariants>;
export type Reconciliation = AnswerOf<typeof reconcileLedger>;

/** Both walk the whole history: they run when the screen opens and when somebody asks, never by themselves. */
const onlyWhenAsked = { staleTime: 5 * 60_000, refetchOnWindowFocus: false, refetchOnReconnect: false };

export function checksQuery(): Reading<typeof readInvariants> {
  return { ...read<typeof readInvariants>("/v1/admin/reconciliation/invariants"), ...onlyWhenAsked };
}

export function mismatchesQuery(): Reading<typeof reconcileLedger> {
  const path = "/v1/admin/reconciliation/ledger";
  const query = { only: "mismatch", limit: 200 } as const;
  return { ...read<typeof reconcileLedger>(path, { query }), ...onlyWhenAsked };
}

export function walletQuery(id: string): Reading<typeof readWallet> {
  return { ...read<typeof readWallet>("/v1/admin/wallets/:id", { params: { id } }), staleTime: 5 * 60_000 };
}
