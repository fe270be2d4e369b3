import { listRequests, readRequest } from "@modelfaucet/contract/routes/developer.ts";
import type { Tx } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { uuidOfPrefixed } from "../../lib/ids.ts";
import { parseUsd } from "../../lib/money.ts";
import { listLedgerTransactions } from "../../modules/analytics/analytics.ts";
import type { DeveloperCaller } from "../../modules/identity/identity.ts";
import {
  listUsage,
  type RequestScope,
  readRequestDetail,
  type UsageItem,
} from "../../modules/receipt/receipt.ts";
import type { Page } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

export function developerRequestRoutes(): readonly Mounted[] {
  return [
    mount(listRequests, async (call) => {
      const { limit, cursor, ...query } = call.query;
      const { caller } = call.actor;
      const slice = { before: placeOf(cursor, placeForms.uuid), limit };
      // Another developer's requests are no requests, whoever asks for them.
      if (caller.developerId !== null && (query.developer_id ?? caller.developerId) !== caller.developerId) {
        return noRequests;
      }
      const filter = {
        publicAppId: query.public_app_id,
        featureKey: query.feature_key,
        routeMode: query.route_mode,
        provider: query.provider,
        model: query.model,
        status: query.status,
        endUserId: query.user_id,
        minChargeUsd: query.min_charge_usd === undefined ? undefined : parseUsd(query.min_charge_usd)!,
        from: query.from,
        to: query.to,
      };
      const scope = scopeOf(caller, query.developer_id);
      const page = await call.read((tx) => listUsage(tx, scope, filter, slice));
      return { items: page.items, next_cursor: cursorOf(page.next) };
    }),
    mount(readRequest, async (call) => {
      const id = uuidOfPrefixed(call.params.request_id, "req_");
      const scope = scopeOf(call.actor.caller, undefined);
      const found = id === null ? null : await call.read((tx) => readWithBooks(tx, scope, id));
      if (!found) throw new ApiError("not_found", "There is no such request.");
      return found;
    }),
  ];
}

/** A request with what it moved. Corrections are few: one page of the books holds them all. */
async function readWithBooks(tx: Tx, scope: RequestScope, id: string) {
  const detail = await readRequestDetail(tx, scope, id);
  if (!detail) return null;
  const { items } = await listLedgerTransactions(tx, { sourceId: id }, { before: null, limit: 20 });
  return { ...detail, transactions: items.reverse() };
}

/** The developer's own requests, of the apps that the token is kept to; the bootstrap credential sees all. */
function scopeOf(caller: DeveloperCaller, developerId: string | undefined): RequestScope {
  return { developerId: caller.developerId ?? developerId ?? null, publicAppIds: caller.publicAppIds };
}

const noRequests: Page<UsageItem> = { items: [], next_cursor: null };
