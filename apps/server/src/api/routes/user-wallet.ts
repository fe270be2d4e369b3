import {
  listUserTransactions,
  readUserWallet as readUserWalletRoute,
} from "@modelfaucet/contract/routes/user.ts";
import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { usdFromStore } from "../../lib/money.ts";
import {
  createWalletWatch,
  listTransactions,
  readUserWallet,
  type TestMoneyRule,
} from "../../modules/books/books.ts";
import type { Directory } from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";
import { boundLimits } from "./limits.ts";

export type UserWalletDeps = TestMoneyRule & {
  database: Pick<Database, "read">;
  directory: Pick<Directory, "app">;
  onError: (error: unknown) => void;
};

/** The wallet, waited for where it is asked to, and what moved on it. */
export function userWalletRoutes(deps: UserWalletDeps): readonly Mounted[] {
  const watch = createWalletWatch({ database: deps.database, onError: deps.onError });
  return [
    mount(readUserWalletRoute, async (call) => {
      const { appId, endUserId, sessionId } = call.actor.session;
      const { changed_from: known, wait_seconds: waitSeconds = 0 } = call.query;
      if (known !== undefined && waitSeconds > 0) {
        const wallet = { appId, id: endUserId };
        await watch.untilDiffers(wallet, usdFromStore(known), waitSeconds * 1_000, call.leaving());
      }
      const { specs } = await boundLimits(deps, call.actor.session);
      const user = { appId, endUserId, sessionId };
      const wallet = await call.read((tx) => readUserWallet(tx, user, specs, deps));
      if (!wallet) throw new ApiError("not_found", "There is no such wallet.");
      return wallet;
    }),
    mount(listUserTransactions, async (call) => {
      const { appId, endUserId } = call.actor.session;
      const { limit, cursor, ...filter } = call.query;
      const slice = { before: placeOf(cursor, placeForms.number), limit };
      const wallet = { appId, id: endUserId, ownerScope: "end_user" } as const;
      const page = await call.read((tx) => listTransactions(tx, wallet, filter, slice));
      return { items: page.items, next_cursor: cursorOf(page.next) };
    }),
  ];
}
