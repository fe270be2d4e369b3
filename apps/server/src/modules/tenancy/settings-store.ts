import type { ModelEntry } from "@modelfaucet/contract/manifest.ts";
import type { Tx } from "../../lib/db.ts";
import { formatUsd, parseUsd, type Usd } from "../../lib/money.ts";
import type { Maxima } from "./rules.ts";

export type OperatorSettings = Maxima & { autoText: ModelEntry[] };

const unlessSet: Maxima = {
  maxMarkupPercent: 300,
  maxDeveloperShareBps: 10_000,
  maxFeeUsd: 100_000_000n as Usd,
};

export async function readSettings(tx: Tx): Promise<OperatorSettings> {
  const rows = await tx<{ name: string; value: unknown }[]>`select name, value from settings`;
  const stored = new Map(rows.map((row) => [row.name, row.value]));
  const fee = stored.get("max_fee_usd");
  return {
    autoText: (stored.get("auto-text") as ModelEntry[] | undefined) ?? [],
    maxMarkupPercent: (stored.get("max_markup_percent") as number | undefined) ?? unlessSet.maxMarkupPercent,
    maxDeveloperShareBps:
      (stored.get("max_developer_share_bps") as number | undefined) ?? unlessSet.maxDeveloperShareBps,
    maxFeeUsd: (typeof fee === "string" ? parseUsd(fee) : null) ?? unlessSet.maxFeeUsd,
  };
}

export async function writeSettings(tx: Tx, change: Partial<OperatorSettings>): Promise<void> {
  for (const [name, value] of namesOf(change)) {
    await tx`insert into settings (name, value) values (${name}, ${tx.json(value as never)})
      on conflict (name) do update set value = excluded.value, updated_at = mf_now()`;
  }
}

/**
 * Sets what is not there yet, and `auto-text` for as long as nobody has said what it is to be. Gives the names that it
 * made and whether anything changed.
 */
export async function seedSettings(
  tx: Tx,
  settings: { autoText: readonly ModelEntry[]; autoTextIsEdited: boolean },
): Promise<{ added: string[]; changed: boolean }> {
  const added: string[] = [];
  for (const [name, value] of namesOf({ ...unlessSet, autoText: [...settings.autoText] })) {
    const rows = await tx`insert into settings (name, value) values (${name}, ${tx.json(value as never)})
      on conflict (name) do nothing returning name`;
    if (rows.length > 0) added.push(name);
  }
  if (settings.autoTextIsEdited) return { added, changed: added.length > 0 };
  const wanted = tx.json([...settings.autoText] as never);
  const moved = await tx`update settings set value = ${wanted}, updated_at = mf_now()
    where name = 'auto-text' and value <> ${wanted} returning name`;
  return { added, changed: added.length > 0 || moved.length > 0 };
}

function namesOf(settings: Partial<OperatorSettings>): [string, unknown][] {
  const all: [string, unknown][] = [
    ["auto-text", settings.autoText],
    ["max_markup_percent", settings.maxMarkupPercent],
    ["max_developer_share_bps", settings.maxDeveloperShareBps],
    ["max_fee_usd", settings.maxFeeUsd === undefined ? undefined : formatUsd(settings.maxFeeUsd)],
  ];
  return all.filter(([, value]) => value !== undefined);
}
