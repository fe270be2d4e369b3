import { readAppUsage as readAppUsageRoute } from "@modelfaucet/contract/routes/apps.ts";
import { readAppUsage } from "../../modules/receipt/receipt.ts";
import { invalidApp, readApp } from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

export function appUsageRoutes(): readonly Mounted[] {
  return [
    mount(readAppUsageRoute, async (call) => {
      const { actor, params } = call;
      const { limit, cursor, ...query } = call.query;
      const slice = { before: placeOf(cursor, placeForms.uuid), limit };
      const filter = {
        featureKey: query.feature_key,
        routeMode: query.route_mode,
        from: query.from,
        to: query.to,
      };
      const scope =
        actor.class === "op"
          ? { developerId: null, publicAppIds: null }
          : { developerId: actor.caller.developerId, publicAppIds: actor.caller.publicAppIds };
      return call.read(async (tx) => {
        const app = await readApp(tx, params.publicAppId, scope);
        if (!app) throw invalidApp();
        const usage = await readAppUsage(tx, app.id, filter, slice);
        return {
          public_app_id: app.publicAppId,
          app_name: app.name,
          total_calls: usage.calls,
          total_input_tokens: usage.inputTokens,
          total_output_tokens: usage.outputTokens,
          total_charge_usd: usage.chargeUsd,
          total_developer_share_usd: usage.developerShareUsd,
          usage: usage.page.items,
          next_cursor: cursorOf(usage.page.next),
        };
      });
    }),
  ];
}
