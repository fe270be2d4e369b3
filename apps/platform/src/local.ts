// `pnpm mf`, `pnpm books`, `pnpm db:*`, `pnpm prices:*`: a command of the server with this machine's secrets and
// database. The environment wins; in production it is all there is.
import { runInForeground } from "./children.ts";
import { dataFolder, makeDataFolder } from "./data-folder.ts";
import { loadDevEnv } from "./dev-env.ts";
import { sentenceOf } from "./failure.ts";
import { lockDataFolder } from "./folder-lock.ts";
import { databaseVariables } from "./platform.ts";
import { findPostgres, startPostgres } from "./postgres.ts";
import { portWishes } from "./settings.ts";
import { findPlatform } from "./state-file.ts";

async function main(args: readonly string[]): Promise<number> {
  const run = (env: NodeJS.ProcessEnv) =>
    runInForeground({ name: args[0] ?? "mf", entry: "apps/server/src/main.ts", args, env });
  const asksForHelp = args.length === 0 || args.some((arg) => arg === "--help" || arg === "-h");
  if (process.env.NODE_ENV?.trim() === "production" || asksForHelp || looksAtOthers(args))
    return run(process.env);

  const dataDir = dataFolder();
  makeDataFolder(dataDir);
  const env = { ...platformVariables(dataDir), ...process.env, ...loadDevEnv(dataDir) };
  if (process.env.DATABASE_URL?.trim()) return run(env);
  const found = findPostgres(dataDir);
  if (found) return run({ ...env, ...databaseVariables(found) });

  const unlock = lockDataFolder(dataDir, `mf ${args[0]}`);
  try {
    console.error("starting PostgreSQL 18 …");
    const postgres = await startPostgres({ dataDir, log: (step) => console.error(`${step} …`) });
    try {
      return await run({ ...env, ...databaseVariables(postgres) });
    } finally {
      await postgres.stop();
    }
  } finally {
    unlock();
  }
}

// What judges a deployment elsewhere must not be told this machine's secrets, nor start its database.
function looksAtOthers([command, check]: readonly string[]): boolean {
  return command === "hosted" && (check === "verify-env" || check === "smoke-readiness");
}

// A further gateway talks to the simulated provider of the running platform; its own port it is told.
function platformVariables(dataDir: string): NodeJS.ProcessEnv {
  const platform = findPlatform(dataDir);
  if (!platform) return {};
  const provider = portWishes(platform.ports).filter(
    ({ variable }) => variable === "PORT_SIMULATED_PROVIDER",
  );
  return {
    MODELFAUCET_API_BASE_URL: platform.urls.api,
    MODELFAUCET_GATEWAY_BASE_URL: platform.urls.gateway,
    // Where a sign-in link leads.
    ...(platform.urls.dashboard ? { DASHBOARD_PUBLIC_BASE_URL: platform.urls.dashboard } : {}),
    ...Object.fromEntries(provider.map(({ variable, port }) => [variable, String(port)])),
  };
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(sentenceOf(error));
  return 1;
});
process.exit();
