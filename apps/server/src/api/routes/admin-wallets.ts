import { createHash } from "node:crypto";
import { routeName } from "@modelfaucet/contract/route.ts";
import {
  createAdjustment,
  creditTestBalance as creditTestBalanceRoute,
  listWallets as listWalletsRoute,
  listWalletTransactions,
  readWallet,
} from "@modelfaucet/contract/routes/admin.ts";
import { adjustWallet } from "../../flows/adjust-wallet.ts";
import { type CreditTestBalanceDeps, creditTestBalance } from "../../flows/credit-test-balance.ts";
import type { ByHand } from "../../flows/move-once.ts";
import { ApiError } from "../../lib/errors.ts";
import { parseUsd } from "../../lib/money.ts";
import { findWallet, listTransactions, listWallets } from "../../modules/books/books.ts";
import { type Call, type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

export type AdminWalletDeps = CreditTestBalanceDeps;

/** Everybody's wallets, and the two ways in which an operator moves money by hand. */
export function adminWalletRoutes(deps: AdminWalletDeps): readonly Mounted[] {
  return [
    mount(listWalletsRoute, async (call) => {
      const { limit, cursor, ...query } = call.query;
      const slice = { before: placeOf(cursor, placeForms.uuid), limit };
      const filter = {
        // A wallet is its owner's alone and has the owner's id.
        id: query.owner_id,
        ownerScope: query.owner_scope,
        publicAppId: query.public_app_id,
        status: query.status,
        from: query.from,
        to: query.to,
      };
      const page = await call.read((tx) => listWallets(tx, filter, slice, deps));
      return { items: page.items, next_cursor: cursorOf(page.next) };
    }),
    mount(readWallet, async (call) => {
      const wallet = await call.read((tx) => findWallet(tx, call.params.id, deps));
      if (!wallet) throw noWallet();
      return wallet.object;
    }),
    mount(listWalletTransactions, async (call) => {
      const { limit, cursor, ...filter } = call.query;
      return call.read(async (tx) => {
        const wallet = await findWallet(tx, call.params.id, deps);
        if (!wallet) throw noWallet();
        const form = wallet.ownerScope === "end_user" ? placeForms.number : placeForms.transaction;
        const page = await listTransactions(tx, { ...wallet, id: call.params.id }, filter, {
          before: placeOf(cursor, form),
          limit,
        });
        return { items: page.items, next_cursor: cursorOf(page.next) };
      });
    }),
    mount(creditTestBalanceRoute, async (call) => {
      const amountUsd = parseUsd(call.body.amount_usd)!;
      const told = await creditTestBalance(deps, byHand(call, creditTestBalanceRoute), {
        walletId: call.params.id,
        amountUsd,
      });
      return told.answer;
    }),
    mount(createAdjustment, async (call) => {
      const { direction, amount_usd, reason } = call.body;
      const told = await adjustWallet(deps, byHand(call, createAdjustment), {
        walletId: call.params.id,
        direction,
        amountUsd: parseUsd(amount_usd)!,
        reason,
      });
      return told.answer;
    }),
  ];
}

type MovingCall = Call<typeof creditTestBalanceRoute> | Call<typeof createAdjustment>;

/** The claim of the call's key: it belongs to the person and the route, and means this wallet and this body alone. */
function byHand(call: MovingCall, route: typeof creditTestBalanceRoute | typeof createAdjustment): ByHand {
  const { audit: actor, requestId, idempotencyKey } = call;
  if (idempotencyKey === null) return { actor, key: null, requestId };
  const fingerprint = createHash("sha256")
    .update(call.params.id)
    .update("\n")
    .update(call.rawBody)
    .digest("hex");
  const caller = `operator:${call.actor.person}`;
  return { actor, requestId, key: { caller, route: routeName(route), key: idempotencyKey, fingerprint } };
}

const noWallet = (): ApiError => new ApiError("not_found", "There is no such wallet.");
