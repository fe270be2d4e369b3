import { modelEntryOf } from "@modelfaucet/contract/manifest.ts";
import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/platform.ts";
import { updateSettings } from "../../flows/settings.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";
import { type OperatorSettings, readSettings } from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";
import { limitsAnswer } from "./developer-account.ts";

export function adminSettingsRoutes(deps: {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
}): Mounted[] {
  return [
    mount(routes.readSettings, async ({ read }) => settingsAnswer(await read(readSettings))),
    mount(routes.updateSettings, async ({ body, audit }) => {
      const named: Partial<OperatorSettings> = {
        ...(body["auto-text"] && { autoText: body["auto-text"].map(modelEntryOf) }),
        ...(body.max_markup_percent !== undefined && { maxMarkupPercent: body.max_markup_percent }),
        ...(body.max_developer_share_bps !== undefined && {
          maxDeveloperShareBps: body.max_developer_share_bps,
        }),
        ...(body.max_fee_usd !== undefined && { maxFeeUsd: parseUsd(body.max_fee_usd) as Usd }),
      };
      return settingsAnswer(await updateSettings(deps, audit, named, body.reason));
    }),
  ];
}

function settingsAnswer(settings: OperatorSettings) {
  // Options came in as JSON, so they are JSON.
  return { "auto-text": settings.autoText as AutoText, ...limitsAnswer(settings) };
}

type AutoText = AnswerOf<typeof routes.readSettings>["auto-text"];
