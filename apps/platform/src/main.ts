// `npm start`, `pnpm platform`, `pnpm dev`: the whole platform in the foreground, until Ctrl-C.
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { runInForeground } from "./children.ts";
import { dataFolder, deleteDataFolder, makeDataFolder } from "./data-folder.ts";
import { Failure, sentenceOf, UsageFailure } from "./failure.ts";
import { lockDataFolder } from "./folder-lock.ts";
import { Platform, type RunningPlatform } from "./platform.ts";
import { readSettings, type Settings } from "./settings.ts";
import { curlLine, signInLines, summaryTable } from "./summary.ts";

const help = `usage: npm start -- [flags]

Starts the whole platform on this machine: real PostgreSQL 18, control API, gateway, worker, the simulated provider when
no real one is configured, the console and the CRM demo page. Data stays in the data folder. Ctrl-C ends everything.

  --no-ui        without the console and the CRM demo page
  --ports free   on free ports instead of the usual ones
  --fresh        first delete this clone's embedded database and data folder; asks
  --yes          do not ask
  --watch        reload on change, readable logs (\`pnpm dev\`)
  --json         print the addresses as one JSON object on standard output, everything else on standard error
  --help

Variables: MODELFAUCET_DATA_DIR, DATABASE_URL (on this machine), PORT_API, PORT_GATEWAY, PORT_WORKER, PORT_DASHBOARD,
PORT_CRM_DEMO, PORT_SIMULATED_PROVIDER, OPENAI_API_KEY, OPENROUTER_API_KEY, LITELLM_BASE_URL with LITELLM_MASTER_KEY.
With NODE_ENV=production only the servers start, configured by the environment alone.`;

type Flags = {
  readonly ui: boolean;
  readonly freePorts: boolean;
  readonly fresh: boolean;
  readonly yes: boolean;
  readonly watch: boolean;
  readonly json: boolean;
};

/** @returns the exit code, or `null` while the platform runs. */
async function main(args: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  const flags = parseFlags(args);
  if (flags === "help") {
    console.log(help);
    return 0;
  }
  const settings = await readSettings(flags, process.env);
  if (settings.production) return serveOnly();

  const say = flags.json ? console.error : console.log;
  for (const warning of settings.warnings) console.error(`warning: ${warning}`);
  const dataDir = dataFolder();
  if (flags.fresh) await deleteAfterAsking(dataDir, flags.yes, say);
  makeDataFolder(dataDir);
  const unlock = lockDataFolder(dataDir, flags.watch ? "pnpm dev" : "npm start");
  const log = (step: string) => say(`${step} …`);
  const platform = new Platform({ dataDir, settings, env: process.env, watch: flags.watch, log });
  const stopSignal = firstStopSignal();
  try {
    const starting = platform.start();
    // When a signal comes first, what the interrupted start says no longer matters.
    starting.catch(() => {});
    const running = await Promise.race([starting, stopSignal]);
    if (running === "stop") return 0;
    await tellReady(running, settings, dataDir, flags.json, startedAt);
    const end = await Promise.race([running.broken, stopSignal]);
    if (end === "stop") return 0;
    throw new Failure(end);
  } finally {
    await platform.stop();
    unlock();
  }
}

function parseFlags(args: readonly string[]): Flags | "help" {
  try {
    const { values } = parseArgs({
      // A package manager may hand its own separator on.
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        "no-ui": { type: "boolean" },
        ports: { type: "string" },
        fresh: { type: "boolean" },
        yes: { type: "boolean" },
        watch: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    if (values.help) return "help";
    if (values.ports !== undefined && values.ports !== "free") throw new Error("`--ports` takes only `free`");
    return {
      ui: !values["no-ui"],
      freePorts: values.ports === "free",
      fresh: values.fresh ?? false,
      yes: values.yes ?? false,
      watch: values.watch ?? false,
      json: values.json ?? false,
    };
  } catch (error) {
    throw new UsageFailure(`${sentenceOf(error).split(". ")[0]}: see \`npm start -- --help\`.`);
  }
}

// Production: the environment decides everything, nothing of this machine is used.
function serveOnly(): Promise<number> {
  return runInForeground({
    name: "serve",
    entry: "apps/server/src/main.ts",
    args: ["serve", "--roles", "gateway,api,worker"],
    env: process.env,
  });
}

async function deleteAfterAsking(dataDir: string, yes: boolean, say: (line: string) => void): Promise<void> {
  makeDataFolder(dataDir);
  // Whoever uses the folder is named, and nothing is taken from under it.
  const unlock = lockDataFolder(dataDir, "npm start -- --fresh");
  try {
    if (!yes) {
      if (!process.stdin.isTTY) {
        throw new Failure(
          `\`--fresh\` deletes the database in ${dataDir}: add \`--yes\` where nobody can be asked.`,
        );
      }
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      const answer = await terminal.question(
        `Delete the embedded database and everything else in ${dataDir}? [y/N] `,
      );
      terminal.close();
      if (!/^y(es)?$/i.test(answer.trim()))
        throw new Failure("Nothing was deleted: start without `--fresh` to keep the data.");
    }
    deleteDataFolder(dataDir);
    say(`deleted ${dataDir}`);
  } finally {
    unlock();
  }
}

/** Resolves at the first signal; later ones change nothing, because stopping is bounded anyway. */
function firstStopSignal(): Promise<"stop"> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve("stop"));
  });
}

async function tellReady(
  running: RunningPlatform,
  settings: Settings,
  dataDir: string,
  json: boolean,
  startedAt: number,
): Promise<void> {
  const curl = await curlLine(running.urls);
  const readyMs = Math.round(performance.now() - startedAt);
  if (json) {
    const { urls, signInLinks } = running;
    console.log(
      JSON.stringify({ urls, data_dir: dataDir, curl, sign_in_links: signInLinks, ready_ms: readyMs }),
    );
    return;
  }
  console.log(summaryTable(running, settings, dataDir));
  console.log(signInLines(running));
  console.log(`\nStream a completion:\n\n${curl}\n`);
  console.log(`ready in ${readyMs} ms`);
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(sentenceOf(error));
  return error instanceof UsageFailure ? 2 : 1;
});
// Sockets of a last health check may still be open; everything that matters has been awaited.
process.exit();
