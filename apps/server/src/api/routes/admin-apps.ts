import * as routes from "@modelfaucet/contract/routes/admin.ts";
import { updateAppAsOperator } from "../../flows/apps.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { invalidApp, listApps, readApp } from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { appAnswer } from "./developer-apps.ts";
import { pageQueryOf } from "./developer-paging.ts";

export function adminAppRoutes(deps: {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
}): Mounted[] {
  return [
    mount(routes.listAppsAsOperator, async ({ query, read }) => {
      const scope = { developerId: query.developer_id ?? null, publicAppIds: null };
      const filter = { ...scope, status: query.status, q: query.q, ...pageQueryOf(query) };
      const rows = await read((tx) => listApps(tx, filter));
      return pageOf(
        rows,
        query.limit,
        ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
        appAnswer,
      );
    }),
    mount(routes.readAppAsOperator, async ({ params, read }) => {
      const app = await read((tx) =>
        readApp(tx, params.publicAppId, { developerId: null, publicAppIds: null }),
      );
      if (!app) throw invalidApp();
      return appAnswer(app);
    }),
    mount(routes.updateAppAsOperator, async ({ params, body, audit }) =>
      appAnswer(
        await updateAppAsOperator(deps, audit, {
          publicAppId: params.publicAppId,
          limits: body.limits,
          expectedVersion: body.expected_version,
          reason: body.reason,
        }),
      ),
    ),
  ];
}
