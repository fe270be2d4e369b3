// What the platform does, decided from the environment and the flags before anything is started.
import { ConfigFault, loadConfig } from "@modelfaucet/server/config.ts";
import { Failure } from "./failure.ts";
import { freePorts, type PortWish } from "./ports.ts";

export type Ports = {
  readonly api: number;
  readonly gateway: number;
  readonly worker: number;
  /** `null`: no pages. */
  readonly dashboard: number | null;
  readonly crmDemo: number | null;
  /** `null`: a real provider is configured. */
  readonly simulatedProvider: number | null;
};

export type Settings = {
  readonly production: boolean;
  readonly bindAddress: string;
  readonly ports: Ports;
  /** What the operator has configured; `null`: the embedded database. */
  readonly databaseUrl: string | null;
  /** Names of the real providers that are configured. */
  readonly providers: readonly string[];
  /** Names that look like ours and are none. */
  readonly warnings: readonly string[];
};

export type SettingsFlags = { readonly ui: boolean; readonly freePorts: boolean };

/** @throws Failure with every fault of the environment, or a remote `DATABASE_URL`. */
export async function readSettings(flags: SettingsFlags, env: NodeJS.ProcessEnv): Promise<Settings> {
  const config = checkedConfig(env);
  const providers = [
    ...(config.providers.openaiApiKey ? ["OpenAI"] : []),
    ...(config.providers.openrouterApiKey ? ["OpenRouter"] : []),
    ...(config.providers.anthropicApiKey ? ["Anthropic"] : []),
    ...(config.providers.geminiApiKey ? ["Gemini"] : []),
    ...(config.providers.litellmBaseUrl ? ["LiteLLM"] : []),
  ];
  if (!config.production) {
    refuseRemote("DATABASE_URL", config.database.url);
    refuseRemote("DATABASE_MIGRATION_URL", config.database.migrationUrl);
  }
  const wanted: Ports = {
    ...config.ports,
    dashboard: flags.ui ? config.ports.dashboard : null,
    crmDemo: flags.ui ? config.ports.crmDemo : null,
    simulatedProvider: providers.length === 0 ? config.ports.simulatedProvider : null,
  };
  return {
    production: config.production,
    bindAddress: config.bindAddress,
    ports: flags.freePorts ? await replaceByFree(wanted) : wanted,
    databaseUrl: config.database.url,
    providers,
    warnings: config.warnings,
  };
}

/** The ports with the variables that name them. */
export function portWishes(ports: Ports): PortWish[] {
  const all: [string, number | null][] = [
    ["PORT_API", ports.api],
    ["PORT_GATEWAY", ports.gateway],
    ["PORT_WORKER", ports.worker],
    ["PORT_DASHBOARD", ports.dashboard],
    ["PORT_CRM_DEMO", ports.crmDemo],
    ["PORT_SIMULATED_PROVIDER", ports.simulatedProvider],
  ];
  return all.flatMap(([variable, port]) => (port === null ? [] : [{ variable, port }]));
}

/** Addresses as other programs of this machine use them. */
export function urlsOf(ports: Ports): Urls {
  const local = (port: number) => `http://127.0.0.1:${port}`;
  return {
    api: local(ports.api),
    gateway: `${local(ports.gateway)}/v1`,
    worker: local(ports.worker),
    dashboard: ports.dashboard === null ? null : local(ports.dashboard),
    crmDemo: ports.crmDemo === null ? null : local(ports.crmDemo),
    simulatedProvider: ports.simulatedProvider === null ? null : `${local(ports.simulatedProvider)}/v1`,
  };
}

export type Urls = {
  readonly api: string;
  readonly gateway: string;
  readonly worker: string;
  readonly dashboard: string | null;
  readonly crmDemo: string | null;
  readonly simulatedProvider: string | null;
};

function checkedConfig(env: NodeJS.ProcessEnv) {
  try {
    return loadConfig({ need: "platform" }, env);
  } catch (error) {
    if (error instanceof ConfigFault) throw new Failure(error.message);
    throw error;
  }
}

const loopbackHosts = new Set(["localhost", "127.0.0.1", "[::1]", "::1"]);

function refuseRemote(variable: string, url: string | null): void {
  if (url === null || loopbackHosts.has(new URL(url).hostname)) return;
  throw new Failure(
    `${variable} is not on this machine: unset it to use the embedded database, or run \`npx pnpm@12 mf serve\` against a remote one.`,
  );
}

async function replaceByFree(wanted: Ports): Promise<Ports> {
  const names = (Object.keys(wanted) as (keyof Ports)[]).filter((name) => wanted[name] !== null);
  const free = await freePorts(names.length);
  return { ...wanted, ...Object.fromEntries(names.map((name, index) => [name, free[index]])) };
}
