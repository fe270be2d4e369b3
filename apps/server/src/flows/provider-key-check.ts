import { type Outbound, OutboundError, type OutboundResponse } from "../lib/outbound.ts";
import { type VendorName, vendors } from "../modules/credential/credential.ts";
import type { KeyPlace } from "./key-place.ts";

export type KeyVerdict = {
  ok: boolean;
  reason?: "key_invalid" | "quota" | "unreachable" | "timeout" | "base_url";
  /** The ids of the vendor's models, where its free call lists them. */
  models?: string[];
  latencyMs: number;
};

const connectMs = 5_000;
const answerMs = 10_000;
const mostBytes = 4 * 1024 * 1024;
const mostModels = 500;

/**
 * Asks a vendor by a call that costs nothing whether it knows a key. Through the tenants' door, with no transaction open;
 * nothing of the answer but the models' ids is looked at. Never throws for what the other side does.
 */
export async function checkKey(
  outbound: Pick<Outbound, "request">,
  key: KeyPlace & { provider: VendorName; secret: string },
): Promise<KeyVerdict> {
  const { freeCheck } = vendors[key.provider];
  const startedAt = performance.now();
  const verdict = (facts: Omit<KeyVerdict, "latencyMs">): KeyVerdict => ({
    ...facts,
    latencyMs: Math.round(performance.now() - startedAt),
  });
  try {
    const response = await outbound.request({
      url: `${key.baseUrl}${freeCheck.path}`,
      door: key.door,
      entrance: "key",
      method: "GET",
      headers: { accept: "application/json", "user-agent": "ModelFaucet", ...keyHeaders(key) },
      credential: key.secret,
      timeouts: { connectMs, firstByteMs: answerMs, idleMs: answerMs, totalMs: answerMs },
    });
    return verdict(await judge(key.provider, response));
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return verdict({ ok: false, reason: reasonOf(error) });
  }
}

// Source: https://docs.claude.com/en/api/versioning, 2026-11-25.
const anthropicVersion = "2023-06-01";

function keyHeaders({ provider, secret }: { provider: VendorName; secret: string }): Record<string, string> {
  const { keyHeader } = vendors[provider];
  if (keyHeader === "x-api-key") return { "x-api-key": secret, "anthropic-version": anthropicVersion };
  const bearer = { authorization: `Bearer ${secret}` };
  return keyHeader === "api-key" ? { ...bearer, "api-key": secret } : bearer;
}

async function judge(
  provider: VendorName,
  response: OutboundResponse,
): Promise<Omit<KeyVerdict, "latencyMs">> {
  const { freeCheck, baseUrl } = vendors[provider];
  const { status } = response;
  if (status >= 200 && status < 300) {
    const bytes = await response.body.bytes(mostBytes);
    return { ok: true, ...(freeCheck.listsModels ? { models: modelsIn(bytes) } : {}) };
  }
  response.body.cancel();
  if (freeCheck.refusedBy.includes(status)) return { ok: false, reason: "key_invalid" };
  if (status === 402 || status === 429) return { ok: false, reason: "quota" };
  // Whatever speaks the dialect need not have a list of models: then there is no free call, and nothing is known.
  if (baseUrl === null && (status === 404 || status === 405 || status === 501)) return { ok: true };
  return { ok: false, reason: "unreachable" };
}

function modelsIn(bytes: Buffer): string[] {
  try {
    const { data } = JSON.parse(bytes.toString("utf8")) as { data?: unknown };
    if (!Array.isArray(data)) return [];
    return data
      .map((model: unknown) => (model as { id?: unknown } | null)?.id)
      .filter((id): id is string => typeof id === "string" && /^[\x21-\x7e]{1,256}$/.test(id))
      .slice(0, mostModels);
  } catch {
    // No JSON: the key was taken all the same.
    return [];
  }
}

function reasonOf({ kind }: OutboundError): NonNullable<KeyVerdict["reason"]> {
  if (kind === "not_allowed") return "base_url";
  return kind === "first_byte_timeout" || kind === "idle_timeout" || kind === "total_timeout"
    ? "timeout"
    : "unreachable";
}
