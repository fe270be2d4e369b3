import { invalidConfig } from "./errors.ts";
import { readJson, send } from "./http.ts";
import type { Settings } from "./options.ts";
import { type ReceiptVerification, verifyReceipt as verifySums } from "./receipts.ts";
import { createUserToken, type UserTokenClaims } from "./user-token.ts";
import { readWebhook, type WebhookDelivery, type WebhookEvent } from "./webhook.ts";
import type { FaucetReceipt, FaucetSessionAnswer } from "./wire.ts";

export { FaucetConfigError, FaucetError } from "./errors.ts";
export type { ReceiptVerification } from "./receipts.ts";
export type { UserTokenClaims } from "./user-token.ts";
export type { WebhookDelivery, WebhookEvent } from "./webhook.ts";
export type { FaucetReceipt, FaucetSessionAnswer } from "./wire.ts";

export type SessionRequest = {
  publicAppId: string;
  userId: string;
  featureKey?: string;
  /** Decimal string: the most that this session may spend. */
  maxSpendUsd?: string;
  /** 60..86400 */
  ttlSeconds?: number;
  metadata?: Record<string, unknown>;
};

export type ServerSessions = {
  create(request: SessionRequest): Promise<FaucetSessionAnswer>;
  /** Ends a session for good. */
  revoke(sessionToken: string): Promise<void>;
};

/** Opens sessions for the app's users with a developer token of scope `developer:sessions:write`. */
export function createSessions(options: { developerToken: string; baseUrl?: string }): ServerSessions {
  refuseBrowser();
  const apiUrl = (options.baseUrl ?? "http://127.0.0.1:3001").replace(/\/+$/, "");
  const call = async (method: "POST" | "DELETE", path: string, token: string, body?: unknown) =>
    await send(plainSettings, {
      method,
      url: `${apiUrl}${path}`,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeoutMs: 30_000,
    });
  return {
    async create(request) {
      const answer = await call("POST", "/v1/sessions", options.developerToken, {
        public_app_id: request.publicAppId,
        external_user_id: request.userId,
        feature_key: request.featureKey,
        max_spend_usd: request.maxSpendUsd,
        ttl_seconds: request.ttlSeconds,
        metadata: request.metadata,
      });
      return await readJson<FaucetSessionAnswer>(answer, undefined);
    },
    async revoke(sessionToken) {
      await readJson(await call("DELETE", "/v1/sessions/current", sessionToken), undefined);
    },
  };
}

/** A signed user token (JWT) that proves to `POST /v1/sessions` who the user is. @throws FaucetConfigError */
export async function signUserToken(claims: UserTokenClaims): Promise<string> {
  refuseBrowser();
  return await createUserToken(claims);
}

/** The event of a delivery that was signed with the endpoint's secret, and lately. @throws FaucetError */
export async function verifyWebhook(delivery: WebhookDelivery): Promise<WebhookEvent> {
  refuseBrowser();
  return await readWebhook(delivery);
}

/** Computes a receipt again, offline. In this version: the arithmetic; signature and chain are still `pending`. */
export function verifyReceipt(receipt: FaucetReceipt): ReceiptVerification {
  refuseBrowser();
  return verifySums(receipt);
}

const plainSettings: Settings = {
  publicAppId: "",
  apiUrl: "",
  gatewayUrl: "",
  bridgeUrl: "",
  locale: undefined,
  storage: null,
  localFetch: undefined,
  identity: { kind: "user", user: { id: "" } },
  timeoutMs: undefined,
  maxRetries: 2,
  fetch: (input, init) => globalThis.fetch(input, init),
  now: Date.now,
  random: Math.random,
};

// This module holds secrets: in a page they would be everybody's.
function refuseBrowser(): void {
  if ("window" in globalThis) {
    throw invalidConfig("@modelfaucet/sdk/server works on a server only. In a page use @modelfaucet/sdk.");
  }
}
