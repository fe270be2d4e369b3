import { parseArgs } from "node:util";
import postgres from "postgres";
import { migrate, schemaState } from "../lib/migrations.ts";

export const migrateHelp = `usage: pnpm db:migrate [--status] [--wait <seconds>] [--json]
Brings the schema to what this code wants: whole, or not at all.`;

export type MigrateSettings = {
  url: string;
  runtimeUrl: string | null;
  readonlyUrl: string | null;
  environment: string;
};

/** `migrate`: prints name and milliseconds of each migration. 1 and one sentence when something stands against it. */
export async function runMigrate(args: readonly string[], settings: MigrateSettings): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      status: { type: "boolean" },
      wait: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(migrateHelp);
    return 0;
  }
  const sql = postgres(settings.url, { max: 1, onnotice: () => {}, connect_timeout: 10 });
  try {
    if (values.status) {
      const state = await schemaState(sql);
      console.log(
        values.json
          ? JSON.stringify(state)
          : state.state === "ok"
            ? `schema ${state.version}: up to date`
            : state.sentence,
      );
      return state.state === "ok" ? 0 : 1;
    }
    const owner = new URL(settings.url).username;
    const grantee = (url: string | null): string | null => {
      const name = url ? decodeURIComponent(new URL(url).username) : null;
      return name === owner ? null : name;
    };
    const done = await migrate(sql, {
      environment: settings.environment,
      grantTo: { runtime: grantee(settings.runtimeUrl), reader: grantee(settings.readonlyUrl) },
      waitMs: Number(values.wait ?? 60) * 1_000,
      onApplied: (migration, ms) => {
        if (!values.json)
          console.log(`${String(migration.number).padStart(4, "0")} ${migration.name}  ${ms.toFixed(0)} ms`);
      },
    });
    console.log(
      values.json
        ? JSON.stringify(done)
        : `schema ${done.version}: ${done.applied === 0 ? "nothing to do" : `${done.applied} migrations applied`}`,
    );
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
