import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import postgres from "postgres";
import { isDatabaseAway } from "../lib/db.ts";
import { doesNotAnswer, dropSchema, schemaState } from "../lib/migrations.ts";

export const resetDevHelp = `usage: pnpm db:reset:dev [--yes] [--allow-remote] [--json]
Drops every row and table of this machine's database, then migrates and seeds it. Never with NODE_ENV=production, never a
database of another environment or product, never while servers run on it.

  --yes            without being asked
  --allow-remote   also on another host than localhost, 127.0.0.1, ::1 and postgres`;

export type ResetSettings = {
  url: string;
  environment: string;
  production: boolean;
  /** What has to be there for the seed; told before anything is dropped. */
  canSeed: boolean;
  migrate: (args: readonly string[]) => Promise<number>;
  seed: (args: readonly string[]) => Promise<number>;
};

const localHosts = ["localhost", "127.0.0.1", "[::1]", "::1", "postgres"];

/** `reset-dev`: 0 when the database is new and seeded, 1 and one sentence when it was left as it is, 2 on wrong usage. */
export async function runResetDev(args: readonly string[], settings: ResetSettings): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      yes: { type: "boolean" },
      "allow-remote": { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(resetDevHelp);
    return 0;
  }
  const refused = refuse(settings, values["allow-remote"] ?? false) ?? (await judge(settings));
  if (refused) {
    console.error(refused);
    return 1;
  }
  if (!values.yes && !(await isWanted(settings.url))) {
    console.error("nothing was dropped: say --yes");
    return 1;
  }
  await withOwner(settings.url, dropSchema);
  const flags = values.json ? ["--json"] : [];
  return (await settings.migrate(flags)) || (await settings.seed(flags));
}

function refuse(settings: ResetSettings, allowRemote: boolean): string | null {
  if (settings.production)
    return "NODE_ENV is production: this drops a database, and never that of a deployment";
  const { hostname } = new URL(settings.url);
  if (!allowRemote && !localHosts.includes(hostname))
    return "the database is on another host: say --allow-remote if it may be dropped";
  if (!settings.canSeed)
    return "SECRET_ENCRYPTION_KEY is missing: the seed seals with it, and nothing was dropped";
  return null;
}

/** What is older, newer or changed may go; what is not ours may not, nor what somebody uses. */
async function judge(settings: ResetSettings): Promise<string | null> {
  try {
    return await withOwner(settings.url, async (sql) => {
      const state = await schemaState(sql, settings.environment);
      if (state.state === "missing") return null;
      if (state.state !== "ok" && !["older", "newer", "changed"].includes(state.state)) return state.sentence;
      const [live] = await sql<{ count: number }[]>`
        select count(*)::int as count from instances where heartbeat_at > mf_now() - interval '10 seconds'`;
      return live!.count > 0 ? `${live!.count} servers run on this database: stop them first` : null;
    });
  } catch (error) {
    return isDatabaseAway(error) ? doesNotAnswer(error) : (error as Error).message;
  }
}

async function isWanted(url: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const { hostname, pathname } = new URL(url);
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await asking.question(
    `Drop everything in ${pathname.slice(1)} on ${hostname}? Type "yes": `,
  );
  asking.close();
  return answer.trim() === "yes";
}

async function withOwner<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
