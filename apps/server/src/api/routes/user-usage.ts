import { listUserUsage } from "@modelfaucet/contract/routes/user.ts";
import { uuidOfPrefixed } from "../../lib/ids.ts";
import { listUsage, type UsageItem } from "../../modules/receipt/receipt.ts";
import type { Page } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

/** The session's user sees every request of its own in this app. */
export function userUsageRoutes(): readonly Mounted[] {
  return [
    mount(listUserUsage, async (call) => {
      const { appId, endUserId } = call.actor.session;
      const { limit, cursor, request_id: asked, ...query } = call.query;
      const id = asked === undefined ? undefined : uuidOfPrefixed(asked, "req_");
      const slice = { before: placeOf(cursor, placeForms.uuid), limit };
      // A request id that is none of ours names no request.
      if (id === null) return noRequests;
      const filter = {
        id,
        featureKey: query.feature_key,
        routeMode: query.route_mode,
        model: query.model,
        status: query.status,
        from: query.from,
        to: query.to,
      };
      const page = await call.read((tx) => listUsage(tx, { appId, endUserId }, filter, slice));
      return { items: page.items, next_cursor: cursorOf(page.next) };
    }),
  ];
}

const noRequests: Page<UsageItem> = { items: [], next_cursor: null };
