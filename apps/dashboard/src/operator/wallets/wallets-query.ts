import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listWallets, listWalletTransactions, readWallet } from "@modelfaucet/contract/routes/admin.ts";
import { type Reading, read, readKept } from "../../api/read.ts";
import type { WalletSearch, WalletsSearch } from "../search.ts";

export type WalletItem = AnswerOf<typeof readWallet>;
export type WalletTransaction = AnswerOf<typeof listWalletTransactions>["items"][number];

export const walletsPath = "/v1/admin/wallets";
export const transactionsPath = "/v1/admin/wallets/:id/transactions";

const perPage = 50;

export function walletsQuery({
  scope,
  status,
  app,
  owner,
  cursor,
}: WalletsSearch): Reading<typeof listWallets> {
  return readKept<typeof listWallets>(walletsPath, {
    query: {
      limit: perPage,
      owner_scope: scope,
      status,
      public_app_id: app,
      owner_id: owner,
      cursor,
    },
  });
}

export function walletQuery(id: string): Reading<typeof readWallet> {
  return read<typeof readWallet>("/v1/admin/wallets/:id", { params: { id } });
}

export function transactionsQuery(
  id: string,
  { kind, cursor }: WalletSearch,
): Reading<typeof listWalletTransactions> {
  return readKept<typeof listWalletTransactions>(transactionsPath, {
    params: { id },
    query: { limit: perPage, kind, cursor },
  });
}
