import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { type OperatorSettings, readSettings, writeSettings } from "../modules/tenancy/tenancy.ts";

/** Changes the settings that are named; in force on every instance when this answers. */
export async function updateSettings(
  deps: { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> },
  actor: AuditActor,
  change: Partial<OperatorSettings>,
  reason: string,
): Promise<OperatorSettings> {
  const { after, version } = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const before = await readSettings(tx);
    await writeSettings(tx, change);
    const after = await readSettings(tx);
    for (const name of Object.keys(change) as (keyof OperatorSettings)[]) {
      await append(tx, {
        ...actor,
        action: "settings.update",
        resourceType: "setting",
        resourceId: settingNames[name],
        reason,
        before: { value: before[name] },
        after: { value: after[name] },
      });
    }
    return { after, version: await announce(tx, "settings", "operator") };
  });
  await deps.feed.waitUntilSeen(version);
  return after;
}

/** As the wire and the table spell them. */
const settingNames: Record<keyof OperatorSettings, string> = {
  autoText: "auto-text",
  maxMarkupPercent: "max_markup_percent",
  maxDeveloperShareBps: "max_developer_share_bps",
  maxFeeUsd: "max_fee_usd",
};
