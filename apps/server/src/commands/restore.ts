import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Config } from "../config.ts";
import { type DrillReport, drillRestore } from "../flows/backup/drill-restore.ts";
import { type RestoreDeps, type RestoreReport, restoreBackup } from "../flows/backup/restore-backup.ts";
import type { Database } from "../lib/db.ts";
import { requireOurDatabase } from "../lib/migrations.ts";
import { createSecretBox } from "../lib/secret-box.ts";
import { findTools } from "../modules/backup/backup.ts";
import { runIsolationChecks } from "../modules/isolation/isolation.ts";
import { bootstrapActor, endOfProcess, openWithoutLimits } from "./backup.ts";

export const restoreHelp = `usage: pnpm ops:restore --from <folder> [--drill [--scratch-server <url>]] [--pg-bin <folder>] [--json]
Restores a backup into the empty database of DATABASE_MIGRATION_URL or DATABASE_URL, releases what was in flight, and
checks rows, books, wallets, isolation and every sealed value. 1 unless all of it passes.
--drill restores into a scratch database that it makes and drops, and marks the backup as tested. The login of
DATABASE_MIGRATION_URL then needs CREATEDB; or --scratch-server names a server with a login that has it.`;

/** `restore`: 0 when everything passed; 1 and a sentence otherwise; 2 on wrong usage. */
export async function runRestore(args: readonly string[], config: Config): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      from: { type: "string" },
      drill: { type: "boolean" },
      "scratch-server": { type: "string" },
      "pg-bin": { type: "string" },
      json: { type: "boolean" },
    },
  });
  if (!values.from || (values["scratch-server"] !== undefined && !values.drill)) {
    console.error(restoreHelp);
    return 2;
  }
  const url = config.database.migrationUrl;
  if (!url) throw new Error("DATABASE_URL is missing: it names the database that is restored into");
  if (!config.secretEncryptionKey)
    throw new Error("SECRET_ENCRYPTION_KEY is missing: every sealed value of the backup is opened with it");
  const deps = await depsOf(config, url, values["pg-bin"] ?? null, config.secretEncryptionKey);
  const folder = resolve(values.from);
  const startedAt = performance.now();
  const report = values.drill
    ? await runDrill(deps, config, { folder, url, scratchServer: values["scratch-server"] ?? null })
    : await restoreBackup(deps, { folder, url, environment: config.hosted.environment });
  print(report, folder, performance.now() - startedAt, values.json === true);
  return report.ok ? 0 : 1;
}

type Wanted = { folder: string; url: string; scratchServer: string | null };

async function runDrill(
  deps: RestoreDeps,
  config: Config,
  { folder, url, scratchServer }: Wanted,
): Promise<DrillReport> {
  const { environment } = config.hosted;
  const source = openWithoutLimits(config, url);
  try {
    await requireOurDatabase(source, environment);
    return await drillRestore(deps, {
      folder,
      serverUrl: scratchServer ?? url,
      source: { database: source, environment },
    });
  } finally {
    await source.close();
  }
}

async function depsOf(
  config: Config,
  ownerUrl: string,
  pgBin: string | null,
  ring: NonNullable<Config["secretEncryptionKey"]>,
): Promise<RestoreDeps> {
  const owner = loginOf(ownerUrl);
  const grantee = (url: string | null): string | null => {
    const login = url === null ? null : loginOf(url);
    return login === owner ? null : login;
  };
  return {
    open: (url) => openWithoutLimits(config, url),
    tools: await findTools(pgBin),
    secretBox: createSecretBox(ring),
    grantTo: { runtime: grantee(config.database.url), reader: grantee(config.database.readonlyUrl) },
    maxBatch: config.database.groupCommitMaxBatch,
    statementTimeoutMs: config.database.statementTimeoutMs,
    checkIsolation,
    actor: bootstrapActor,
    tell: (line) => console.error(line),
    signal: endOfProcess(),
  };
}

const loginOf = (url: string): string => decodeURIComponent(new URL(url).username);

async function checkIsolation(database: Database): Promise<{ ok: boolean; detail: string }> {
  const results = await database.read({ purpose: "isolation" }, runIsolationChecks);
  const failed = results.filter(({ mismatches }) => mismatches > 0);
  const detail = failed.map(({ name, mismatches, tables }) => {
    const named = tables.length > 0 ? ` (${tables.join(", ")})` : "";
    return `${name}: ${mismatches} mismatched${named}`;
  });
  return {
    ok: failed.length === 0,
    detail: failed.length === 0 ? `${results.length} checks hold` : detail.join("; "),
  };
}

function print(report: RestoreReport | DrillReport, folder: string, totalMs: number, asJson: boolean): void {
  const testedAt = "testedAt" in report ? report.testedAt : null;
  if (asJson) {
    console.log(
      JSON.stringify({
        ok: report.ok,
        from: folder,
        backup_id: report.manifest?.id ?? null,
        ...("testedAt" in report ? { tested_at: testedAt } : {}),
        seconds: Math.round(totalMs) / 1000,
        steps: report.steps,
        ...(report.sentence === null ? {} : { error: report.sentence }),
      }),
    );
    return;
  }
  const width = Math.max(...report.steps.map(({ name }) => name.length));
  for (const { name, ok, ms, detail } of report.steps)
    console.log(`${ok ? "PASS" : "FAIL"}  ${name.padEnd(width)}  ${String(ms).padStart(6)} ms  ${detail}`);
  if (report.sentence !== null) {
    console.error(report.sentence);
    return;
  }
  const tested = testedAt === null ? "restored" : "the drill passed and the backup is marked as tested";
  console.log(`${folder}: ${tested}, ${(totalMs / 1000).toFixed(1)} s`);
}
