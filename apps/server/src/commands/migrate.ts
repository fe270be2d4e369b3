import { parseArgs } from "node:util";
import postgres from "postgres";
import { isDatabaseAway } from "../lib/db.ts";
import { doesNotAnswer, type Migrated, migrate, pendingMigrations, schemaState } from "../lib/migrations.ts";
import type { Migration, SchemaState } from "../lib/migrations-state.ts";

export const migrateHelp = `usage: pnpm db:migrate [--status | --dry-run] [--wait <seconds>] [--json]
Brings the schema to what this code wants: whole, or not at all. It stamps HOSTED_ENVIRONMENT into a new database and
refuses the database of another environment or another product.

  --status    only says what stands between this code and the database: 0 when nothing does
  --dry-run   names what would be applied, and changes nothing
  --wait 60   seconds to wait for another migration, and for locks that the servers hold`;

export type MigrateSettings = {
  url: string;
  runtimeUrl: string | null;
  readonlyUrl: string | null;
  environment: string;
};

type Wanted = { status: boolean; dryRun: boolean; waitSeconds: number; json: boolean };

/**
 * `migrate`: prints name and milliseconds of each migration. 1 and one sentence when something stands against it,
 * 2 on wrong usage.
 */
export async function runMigrate(args: readonly string[], settings: MigrateSettings): Promise<number> {
  const wanted = readArgs(args);
  if (wanted === "help") {
    console.log(migrateHelp);
    return 0;
  }
  if (typeof wanted === "string") {
    console.error(wanted);
    return 2;
  }
  const sql = postgres(settings.url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    if (wanted.status) return printState(await schemaState(sql, settings.environment), wanted.json);
    if (wanted.dryRun) return printPending(await pendingMigrations(sql, settings), wanted.json);
    return printDone(await applyAll(sql, settings, wanted), wanted.json);
  } catch (error) {
    console.error(isDatabaseAway(error) ? doesNotAnswer(error) : (error as Error).message);
    return 1;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** What was asked for, `help`, or the sentence that says what is wrong with it. */
function readArgs(args: readonly string[]): Wanted | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      status: { type: "boolean" },
      "dry-run": { type: "boolean" },
      wait: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) return "help";
  const waitSeconds = Number(values.wait ?? "60");
  if (!Number.isInteger(waitSeconds) || waitSeconds < 1 || waitSeconds > 3_600)
    return "--wait wants a whole number of seconds between 1 and 3600";
  if (values.status && values["dry-run"]) return "--status and --dry-run exclude each other";
  return {
    status: values.status ?? false,
    dryRun: values["dry-run"] ?? false,
    json: values.json ?? false,
    waitSeconds,
  };
}

function applyAll(sql: postgres.Sql, settings: MigrateSettings, wanted: Wanted): Promise<Migrated> {
  const owner = loginOf(settings.url);
  const grantee = (url: string | null): string | null => {
    const login = url === null ? null : loginOf(url);
    return login === owner ? null : login;
  };
  return migrate(sql, {
    environment: settings.environment,
    grantTo: { runtime: grantee(settings.runtimeUrl), reader: grantee(settings.readonlyUrl) },
    waitMs: wanted.waitSeconds * 1_000,
    onApplied: (migration, ms) => {
      if (!wanted.json) console.log(`${nameOf(migration)}  ${ms.toFixed(0)} ms`);
    },
  });
}

const loginOf = (url: string): string => decodeURIComponent(new URL(url).username);

function printState(state: SchemaState, json: boolean): number {
  const shown = state.state === "ok" ? `schema ${state.version}: up to date` : state.sentence;
  console.log(json ? JSON.stringify(state) : shown);
  return state.state === "ok" ? 0 : 1;
}

function printPending(pending: readonly Migration[], json: boolean): number {
  if (json) {
    const names = pending.map(({ number, name, compatibleWith }) => ({
      number,
      name,
      compatible_with: compatibleWith,
    }));
    console.log(JSON.stringify({ pending: names }));
    return 0;
  }
  for (const migration of pending) console.log(`${nameOf(migration)}  would be applied`);
  console.log(
    pending.length === 0 ? "nothing to do" : `${pending.length} migrations, and nothing was changed`,
  );
  return 0;
}

function printDone(done: Migrated, json: boolean): number {
  for (const login of done.absent_logins)
    console.error(
      `the server has no login "${login}", so the schema was not granted to it: make it, then run this again`,
    );
  const applied = done.applied === 0 ? "nothing to do" : `${done.applied} migrations applied`;
  console.log(
    json ? JSON.stringify(done) : `schema ${done.version} of environment "${done.environment}": ${applied}`,
  );
  return 0;
}

const nameOf = ({ number, name }: Migration): string => `${String(number).padStart(4, "0")} ${name}`;
