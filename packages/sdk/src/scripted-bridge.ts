import { createFaucet, type FaucetClientInternals, type FaucetOptions } from "./index.ts";
import {
  json,
  type Reply,
  type ScriptedServer,
  sessionAnswer,
  settled,
  startScriptedServer,
  wireError,
} from "./scripted-server.ts";
import type { RouteMode } from "./wire.ts";

/** A bridge and the two servers as a test scripts them, and a client that is paired with the bridge. */
export type LocalGround = AsyncDisposable & { server: ScriptedServer; bridge: ScriptedServer };

export const bridgeToken = "mf_br_test";
export const completionsPath = "/v1/chat/completions";
export const reportsPath = "/v1/local/usage-reports";

/** A feature of a session; `order` is who may answer it, in which order. */
export function featureOf(order: readonly RouteMode[], over: Record<string, unknown> = {}) {
  return {
    feature_key: "customer_reply",
    display_name: "Customer reply",
    route_preference: [...order],
    models: [],
    privacy: "standard",
    byok_fee_usd: "0.00000000",
    local_fee_usd: "0.00000000",
    ...over,
  };
}

export function modesOf(selected: string, over: Record<string, unknown> = {}) {
  return { selected, fallback_to_platform: false, items: [], ...over };
}

export const localSaid = {
  route_mode: "local",
  provider: "ollama",
  model: "qwen3:8b",
  usage_source: "estimated",
  simulated: false,
  upstream_cost_usd: "0.00000000",
  context_length: 8192,
  warnings: [],
};

/** Answers as the bridge does: under the id that the caller has sent. */
const localAnswer: Reply = (response, seen) =>
  json(200, {
    id: "chatcmpl-1",
    choices: [{ index: 0, message: { role: "assistant", content: "From here" } }],
    usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    modelfaucet: { ...localSaid, request_id: seen.headers["x-modelfaucet-request-id"] },
  })(response, seen);

const cloudAnswer = json(200, {
  id: "chatcmpl_mf_1",
  choices: [{ index: 0, message: { role: "assistant", content: "From the cloud" } }],
  modelfaucet: settled,
});

export const acceptReports: Reply = (response, seen) => {
  const { reports } = seen.body as { reports: { request_id: string }[] };
  const items = reports.map(({ request_id }) => ({ request_id, status: "accepted" }));
  json(200, { items })(response, seen);
};

export async function startLocalGround(
  session: Record<string, unknown>,
  routes: { server?: Record<string, Reply>; bridge?: Record<string, Reply> } = {},
): Promise<LocalGround> {
  const server = await startScriptedServer({
    "POST /v1/sessions": (response, seen) =>
      json(200, sessionAnswer({ end_user_id_hash: "sha256:me", ...session }))(response, seen),
    [`POST ${completionsPath}`]: cloudAnswer,
    [`POST ${reportsPath}`]: acceptReports,
    ...routes.server,
  });
  const bridge = await startScriptedServer({
    "GET /health": json(200, { ok: true, paired: true }),
    [`POST ${completionsPath}`]: localAnswer,
    "GET /usage/report": json(200, { items: [] }),
    "POST /usage/report": json(200, { ok: true, pending: 1 }),
    "POST /usage/ack": json(200, { removed: 1, pending: 0 }),
    ...routes.bridge,
  });
  return {
    server,
    bridge,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await bridge[Symbol.asyncDispose]();
    },
  };
}

/** Like `localStorage`, to be looked into. */
export function memoryStorage(entries: Record<string, string> = {}) {
  const values = new Map(Object.entries(entries));
  return {
    values,
    getItem: (name: string) => values.get(name) ?? null,
    setItem: (name: string, value: string) => void values.set(name, value),
    removeItem: (name: string) => void values.delete(name),
  };
}

export function pairedStorage({ bridge }: LocalGround) {
  return memoryStorage({ [`modelfaucet:bridge:${bridge.url}`]: bridgeToken });
}

export function faucetOn(
  ground: LocalGround,
  over: Partial<FaucetOptions> = {},
  internals: FaucetClientInternals = {},
) {
  return createFaucet(
    {
      publicAppId: "app_pub_demo",
      baseUrl: ground.server.url,
      gatewayBaseUrl: `${ground.server.url}/v1`,
      localBridgeBaseUrl: ground.bridge.url,
      user: { id: "u-1" },
      storage: pairedStorage(ground),
      ...over,
    },
    { random: () => 0, ...internals },
  );
}

export const bridgeRefuses = (status: number, code: string): Reply => json(status, wireError(code));
