// `pnpm smoke:local` and `pnpm smoke:provider`: the money path in a minute, on processes and a database of their own.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { databaseVariables } from "@modelfaucet/platform/platform.ts";
import { requireFree } from "@modelfaucet/platform/ports.ts";
import { startPostgres } from "@modelfaucet/platform/postgres.ts";
import { inspectConfig } from "@modelfaucet/server/config.ts";
import { untilReady } from "./image-rehearsal-traffic.ts";
import { Operator } from "./rehearse/operator.ts";
import { lineOf, runSteps, type Step } from "./rehearse/steps.ts";
import { providersToAsk, type Smoke, smokeSteps } from "./smoke-steps.ts";

const usage = `usage: pnpm smoke:local [--json] · pnpm smoke:provider [--json]
Migrates, seeds, starts the servers on SMOKE_API_PORT and SMOKE_GATEWAY_PORT, and has one user pay for a call and a stream:
local by the simulated provider on SMOKE_PROVIDER_PORT, provider by each real one of OPENAI_API_KEY, OPENROUTER_API_KEY and
LITELLM_BASE_URL, at most 0.01 USD each. One line per step; 0, or 1 when one fails.
The database is one of its own that is gone afterwards, or DATABASE_URL where that is set: trial tenants stay in it.`;

type Config = ReturnType<typeof inspectConfig>["config"];

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  const [kind] = positionals;
  if (values.help || (kind !== "local" && kind !== "provider")) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const { faults, config } = inspectConfig();
  const wrong = config.production
    ? [notInProduction]
    : faults.filter(({ variable }) => /^SMOKE_|^LITELLM_|_API_KEY$/.test(variable));
  if (!config.production && config.database.url !== null && config.secretEncryptionKey === null)
    wrong.push(keyIsMissing);
  for (const { variable, fault, remedy } of wrong) console.error(`${variable} ${fault}: ${remedy}`);
  if (wrong.length > 0) return 1;
  const isExternal = kind === "provider" || config.smoke.providerMode === "external";
  const asked = isExternal ? providersToAsk(config) : ["simulated" as const];
  if (typeof asked === "string") {
    console.error(asked);
    return 1;
  }
  return run(config, { isExternal, asked }, values.json === true);
}

const notInProduction = {
  variable: "NODE_ENV",
  fault: "is production",
  remedy: "a smoke test makes trial tenants; a deployment is asked by `pnpm hosted:smoke-readiness`",
};

const keyIsMissing = {
  variable: "SECRET_ENCRYPTION_KEY",
  fault: "is missing beside DATABASE_URL",
  remedy: "set the key of that database: one that is made up here would seal it for good",
};

type Wanted = { isExternal: boolean; asked: Smoke["providers"] };

async function run(config: Config, { isExternal, asked }: Wanted, asJson: boolean): Promise<number> {
  const { api, gateway, provider } = config.smoke.ports;
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-smoke-"));
  chmodSync(folder, 0o755);
  // No name of the machine is another one here.
  const operator = new Operator({ where: "", wrap: (argv) => [...argv], close: () => {} }, folder);
  const closings: (() => Promise<void>)[] = [() => operator.close()];
  const close = async (): Promise<void> => {
    for (const work of closings.splice(0)) await work();
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void close().finally(() => process.exit(1)));
  try {
    await requireFree(
      [
        { variable: "SMOKE_API_PORT", port: api },
        { variable: "SMOKE_GATEWAY_PORT", port: gateway },
        ...(isExternal ? [] : [{ variable: "SMOKE_PROVIDER_PORT", port: provider }]),
      ],
      "127.0.0.1",
    );
    const database = await databaseOf(config, folder, (work) => closings.push(work));
    const environment = environmentOf(config, database, isExternal);
    const smoke: Smoke = {
      api: `http://127.0.0.1:${api}`,
      gateway: `http://127.0.0.1:${gateway}/v1`,
      tokens: { admin: environment.ADMIN_TOKEN!, developer: environment.DEVELOPER_ADMIN_TOKEN! },
      providers: asked,
      command: (args) => operator.command(args, environment),
    };
    const steps = [...startSteps(smoke, operator, environment, isExternal), ...smokeSteps(smoke)];
    const results = await runSteps(steps, (result) => (asJson ? console.error : console.log)(lineOf(result)));
    const ok = results.every(({ result }) => result === "PASS");
    if (asJson) console.log(JSON.stringify({ ok, steps: results }));
    return ok ? 0 : 1;
  } finally {
    await close();
  }
}

async function databaseOf(
  config: Config,
  folder: string,
  closing: (work: () => Promise<void>) => void,
): Promise<NodeJS.ProcessEnv> {
  const { url, migrationUrl, readonlyUrl } = config.database;
  if (url !== null)
    return { DATABASE_URL: url, DATABASE_MIGRATION_URL: migrationUrl!, DATABASE_READONLY_URL: readonlyUrl! };
  const postgres = await startPostgres({ dataDir: folder, durable: false });
  closing(async () => {
    await postgres.stop();
    deleteDataFolder(folder);
  });
  return databaseVariables(postgres);
}

/** The machine's own, but for what a server of another purpose was told. */
function environmentOf(
  config: Config,
  database: NodeJS.ProcessEnv,
  isExternal: boolean,
): Record<string, string> {
  const { api, gateway, provider } = config.smoke.ports;
  const given = Object.entries(process.env).filter(([, value]) => value !== undefined && value.trim() !== "");
  const secret = (): string => randomBytes(36).toString("base64url");
  return {
    SECRET_ENCRYPTION_KEY: secret(),
    ADMIN_TOKEN: secret(),
    DEVELOPER_ADMIN_TOKEN: secret(),
    ...(Object.fromEntries(given) as Record<string, string>),
    ...(database as Record<string, string>),
    BIND_ADDRESS: "127.0.0.1",
    PORT_API: String(api),
    PORT_GATEWAY: String(gateway),
    ...(isExternal ? {} : { PORT_SIMULATED_PROVIDER: String(provider) }),
    SHUTDOWN_GRACE_MS: "2000",
  };
}

function startSteps(
  { api, gateway, command }: Smoke,
  operator: Operator,
  environment: Record<string, string>,
  isExternal: boolean,
): Step[] {
  const last = (output: string): string => output.trim().split("\n").at(-1) ?? "";
  return [
    { name: "migrate", needs: [], run: async () => last(await command(["migrate"])) },
    { name: "seed", needs: ["migrate"], run: async () => last(await command(["seed", "--no-demo"])) },
    {
      name: "servers",
      needs: ["seed"],
      run: async () => {
        if (!isExternal) operator.start("provider", ["simulated-provider"], environment);
        const running = operator.start("servers", ["serve", "--roles", "gateway,api"], environment);
        await untilReady([api, gateway.replace(/\/v1$/, "")], running);
        return `${api} and ${gateway} are ready`;
      },
    },
  ];
}

process.exit(
  await main(process.argv.slice(2).filter((arg) => arg !== "--")).catch((error: unknown) => {
    console.error((error as Error).message);
    return String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS") ? 2 : 1;
  }),
);
