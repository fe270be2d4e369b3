import { listUserReceipts, readUserReceipt } from "@modelfaucet/contract/routes/user.ts";
import { ApiError } from "../../lib/errors.ts";
import { uuidOfPrefixed } from "../../lib/ids.ts";
import { listReceipts, readReceipt } from "../../modules/receipt/receipt.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

export function userReceiptRoutes(): readonly Mounted[] {
  return [
    mount(listUserReceipts, async (call) => {
      const { appId, endUserId } = call.actor.session;
      const { limit, cursor, ...filter } = call.query;
      const slice = { before: placeOf(cursor, placeForms.uuid), limit };
      const page = await call.read((tx) => listReceipts(tx, { appId, endUserId }, filter, slice));
      return { items: page.items, next_cursor: cursorOf(page.next) };
    }),
    mount(readUserReceipt, async (call) => {
      const { appId, endUserId } = call.actor.session;
      const id = uuidOfPrefixed(call.params.id, "rcpt_req_", "req_");
      const receipt = id === null ? null : await call.read((tx) => readReceipt(tx, { appId, endUserId }, id));
      if (!receipt) throw new ApiError("not_found", "There is no such receipt.");
      return receipt;
    }),
  ];
}
