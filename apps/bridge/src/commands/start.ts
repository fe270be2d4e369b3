import { type Bridge, startBridge } from "../bridge.ts";
import { loadSettings, type SettingFlags } from "../config/load.ts";
import type { BridgeSettings } from "../config/settings.ts";
import { type EndpointState, openEndpoints } from "../endpoints/endpoints.ts";
import { type Grant, ownerOf } from "../grants/grants.ts";
import { createHome, modeFaults } from "../home/home.ts";
import { takeLock } from "../home/lock.ts";
import { createLog } from "../log.ts";
import type { Pairing } from "../pairing/pairings.ts";
import { type CommandContext, exitFailed, exitFine, numberFlag, textFlag, type Values } from "./command.ts";
import { configPathOf } from "./config-path.ts";
import { createPairingPrinter } from "./pairing-printer.ts";

const graceMs = 10_000;
const probeMs = 2000;

/** Serves until it is told to stop. */
export async function runStart(context: CommandContext, values: Values): Promise<number> {
  const { home, version } = context;
  createHome(home);
  const configPath = configPathOf(home, context.environment, textFlag(values, "config"));
  const faults = modeFaults(home, configPath);
  if (faults.length > 0) return refuse(context, faults);
  const settings = loadSettings(configPath, flagsOf(values), context.environment);
  const tell = values.json === true ? jsonTeller(context) : plainTeller(context);
  const log = createLog(settings.logLevel, context.complain);

  const printer = createPairingPrinter(tell.pairing, (id) =>
    bridge.pairings.waiting().find((pairing) => pairing.id === id),
  );
  const bridge = await startBridge({
    settings,
    home,
    version,
    log,
    onPairing: printer.ask,
    onPaired: tell.paired,
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new Error(
      `port ${settings.port} is taken by another program; stop it, or choose another with --port`,
    );
  });
  const stopped = waitForStop();
  const lock = takeLock(
    home.lock,
    { port: bridge.port, version, listening: [...bridge.listening], config: configPath },
    () => {
      log.write("error", "lock_lost");
      stopped.now(exitFailed);
    },
  );
  if ("pid" in lock) {
    await bridge.stop(0);
    return refuse(context, [
      `a bridge is running already (process ${lock.pid}, port ${lock.port}); stop it first`,
    ]);
  }
  tell.started({ bridge, settings, host: settings.host });
  void openEndpoints(settings).probe(probeMs).then(tell.endpoints);
  const code = await stopped.promise;
  tell.stopping();
  printer.close();
  await bridge.stop(graceMs);
  lock.release();
  return code;
}

function flagsOf(values: Values): SettingFlags {
  const port = numberFlag(values, "port", { min: 0, max: 65_535 });
  const ollamaBaseUrl = textFlag(values, "ollama-base-url");
  const ollamaApiKey = textFlag(values, "ollama-api-key");
  return {
    ...(port === undefined ? {} : { port }),
    ...(ollamaBaseUrl === undefined ? {} : { ollamaBaseUrl }),
    ...(ollamaApiKey === undefined ? {} : { ollamaApiKey }),
  };
}

function refuse(context: CommandContext, lines: readonly string[]): number {
  for (const line of lines) context.complain(line);
  return exitFailed;
}

/** The first signal stops in peace, the second at once. */
function waitForStop(): { promise: Promise<number>; now(code: number): void } {
  let now: (code: number) => void = () => {};
  const promise = new Promise<number>((resolve) => {
    now = resolve;
    let signals = 0;
    const onSignal = (): void => {
      signals += 1;
      if (signals > 1) process.exit(exitFailed);
      resolve(exitFine);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
  return { promise, now: (code) => now(code) };
}

type Started = { bridge: Bridge; settings: BridgeSettings; host: string };

type Teller = {
  started(started: Started): void;
  endpoints(states: readonly EndpointState[]): void;
  pairing(pairing: Pairing): void;
  paired(grant: Grant): void;
  stopping(): void;
};

function plainTeller({ print, version }: CommandContext): Teller {
  return {
    started({ bridge, host }) {
      print(`ModelFaucet bridge ${version} listens on ${addressOf(bridge, host)}, on this computer alone.`);
      const paired = bridge.grants.active().map(ownerOf);
      print(paired.length === 0 ? "No page is paired yet." : `Paired: ${paired.join(", ")}`);
      print("Stop it with Ctrl-C.");
    },
    endpoints(states) {
      for (const { endpoint, isReachable, modelsCount, error } of states) {
        const place = endpoint.isRemote ? " (not this computer)" : "";
        print(
          `  ${endpoint.id}: ${endpoint.name}${place}, ${isReachable ? `${modelsCount} models` : `does not answer (${error})`}`,
        );
      }
    },
    pairing(pairing) {
      print("");
      print(`A page wants to use your models: ${pairing.origin}`);
      if (pairing.app_name !== null)
        print(`It says that it is “${pairing.app_name}”; nobody has checked that.`);
      print(`If you are on exactly this address now, type this code into the page:  ${pairing.code}`);
      print(`It is good until ${pairing.expires_at}. Whoever you do not know gets no code.`);
      print("");
    },
    paired: (grant) => print(`Paired: ${ownerOf(grant)}`),
    stopping: () => print("Stopping; running answers get ten seconds."),
  };
}

function jsonTeller({ print, version }: CommandContext): Teller {
  const tell = (event: string, facts: Record<string, unknown>): void =>
    print(JSON.stringify({ event, ...facts }));
  return {
    started: ({ bridge, host, settings }) =>
      tell("started", {
        version,
        address: addressOf(bridge, host),
        port: bridge.port,
        listening: bridge.listening,
        endpoints: settings.endpoints.map(({ id, name, kind, isRemote }) => ({
          id,
          name,
          kind,
          remote: isRemote,
        })),
        paired: bridge.grants.active().map(ownerOf),
      }),
    endpoints: (states) =>
      tell("endpoints", {
        items: states.map(({ endpoint, isReachable, modelsCount, error }) => ({
          id: endpoint.id,
          reachable: isReachable,
          models_count: modelsCount,
          ...(error === null ? {} : { error }),
        })),
      }),
    pairing: ({ id, origin, app_name, public_app_id, code, expires_at }) =>
      tell("pairing", { pairing_id: id, origin, app_name, public_app_id, code, expires_at }),
    paired: (grant) => tell("paired", { grant_id: grant.id, origin: grant.origin }),
    stopping: () => tell("stopping", {}),
  };
}

function addressOf(bridge: Bridge, host: string): string {
  return `http://${host === "::1" ? "[::1]" : host}:${bridge.port}`;
}
