import { join } from "node:path";
import { parseArgs } from "node:util";
import { detachUsage, findEndedMonths, type KeptMonth } from "../flows/detach-usage.ts";
import { countEnded, type Retained, type RetentionLimits, removeEnded } from "../flows/retention.ts";
import { type Database, sqlState } from "../lib/db.ts";

export const retentionHelp = `usage: pnpm mf retention run [--dry-run] [--to <folder>] [--json]
Removes what its time is over for: sessions (RETENTION_SESSIONS_DAYS), idempotency keys (RETENTION_IDEMPOTENCY_HOURS), kept
answers and recorded calls after a day, limits whose window ended 400 days ago, and whole months of usage (RETENTION_USAGE_MONTHS), which are
exported with a checksum first. 0 keeps. Entries of the ledger are never removed, and what belongs to an open request stays.

  --dry-run       counts what would go, and changes nothing
  --to <folder>   where months of usage are exported to; in production they stay without it`;

export type RetentionSettings = RetentionLimits & {
  usageMonths: number;
  dataDir: string;
  production: boolean;
};

/** `retention run`: 0 when it is done, 1 when something that was due had to stay, 2 on wrong usage. */
export async function runRetention(
  args: readonly string[],
  database: Database,
  settings: RetentionSettings,
): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      "dry-run": { type: "boolean" },
      to: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(retentionHelp);
    return 0;
  }
  if (positionals.length !== 1 || positionals[0] !== "run") {
    console.error(retentionHelp);
    return 2;
  }
  const report = await retain(database, settings, {
    dryRun: values["dry-run"] ?? false,
    folder: values.to ?? (settings.production ? null : join(settings.dataDir, "retention")),
  });
  if (values.json) console.log(JSON.stringify(report));
  else for (const line of linesOf(report)) console.log(line);
  return report.usage_kept.length > 0 && !report.dry_run ? 1 : 0;
}

type Report = {
  dry_run: boolean;
  removed: Retained;
  usage_months: { month: string; file: string | null }[];
  usage_kept: KeptMonth[];
};

async function retain(
  database: Database,
  settings: RetentionSettings,
  wanted: { dryRun: boolean; folder: string | null },
): Promise<Report> {
  const actor = { actorScope: "bootstrap", actorName: "bootstrap" } as const;
  const months = await findEndedMonths(database, settings.usageMonths);
  if (wanted.dryRun) {
    const removed = await countEnded(database, settings);
    return {
      dry_run: true,
      removed,
      usage_months: months.map(({ month }) => ({ month, file: null })),
      usage_kept: [],
    };
  }
  const removed = await removeEnded(database, settings, actor);
  if (wanted.folder === null) {
    const why = "no folder to export it to was named: give --to";
    return {
      dry_run: false,
      removed,
      usage_months: [],
      usage_kept: months.map(({ month }) => ({ month, why })),
    };
  }
  const { folder } = wanted;
  const { detached, kept } = await detachUsage(database, months, { folder, actor }).catch(
    (error: unknown) => {
      if (sqlState(error) !== "42501") throw error;
      throw new Error("only the schema's owner detaches a month: set DATABASE_MIGRATION_URL to its login", {
        cause: error,
      });
    },
  );
  return { dry_run: false, removed, usage_months: detached, usage_kept: kept };
}

function linesOf(report: Report): string[] {
  const width = Math.max(...Object.keys(report.removed).map((name) => name.length));
  const verb = report.dry_run ? "would go" : "removed";
  return [
    ...Object.entries(report.removed).map(
      ([name, count]) => `${name.padEnd(width)}  ${String(count).padStart(9)} ${verb}`,
    ),
    ...report.usage_months.map(
      ({ month, file }) =>
        `usage of ${month.slice(0, 7)}  ${file === null ? "would be exported and detached" : `detached, exported to ${file}`}`,
    ),
    ...report.usage_kept.map(({ month, why }) => `usage of ${month.slice(0, 7)}  stays: ${why}`),
  ];
}
