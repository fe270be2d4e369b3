import { createServer } from "node:net";
import { isLoopbackAddress, plainHost } from "../config/address.ts";
import { loadSettings } from "../config/load.ts";
import type { BridgeSettings } from "../config/settings.ts";
import { type DescribedModel, type EndpointState, openEndpoints } from "../endpoints/endpoints.ts";
import { modeFaults } from "../home/home.ts";
import { type RunningBridge, runningBridge } from "../home/lock.ts";
import { type CommandContext, exitFailed, exitFine, type Values } from "./command.ts";
import { configPathOf } from "./config-path.ts";

type Finding = { name: string; ok: boolean; detail: string; remedy?: string };

/** Checks everything that a bridge needs, and says one line of what to do about each fault. */
export async function runDoctor(context: CommandContext, values: Values): Promise<number> {
  const findings = await examine(context);
  const isFine = findings.every(({ ok }) => ok);
  if (values.json === true) context.print(JSON.stringify({ ok: isFine, checks: findings }, null, 2));
  else {
    for (const { name, ok, detail, remedy } of findings) {
      context.print(`${ok ? "ok  " : "FAIL"}  ${name}: ${detail}`);
      if (remedy !== undefined) context.print(`      → ${remedy}`);
    }
  }
  return isFine ? exitFine : exitFailed;
}

async function examine({ home, environment }: CommandContext): Promise<Finding[]> {
  const running = runningBridge(home.lock);
  const findings: Finding[] = [];
  let settings: BridgeSettings | null = null;
  let configPath: string | null = null;
  try {
    configPath = running === null ? configPathOf(home, environment) : running.config;
    settings = loadSettings(configPath, {}, environment);
    findings.push({
      name: "config",
      ok: true,
      detail: configPath ?? "no file: one endpoint, Ollama on this computer",
    });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    findings.push({
      name: "config",
      ok: false,
      detail,
      remedy: "correct these lines; docs/local-bridge.md shows a whole file",
    });
  }
  const modes = modeFaults(home, configPath);
  findings.push(
    modes.length === 0
      ? { name: "file_modes", ok: true, detail: home.folder }
      : { name: "file_modes", ok: false, detail: modes.join("; "), remedy: "run the commands named here" },
  );
  if (settings === null) return findings;
  findings.push(...(await portFindings(settings, running)), ...(await endpointFindings(settings)));
  return findings;
}

async function portFindings(settings: BridgeSettings, running: RunningBridge | null): Promise<Finding[]> {
  if (running !== null) {
    const isLoopback = running.listening.every((address) =>
      isLoopbackAddress(plainHost(address.replace(/:\d+$/, ""))),
    );
    return [
      { name: "port", ok: true, detail: `${running.port} belongs to the bridge (process ${running.pid})` },
      {
        name: "loopback_bind",
        ok: isLoopback,
        detail: running.listening.join(", "),
        ...(isLoopback ? {} : { remedy: "stop this process: it is no bridge of ours" }),
      },
    ];
  }
  const failure = (await tryToBind(settings.port, "127.0.0.1")) ?? (await tryToBind(settings.port, "::1"));
  const isTaken = failure === "EADDRINUSE";
  return [
    {
      name: "port",
      ok: failure === null,
      detail:
        failure === null
          ? `${settings.port} is free`
          : isTaken
            ? `${settings.port} is taken by another program`
            : `${settings.port}: ${failure}`,
      ...(failure === null ? {} : { remedy: "stop that program, or start the bridge with --port" }),
    },
    { name: "loopback_bind", ok: true, detail: "the bridge binds 127.0.0.1 and ::1 alone" },
  ];
}

/** `null` when it can be bound, or when this computer has no such address. */
function tryToBind(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isMissing = host === "::1" && (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");
      resolve(isMissing ? null : (error.code ?? "cannot be bound"));
    });
    server.listen({ port, host, ipv6Only: true }, () => server.close(() => resolve(null)));
  });
}

async function endpointFindings(settings: BridgeSettings): Promise<Finding[]> {
  const endpoints = openEndpoints(settings);
  const states = await endpoints.probe();
  const models = await endpoints.describe(await endpoints.models());
  return states.flatMap((state) =>
    endpointFinding(
      state,
      models.filter(({ endpoint }) => endpoint.id === state.endpoint.id),
    ),
  );
}

/** What to do about each class of failure; never to let other origins at a model server. */
const remedies: Record<string, string> = {
  unreachable: "start this model server, or correct its base_url",
  timeout: "the server is there but does not answer: look at its own log",
  key_refused: "put its key into the variable that api_key names",
  no_model_list: "correct its base_url: most end in /v1",
  refused_address:
    "its name means an address that it may not have: write the address itself, or allow_remote: true",
};

function endpointFinding(state: EndpointState, models: readonly DescribedModel[]): Finding[] {
  const { endpoint, isReachable, modelsCount, latencyMs, error } = state;
  const name = `endpoint ${endpoint.id}`;
  if (!isReachable) {
    return [
      {
        name,
        ok: false,
        detail: `does not answer (${error})`,
        remedy: remedies[error ?? ""] ?? "correct its base_url, or look at its own log",
      },
    ];
  }
  if (modelsCount === 0) {
    return [
      {
        name,
        ok: false,
        detail: "answers, and offers no model",
        remedy: "load a model there, or widen models in bridge.yaml",
      },
    ];
  }
  const found: Finding = {
    name,
    ok: true,
    detail: `${modelsCount} models, ${latencyMs} ms${endpoint.isRemote ? ", not this computer" : ""}`,
  };
  // A model that is not loaded tells its context when it is called.
  const silent = models.filter(
    ({ contextLength, facts, capabilities }) =>
      contextLength === null && facts.isLoaded !== false && capabilities.includes("chat"),
  );
  const lengths = models
    .filter(({ contextLength }) => contextLength !== null)
    .map(({ id, contextLength }) => `${id} ${contextLength}`);
  const context: Finding = {
    name: `${name} context`,
    ok: silent.length === 0,
    detail:
      silent.length > 0
        ? `unknown for ${silent
            .slice(0, 5)
            .map(({ id }) => id)
            .join(", ")}`
        : lengths.slice(0, 10).join(", ") || "told when a model is loaded",
    ...(silent.length > 0 ? { remedy: "name it under context_lengths in bridge.yaml" } : {}),
  };
  return [found, context];
}
