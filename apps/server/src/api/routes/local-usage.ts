import * as routes from "@modelfaucet/contract/routes/local.ts";
import { plannableFeatures } from "../../flows/complete/plan.ts";
import { recordLocalUsage } from "../../flows/local-usage.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { readEpoch } from "../../modules/books/books.ts";
import type { PriceBook } from "../../modules/pricing/pricing.ts";
import { type Directory, invalidApp } from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";

export type LocalUsageRouteDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "now">;
  directory: Pick<Directory, "app">;
  prices: Pick<PriceBook, "version">;
};

/** What users' own machines tell of themselves. */
export function localUsageRoutes(deps: LocalUsageRouteDeps): Mounted[] {
  return [
    mount(routes.reportLocalUsage, async ({ actor: { session }, body }) => {
      const app = await deps.directory.app(session.appId);
      if (!app) throw invalidApp();
      const flow = {
        database: deps.database,
        priceVersion: deps.prices.version,
        epoch: () => readEpoch(deps.database),
        nowMs: deps.feed.now,
      };
      const reports = "reports" in body ? body.reports : [body];
      return { items: await recordLocalUsage(flow, session, plannableFeatures(app), reports) };
    }),
  ];
}
