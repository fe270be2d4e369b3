import * as z from "zod";
import type { BridgeSettings } from "../config/settings.ts";
import { BridgeError } from "../errors.ts";
import { expiresAt, type Grant, type GrantStore } from "../grants/grants.ts";
import type { JsonObject } from "../json.ts";
import { codeLength } from "../pairing/code.ts";
import type { Pairing, PairingStore } from "../pairing/pairings.ts";
import { type BodyMemory, readJsonBody, sendJson } from "../server/exchange.ts";
import { createLimiter } from "../server/limiter.ts";
import type { Routes } from "../server/server.ts";

export type PairingRouteDeps = {
  settings: BridgeSettings;
  grants: GrantStore;
  pairings: PairingStore;
  memory: BodyMemory;
  /** A request to be shown to the user. */
  onPairing(pairing: Pairing): void;
  onPaired(grant: Grant): void;
};

const startsPerMinute = 6;
const bodyBytesMax = 16_384;

/** Control characters would write on the user's terminal. */
const plainText = z
  .string()
  .max(128)
  .regex(/^[^\p{C}]*$/u);
const startSchema = z.strictObject({
  app_name: plainText.optional(),
  public_app_id: z
    .string()
    .regex(/^[a-zA-Z0-9_:-]{1,128}$/)
    .optional(),
});
const completeSchema = z.strictObject({
  pairing_id: z.string().max(64).optional(),
  code: z.string().min(1).max(64),
});

export function pairingRoutes(deps: PairingRouteDeps): Routes {
  const starts = createLimiter(startsPerMinute);
  return {
    "/pair/start": {
      POST: async (exchange) => {
        const origin = originOf(exchange.origin);
        const { app_name, public_app_id } = read(
          startSchema,
          await readJsonBody(exchange, bodyBytesMax, deps.memory),
        );
        const waitSeconds = starts.take(origin);
        if (waitSeconds > 0) {
          throw new BridgeError(
            "rate_limited",
            "This page asked to pair too often; wait a minute, or use the code that is shown.",
            {
              headers: { "retry-after": String(waitSeconds) },
            },
          );
        }
        const claim = { appName: app_name ?? null, publicAppId: public_app_id ?? null };
        const pairing = deps.pairings.start(origin, claim, deps.settings.expireAfterDays);
        deps.onPairing(pairing);
        sendJson(exchange, 201, {
          pairing_id: pairing.id,
          expires_at: pairing.expires_at,
          code_length: codeLength,
        });
      },
    },
    "/pair/complete": {
      POST: async (exchange) => {
        const origin = originOf(exchange.origin);
        const { pairing_id, code } = read(
          completeSchema,
          await readJsonBody(exchange, bodyBytesMax, deps.memory),
        );
        const pairing = deps.pairings.complete(origin, code, pairing_id ?? null);
        const { grant, token } = deps.grants.add(
          { origin },
          { models: pairing.models, expireAfterDays: pairing.expire_after_days },
        );
        deps.onPaired(grant);
        sendJson(exchange, 201, { token, ...grantFacts(grant) });
      },
    },
    "/pair": {
      GET: (exchange) =>
        sendJson(exchange, 200, { ...grantFacts(exchange.grant!), ...grantHistory(exchange.grant!) }),
      DELETE: (exchange) => {
        deps.grants.revoke({ id: exchange.grant!.id });
        sendJson(exchange, 200, { ok: true });
      },
    },
  };
}

function grantFacts(grant: Grant): JsonObject {
  return { grant_id: grant.id, origin: grant.origin, models: grant.models, expires_at: expiresAt(grant) };
}

function grantHistory(grant: Grant): JsonObject {
  return {
    ...(grant.native === null ? {} : { native: grant.native }),
    created_at: grant.created_at,
    last_used_at: grant.last_used_at,
  };
}

/** Only a page pairs here; a program gets its token from the command line. */
function originOf(origin: string | null): string {
  if (origin !== null) return origin;
  throw new BridgeError(
    "pairing_required",
    "Only a page can pair here; for a program run modelfaucet-bridge pair --native NAME.",
    {
      details: { help: "Run modelfaucet-bridge pair" },
    },
  );
}

function read<T>(schema: z.ZodType<T>, body: JsonObject): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const param = issue.code === "unrecognized_keys" ? issue.keys[0]! : issue.path.join(".");
  throw new BridgeError("invalid_request", `The field ${param} is missing, malformed or unknown.`, { param });
}
