import { createTokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import { complete } from "./completion/complete.ts";
import { createSlots } from "./completion/slots.ts";
import type { BridgeSettings } from "./config/settings.ts";
import { openEndpoints } from "./endpoints/endpoints.ts";
import { type Grant, type GrantStore, openGrants } from "./grants/grants.ts";
import type { Home } from "./home/home.ts";
import type { Log } from "./log.ts";
import { openPairings, type Pairing, type PairingStore } from "./pairing/pairings.ts";
import { openReports } from "./reports/queue.ts";
import { pairingRoutes } from "./routes/pairing-routes.ts";
import { readRoutes } from "./routes/read-routes.ts";
import { createBodyMemory } from "./server/exchange.ts";
import { startServer } from "./server/server.ts";

export type Bridge = {
  readonly port: number;
  readonly listening: readonly string[];
  readonly grants: GrantStore;
  readonly pairings: PairingStore;
  /** Running answers get so long. */
  stop(graceMs: number): Promise<void>;
};

export type BridgeDeps = {
  settings: BridgeSettings;
  home: Home;
  log: Log;
  version: string;
  onPairing(pairing: Pairing): void;
  onPaired(grant: Grant): void;
};

/** In the bundle the worker is a file beside this one. */
const tokenWorker = import.meta.url.endsWith(".ts")
  ? undefined
  : new URL("./token-worker.js", import.meta.url);
/** Bodies of all callers together. */
const bodyMemoryBytes = 268_435_456;

/** Everything of one bridge, built by hand. */
export async function startBridge(deps: BridgeDeps): Promise<Bridge> {
  const { settings, home, version } = deps;
  const memory = createBodyMemory(Math.max(bodyMemoryBytes, settings.bodyLimitBytes));
  const grants = openGrants(home.grants, (error) =>
    deps.log.write("error", "grants_unwritten", { error: String(error) }),
  );
  const pairings = openPairings(home.pairings);
  const reports = openReports(home.usage, {
    maxReports: settings.maxReports,
    keepDays: settings.keepReportsDays,
  });
  const endpoints = openEndpoints(settings);
  const counter = createTokenCounter({ worker: tokenWorker });
  const completion = { settings, endpoints, grants, counter, slots: createSlots(), memory };
  let listening: readonly string[] = [];
  const server = await startServer(settings.port, {
    grants,
    log: deps.log,
    routes: {
      ...readRoutes({ settings, endpoints, grants, reports, memory, version, listening: () => listening }),
      ...pairingRoutes({ ...deps, grants, pairings, memory }),
      "/v1/chat/completions": { POST: (exchange) => complete("chat", exchange, completion) },
      "/v1/embeddings": { POST: (exchange) => complete("embeddings", exchange, completion) },
    },
  });
  listening = server.listening;
  // The vocabulary takes a moment to load: before the first prompt, not with it.
  void counter.count(["warm"]);
  return {
    port: server.port,
    listening,
    grants,
    pairings,
    async stop(graceMs) {
      await server.close(graceMs);
      grants.flush();
      await counter.close();
    },
  };
}
