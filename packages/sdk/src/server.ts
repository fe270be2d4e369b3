import { invalidConfig } from "./errors.ts";
import { readJson, send } from "./http.ts";
import type { Settings } from "./options.ts";
import { type ReceiptVerification, verifyReceipt as verifySums } from "./receipts.ts";
import type { FaucetReceipt, FaucetSessionAnswer } from "./wire.ts";

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

export type UserTokenClaims = {
  publicAppId: string;
  userId: string;
  /** The app's identity secret, `mf_idsec_…`. */
  secret: string;
  /** At most 600; default 300. */
  ttlSeconds?: number;
  /** Decimal string. */
  maxSpendUsd?: string;
  features?: readonly string[];
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

/** A signed user token (JWT, HS256) that proves to `POST /v1/sessions` who the user is. */
export async function signUserToken(claims: UserTokenClaims): Promise<string> {
  refuseBrowser();
  const ttlSeconds = claims.ttlSeconds ?? 300;
  if (!claims.secret) throw invalidConfig("signUserToken needs the app's identity secret.", "secret");
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > 600) {
    throw invalidConfig("ttlSeconds must be a whole number from 1 to 600.", "ttlSeconds");
  }
  const issuedAt = Math.floor(Date.now() / 1000);
  const payload = {
    sub: claims.userId,
    aud: claims.publicAppId,
    iat: issuedAt,
    exp: issuedAt + ttlSeconds,
    ...(claims.maxSpendUsd === undefined ? {} : { max_spend_usd: claims.maxSpendUsd }),
    ...(claims.features === undefined ? {} : { features: claims.features }),
  };
  const bytes = new TextEncoder();
  const signed = `${base64Url(bytes.encode('{"alg":"HS256","typ":"JWT"}'))}.${base64Url(bytes.encode(JSON.stringify(payload)))}`;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes.encode(claims.secret), algorithm, false, ["sign"]);
  return `${signed}.${base64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes.encode(signed))))}`;
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

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
