import type { FaucetLocalClient } from "../client.ts";
import { FaucetError, FaucetLocalError } from "../errors.ts";
import type { Told } from "../listeners.ts";
import type { Bridge } from "./bridge.ts";
import { completePairing, startPairing } from "./pairing.ts";
import { hasGesture } from "./place.ts";
import type { UsageReports } from "./reports.ts";
import type {
  FaucetLocalBridgeStatus,
  FaucetLocalDiagnostics,
  FaucetLocalEndpoint,
  FaucetLocalModelsResponse,
} from "./wire.ts";

type Surroundings = {
  publicAppId: string;
  bridge: Bridge;
  reports: UsageReports;
  told: Told;
  changed: (status: FaucetLocalBridgeStatus) => void;
};

type Diagnosed = { checks: { name: string; ok: boolean }[]; endpoints: FaucetLocalEndpoint[] };

/** The page's side of the Local Bridge: detection, pairing, models. Nothing here runs before it is called. */
export function createLocal(surroundings: Surroundings): FaucetLocalClient {
  const { bridge, reports, told, publicAppId } = surroundings;
  const { baseUrl } = bridge;
  let lastTold = "";
  const changed = (status: FaucetLocalBridgeStatus): FaucetLocalBridgeStatus => {
    const text = JSON.stringify(status);
    if (text !== lastTold) surroundings.changed(status);
    lastTold = text;
    return status;
  };
  const paired = () => changed({ available: true, baseUrl, paired: true });

  const detect: FaucetLocalClient["detectBridge"] = async ({ prompt = false, signal } = {}) => {
    try {
      const health = await bridge.health({ gesture: prompt && hasGesture(), signal });
      const isPaired = health.paired && bridge.token.read() !== undefined;
      const missing = isPaired ? {} : missingStatus(new FaucetLocalError("local_pairing_required"));
      return changed({ available: isPaired, baseUrl, health, paired: isPaired, ...missing });
    } catch (error) {
      if (!(error instanceof FaucetLocalError)) throw error;
      return changed({ available: false, baseUrl, ...missingStatus(error) });
    }
  };

  const models = (signal: AbortSignal | undefined) =>
    bridge.ask<FaucetLocalModelsResponse>("/models", { gesture: hasGesture(), signal });

  function pair(options: { code: string; signal?: AbortSignal }): ReturnType<typeof completePairing>;
  function pair(options?: { appName?: string; signal?: AbortSignal }): ReturnType<typeof startPairing>;
  function pair({ code, appName, signal }: { code?: string; appName?: string; signal?: AbortSignal } = {}) {
    const gesture = hasGesture();
    return told<unknown>(() =>
      code === undefined
        ? startPairing(bridge, { appName, publicAppId, signal }, gesture, paired)
        : completePairing(bridge, { code }, signal, gesture, paired),
    ) as never;
  }

  return {
    detectBridge: (query) => told(() => detect(query)),
    pair,
    async unpair({ signal } = {}) {
      try {
        if (bridge.token.read() !== undefined) {
          await bridge.ask("/pair", { method: "DELETE", gesture: hasGesture(), signal });
        }
      } catch (error) {
        // A bridge that is away, or has forgotten the page, needs no telling; the token goes either way.
        if (!FaucetError.is(error) || error.code === "aborted") throw error;
      } finally {
        bridge.token.forget();
        changed({
          available: false,
          baseUrl,
          paired: false,
          ...missingStatus(new FaucetLocalError("local_pairing_required")),
        });
      }
    },
    listModels: ({ signal } = {}) => told(() => models(signal)),
    async diagnose({ signal } = {}) {
      return await told(() => diagnose(bridge, signal));
    },
    endpoints: ({ signal } = {}) =>
      told(async () => {
        const { endpoints } = await bridge.ask<Diagnosed>("/diagnostics", { gesture: hasGesture(), signal });
        return endpoints.map(({ id, name, kind, remote, reachable }) => ({
          id,
          name,
          kind,
          remote,
          reachable,
        }));
      }),
    pendingUsageReports: () => reports.pending(),
    flushUsageReports: ({ signal } = {}) => told(() => reports.flush(signal)),
  };
}

/** What is wrong, as far as it can be seen from here; it throws nothing but what the caller ended itself. */
async function diagnose(bridge: Bridge, signal: AbortSignal | undefined): Promise<FaucetLocalDiagnostics> {
  const asking = { gesture: hasGesture(), signal };
  const found: FaucetLocalDiagnostics = { available: false, baseUrl: bridge.baseUrl, problems: [] };
  try {
    found.health = await bridge.health(asking);
    const { checks } = await bridge.ask<Diagnosed>("/diagnostics", asking);
    found.problems = checks.filter(({ ok }) => !ok).map(({ name }) => name);
    found.models = (await bridge.ask<FaucetLocalModelsResponse>("/models", asking)).items;
    if (found.models.length === 0) found.problems.push("no_local_models");
    found.available = true;
  } catch (error) {
    if (!FaucetError.is(error) || error.code === "aborted") throw error;
    found.problems.push(error.code);
  }
  return found;
}

function missingStatus({ code, nextStep, details }: FaucetLocalError) {
  return { reason: code, nextStep, ...(Object.keys(details).length > 0 ? { details } : {}) };
}
