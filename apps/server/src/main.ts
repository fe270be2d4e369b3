import { type Config, ConfigFault, loadConfig } from "./config.ts";
import type { Database } from "./lib/db.ts";

type Command = { summary: string; run: (args: readonly string[]) => Promise<number> };

const commands: Record<string, Command> = {
  serve: {
    summary: "run the servers of this process: gateway, api, worker",
    run: async (args) => {
      // Before anything else is loaded: what is refused is told at once.
      const config = args.includes("--help") ? null : loadConfig({ need: "serve" });
      const { runServe, serveHelp } = await import("./commands/serve.ts");
      return config ? runServe(args, config) : print(serveHelp);
    },
  },
  migrate: {
    summary: "bring the database's schema to what this code wants",
    run: async (args) => {
      const { migrateHelp, runMigrate } = await import("./commands/migrate.ts");
      if (args.includes("--help")) return print(migrateHelp);
      const { database, hosted } = loadConfig({ need: "command" });
      if (!database.migrationUrl) return needsDatabase();
      return runMigrate(args, {
        url: database.migrationUrl,
        runtimeUrl: database.url,
        readonlyUrl: database.readonlyUrl,
        environment: hosted.environment,
      });
    },
  },
  "reset-dev": {
    summary: "drop this machine's database, migrate and seed it; never in production",
    run: async (args) => {
      const { resetDevHelp, runResetDev } = await import("./commands/reset-dev.ts");
      if (args.includes("--help")) return print(resetDevHelp);
      const config = loadConfig({ need: "command" });
      if (!config.database.migrationUrl) return needsDatabase();
      return runResetDev(args, {
        url: config.database.migrationUrl,
        environment: config.hosted.environment,
        production: config.production,
        canSeed: config.secretEncryptionKey !== null,
        migrate: commands.migrate!.run,
        seed: commands.seed!.run,
      });
    },
  },
  seed: {
    summary: "add the rows that every deployment, and the demo, begin with",
    run: async (args) => {
      const { runSeed, seedHelp } = await import("./commands/seed.ts");
      if (args.includes("--help")) return print(seedHelp);
      const { withSeedDeps } = await import("./wiring-commands.ts");
      return withSeedDeps(loadConfig({ need: "command" }), (deps) => runSeed(deps, args));
    },
  },
  books: {
    summary: "check the books and print the trial balance",
    run: async (args) => {
      const { booksHelp, runBooks } = await import("./commands/books.ts");
      if (args.includes("--help")) return print(booksHelp);
      return withDatabase((database) => runBooks(args, database), "readonlyUrl");
    },
  },
  projectors: {
    summary: "show how far the log has been read, or make roll-ups again",
    run: async (args) => {
      const { projectorsHelp, runProjectors } = await import("./commands/projectors.ts");
      if (args.includes("--help")) return print(projectorsHelp);
      return withDatabase((database) => runProjectors(args, database), "url");
    },
  },
  prices: {
    summary: "import dated prices, or list those in force",
    run: async (args) => {
      const { pricesHelp, runPrices } = await import("./commands/prices.ts");
      if (args.includes("--help") || args.length === 0) return print(pricesHelp);
      const { withPriceDeps } = await import("./wiring-commands.ts");
      return withPriceDeps(loadConfig({ need: "command" }), (deps) => runPrices(args, deps));
    },
  },
  backup: {
    summary: "write one snapshot of the whole database into a folder",
    run: async (args) => {
      const { backupHelp, runBackup } = await import("./commands/backup.ts");
      if (args.includes("--help")) return print(backupHelp);
      return runBackup(args, loadConfig({ need: "command" }));
    },
  },
  restore: {
    summary: "restore a backup into an empty database, or try it in a drill",
    run: async (args) => {
      const { restoreHelp, runRestore } = await import("./commands/restore.ts");
      if (args.includes("--help")) return print(restoreHelp);
      return runRestore(args, loadConfig({ need: "command" }));
    },
  },
  "rotate-keys": {
    summary: "seal every stored secret with the new encryption key, while everything runs",
    run: async (args) => {
      const { rotateKeysHelp, runRotateKeys } = await import("./commands/rotate-keys.ts");
      if (args.includes("--help")) return print(rotateKeysHelp);
      const { withRotationDeps } = await import("./wiring-commands.ts");
      return withRotationDeps(loadConfig({ need: "command" }), (deps) => runRotateKeys(args, deps));
    },
  },
  "sign-in-link": {
    summary: "make a link that signs an operator or a developer in to the console, once",
    run: async (args) => {
      const { runSignInLink, signInLinkHelp } = await import("./commands/sign-in-link.ts");
      if (args.includes("--help")) return print(signInLinkHelp);
      return withDatabase(
        (database, { urls }) => runSignInLink(args, { database, dashboardUrl: urls.dashboard }),
        "url",
      );
    },
  },
  suspend: {
    summary: "switch something off on every instance, open streams included, or throttle it",
    run: async (args) => {
      const { runSuspend, suspendHelp } = await import("./commands/suspend.ts");
      if (args.includes("--help")) return print(suspendHelp);
      return withDatabase((database) => runSuspend("suspend", args, database), "url");
    },
  },
  resume: {
    summary: "lift what was switched off or throttled, on every instance",
    run: async (args) => {
      const { resumeHelp, runSuspend } = await import("./commands/suspend.ts");
      if (args.includes("--help")) return print(resumeHelp);
      return withDatabase((database) => runSuspend("resume", args, database), "url");
    },
  },
  "operator-token": {
    summary: "make, list and revoke named tokens of operators",
    run: async (args) => {
      const { operatorTokenHelp, runOperatorToken } = await import("./commands/operator-token.ts");
      if (args.includes("--help") || args.length === 0) return print(operatorTokenHelp);
      return withDatabase((database) => runOperatorToken(args, database), "url");
    },
  },
  healthcheck: {
    summary: "ask the servers of this machine whether they live: the container's probe",
    run: async (args) => {
      const { healthcheckHelp, runHealthcheck } = await import("./commands/healthcheck.ts");
      if (args.includes("--help")) return print(healthcheckHelp);
      return runHealthcheck(args, loadConfig({ need: "command" }));
    },
  },
  retention: {
    summary: "remove what its time is over for; months of usage are exported first",
    run: async (args) => {
      const { retentionHelp, runRetention } = await import("./commands/retention.ts");
      if (args.includes("--help")) return print(retentionHelp);
      return withDatabase(
        (database, { retention, dataDir, production }) =>
          runRetention(args, database, { ...retention, dataDir, production }),
        "migrationUrl",
      );
    },
  },
  doctor: {
    summary: "look at everything that a deployment stands on, and say what is wrong and what to do",
    run: async (args) => {
      const { runDoctor } = await import("./commands/doctor/doctor.ts");
      return runDoctor(args);
    },
  },
  hosted: {
    summary: "check a hosted deployment: verify-env, check-isolation, smoke-readiness",
    run: async ([name, ...args]) => {
      const known = hosted[name ?? ""];
      if (!known && name !== undefined && name !== "--help") return noCommand(`hosted ${name}`, hosted);
      return known ? known.run(args) : print(usage("hosted <check>", hosted));
    },
  },
  "simulated-provider": {
    summary: "run the provider that answers without a model, for trying things out",
    run: async (args) => {
      const { runSimulatedProvider, simulatedProviderHelp } = await import(
        "./commands/simulated-provider.ts"
      );
      if (args.includes("--help")) return print(simulatedProviderHelp);
      return runSimulatedProvider(loadConfig({ need: "command" }));
    },
  },
};

