// What an operator and a developer do on a fresh hosted deployment until one request is paid for.
import { randomBytes } from "node:crypto";

// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field; a missing one fails the rehearsal
type Json = any;

/** A production environment by the rules of a hosted deployment, with secrets made here. */
export function hostedEnvironment(given: {
  databaseUrls: { runtime: string; owner: string; reader: string };
  /** `http://litellm:<port>`: the name stands in HOSTED_INTERNAL_HOSTS. */
  litellmUrl: string;
  ports: { api: number; gateway: number; worker: number };
}): Record<string, string> {
  const secret = (): string => randomBytes(36).toString("base64url");
  return {
    NODE_ENV: "production",
    HOSTED_ENVIRONMENT: "rehearsal",
    HOSTED_SECRET_MANAGER: "rehearsal",
    HOSTED_INTERNAL_HOSTS: new URL(given.litellmUrl).hostname,
    API_PUBLIC_BASE_URL: "https://api.faucet-rehearsal.example",
    GATEWAY_PUBLIC_BASE_URL: "https://gateway.faucet-rehearsal.example/v1",
    DASHBOARD_PUBLIC_BASE_URL: "https://console.faucet-rehearsal.example",
    PUBLIC_SUPPORT_URL: "https://faucet-rehearsal.example/support",
    API_CORS_ORIGINS: "https://console.faucet-rehearsal.example",
    GATEWAY_CORS_ORIGINS: "https://console.faucet-rehearsal.example",
    SECURITY_CONTACT_EMAIL: "security@faucet-rehearsal.example",
    ABUSE_CONTACT_EMAIL: "abuse@faucet-rehearsal.example",
    INCIDENT_CONTACT_EMAIL: "incident@faucet-rehearsal.example",
    DATABASE_URL: given.databaseUrls.runtime,
    DATABASE_MIGRATION_URL: given.databaseUrls.owner,
    DATABASE_READONLY_URL: given.databaseUrls.reader,
    SECRET_ENCRYPTION_KEY: secret(),
    ADMIN_TOKEN: secret(),
    DEVELOPER_ADMIN_TOKEN: secret(),
    LITELLM_BASE_URL: given.litellmUrl,
    LITELLM_MASTER_KEY: secret(),
    BIND_ADDRESS: "127.0.0.1",
    PORT_API: String(given.ports.api),
    PORT_GATEWAY: String(given.ports.gateway),
    PORT_WORKER: String(given.ports.worker),
    SHUTDOWN_GRACE_MS: "5000",
  };
}

/** Resolves when all answer `/ready`. @throws Error with what the servers said, when they end or after 60 s */
export async function untilReady(
  urls: readonly string[],
  server: { child: { exitCode: number | null }; output(): string },
): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (const url of urls) {
    while (!(await isOk(`${url}/ready`))) {
      if (server.child.exitCode !== null || performance.now() > deadline)
        throw new Error(`the servers are not ready:\n${server.output().slice(-4_000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const readyWithinMs = 60_000;

/** How a request leaves: another one knows names or certificates of its own. */
export type Ask = (url: string, init: RequestInit) => Promise<Response>;

type Tokens = { admin: string; developer: string };

/** A developer with an app, on a fresh deployment. */
export type Pilot = {
  publicAppId: string;
  /** A session of a user whose wallet the operator has filled. */
  openSession(user: string): Promise<{ token: string; userId: string }>;
  /** The record of a request, as its developer reads it. */
  recordOf(requestId: string): Promise<Json>;
};

export type PilotOptions = {
  ask?: Ask;
  /** Of app and developer. */
  name?: string;
  /** What the feature may route to. */
  models?: readonly string[];
  /** What every session may spend, and its wallet holds. */
  creditUsd?: string;
};

/** Developer, app and a feature that LiteLLM's `auto-text` answers. @throws Error naming the step that was refused */
export async function preparePilot(
  api: string,
  tokens: Tokens,
  {
    ask = fetch,
    name = "pilot",
    models = ["litellm/auto-text"],
    creditUsd = "1.00000000",
  }: PilotOptions = {},
): Promise<Pilot> {
  const publicAppId = `app_pub_${name}`;
  const admin = (method: string, path: string, body?: unknown) =>
    call(ask, `${api}${path}`, method, tokens.admin, body);
  const developer = (method: string, path: string, body?: unknown) =>
    call(ask, `${api}${path}`, method, tokens.developer, body);
  const owner = await admin("POST", "/v1/admin/developers", {
    email: `${name}@faucet-rehearsal.example`,
    name,
    reason: "rehearsal",
  });
  await developer("POST", "/v1/developer/apps", {
    public_app_id: publicAppId,
    name,
    developer_id: owner.id,
    identity_mode: "server",
  });
  await developer("PUT", `/v1/developer/apps/${publicAppId}/features/chat`, {
    feature_key: "chat",
    display_name: "Chat",
    policy: { models },
    pricing: { markup_percent: 25, developer_share_bps: 4000 },
  });
  return {
    publicAppId,
    openSession: async (user) => {
      const session = await developer("POST", "/v1/sessions", {
        public_app_id: publicAppId,
        external_user_id: user,
        max_spend_usd: creditUsd,
      });
      await admin("POST", `/v1/admin/wallets/${session.end_user_id}/adjustments`, {
        direction: "credit",
        amount_usd: creditUsd,
        reason: "rehearsal",
      });
      return { token: session.session_token, userId: session.end_user_id };
    },
    recordOf: (requestId) => developer("GET", `/v1/developer/requests/${requestId}`),
  };
}

/**
 * Developer, app, feature, user, money, one answer of LiteLLM's `auto-text`: gives the settled request's charge.
 * @throws Error naming the step that was refused
 */
export async function settleOneRequest(
  urls: { api: string; gateway: string },
  tokens: Tokens,
): Promise<{ requestId: string; chargeUsd: string }> {
  const pilot = await preparePilot(urls.api, tokens);
  const session = await pilot.openSession("pilot-user");
  const answer = await call(fetch, `${urls.gateway}/v1/chat/completions`, "POST", session.token, {
    model: "litellm/auto-text",
    messages: [{ role: "user", content: "hello" }],
  });
  const requestId: string = answer.modelfaucet.request_id;
  const record = await pilot.recordOf(requestId);
  if (record.status !== "succeeded" || record.charge_usd !== answer.modelfaucet.charge_usd)
    throw new Error(`${requestId} is ${record.status} at ${record.charge_usd}`);
  if (!(Number.parseFloat(record.charge_usd) > 0)) throw new Error(`${requestId} was charged nothing`);
  return { requestId, chargeUsd: record.charge_usd };
}

async function call(ask: Ask, url: string, method: string, token: string, body?: unknown): Promise<Json> {
  const answer = await ask(url, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "idempotency-key": randomBytes(12).toString("hex"),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok)
    throw new Error(`${method} ${new URL(url).pathname}: ${answer.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

async function isOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