/** Each opens no more than it has to: `verify-env` no database, `smoke-readiness` neither that nor a secret. */
const hosted: Record<string, Command> = {
  "verify-env": {
    summary: "judge the environment as the servers do at their start, without a connection",
    run: async (args) => {
      const { runHostedVerifyEnv } = await import("./commands/hosted-verify-env.ts");
      return runHostedVerifyEnv(args);
    },
  },
  "check-isolation": {
    summary: "compare every owned row and table with its owner, or try every route as another tenant",
    run: async (args) => {
      const { checkIsolationHelp, runCheckIsolation } = await import("./commands/hosted-check-isolation.ts");
      if (args.includes("--help")) return print(checkIsolationHelp);
      if (args.includes("--attack")) {
        const { runIsolationAttack } = await import("./commands/isolation-attack/isolation-attack.ts");
        return runIsolationAttack(args);
      }
      return withDatabase((database) => runCheckIsolation(args, database), "readonlyUrl");
    },
  },
  "smoke-readiness": {
    summary: "ask a deployment from outside whether it is ready",
    run: async (args) => {
      const { runHostedSmoke } = await import("./commands/hosted-smoke/hosted-smoke.ts");
      return runHostedSmoke(args);
    },
  },
};

/** Stands above the call of `main`, which runs before anything below it is there. */
const longStatementMs = 30 * 60_000;

const [name, ...args] = process.argv.slice(2);
process.exitCode = await main(name, args);
// A pool that still closes, or a server that was started before another failed, must not keep a finished command alive.
process.exit();

async function main(command: string | undefined, rest: readonly string[]): Promise<number> {
  if (command === undefined || command === "--help" || command === "help") {
    return print(usage("<command>", commands));
  }
  const known = commands[command];
  if (!known) return noCommand(command, commands);
  try {
    return await known.run(rest);
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof ConfigFault) {
    console.error(error.message);
    return 1;
  }
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS")) {
    console.error((error as Error).message);
    return 2;
  }
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
}

function usage(command: string, table: Record<string, Command>): string {
  const width = Math.max(...Object.keys(table).map((word) => word.length));
  return [
    `usage: pnpm mf ${command} [flags]`,
    "",
    ...Object.entries(table).map(([word, { summary }]) => `  ${word.padEnd(width)}  ${summary}`),
  ].join("\n");
}

function noCommand(command: string, table: Record<string, Command>): number {
  console.error(
    `there is no command "${command}"\n\n${usage(table === commands ? "<command>" : "hosted <check>", table)}`,
  );
  return 2;
}

function print(text: string): number {
  console.log(text);
  return 0;
}

function needsDatabase(): number {
  console.error("DATABASE_URL is missing: set it, or start the platform with `npm start`");
  return 1;
}

async function withDatabase(
  work: (database: Database, config: Config) => Promise<number>,
  which: "url" | "readonlyUrl" | "migrationUrl",
): Promise<number> {
  const config: Config = loadConfig({ need: "command" });
  // A command is one session: it goes past a pooler.
  const url = config.database[which === "url" ? "directUrl" : which];
  if (!url) return needsDatabase();
  const { openDatabase } = await import("./lib/db.ts");
  const { requireOurDatabase } = await import("./lib/migrations.ts");
  const database = openDatabase({
    ...config.database,
    url,
    // What sums up a whole history may take longer than a server's statement may.
    statementTimeoutMs: which === "url" ? config.database.statementTimeoutMs : longStatementMs,
    poolMax: 2,
    applicationName: "modelfaucet command",
  });
  try {
    await requireOurDatabase(database, config.hosted.environment);
    return await work(database, config);
  } finally {
    await database.close();
  }
}
