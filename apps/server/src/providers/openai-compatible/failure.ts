import type { OutboundResponse } from "../../lib/outbound.ts";
import { type JsonObject, UpstreamError, type UpstreamRefusal } from "../provider.ts";
import { isObject, readErrorBody, retryAfterMs } from "../upstream-failure.ts";

/**
 * True for `{"error": …}` and for a choice that ends in an error.
 * Source: https://openrouter.ai/docs/api/reference/errors-and-debugging (errors inside a stream), November 2026.
 */
export function isInBandError(body: JsonObject): boolean {
  if (body.error !== undefined && body.error !== null && body.error !== false) return true;
  const choices = body.choices;
  if (!Array.isArray(choices)) return false;
  for (const choice of choices) {
    if (isObject(choice) && (choice.finish_reason === "error" || isObject(choice.error))) return true;
  }
  return false;
}

export function inBandError(body: JsonObject, usage: unknown, status: number | undefined): UpstreamError {
  return new UpstreamError("in_band", "the upstream reported an error inside its answer", {
    status,
    usage,
    refusal: refusalOf(errorOf(body), undefined),
  });
}

/** Reads a bounded piece of an error answer, keeps a class of it, and drops the words. */
export async function statusError(response: OutboundResponse, sent: JsonObject): Promise<UpstreamError> {
  const { status } = response;
  const body = await readErrorBody(response);
  const error = errorOf(body);
  const param = error.param;
  return new UpstreamError("status", `the upstream answered with status ${status}`, {
    status,
    retryAfterMs: retryAfterMs(response),
    usage: body.usage,
    refusal: refusalOf(error, status),
    // A name of our own body can be repeated; any other text may be a secret that upstream echoes.
    param: typeof param === "string" && Object.hasOwn(sent, param) ? param : undefined,
  });
}

function errorOf(body: JsonObject): JsonObject {
  const error = body.error;
  return isObject(error) ? error : typeof error === "string" ? { message: error } : body;
}

const refusalByCode: Readonly<Record<string, UpstreamRefusal>> = {
  context_length_exceeded: "context_length",
  string_above_max_length: "context_length",
  unsupported_parameter: "unsupported_parameter",
  unsupported_value: "unsupported_parameter",
  unknown_parameter: "unsupported_parameter",
  content_policy_violation: "content_policy",
  content_filter: "content_policy",
  model_not_found: "model_unknown",
  invalid_api_key: "key_refused",
  authentication_error: "key_refused",
  // LiteLLM without a database answers a key that is not its master key so, with status 400. Source: litellm 1.108.7.
  no_db_connection: "key_refused",
  insufficient_quota: "quota",
  rate_limit_exceeded: "rate_limit",
};

const refusalByStatus: Readonly<Record<number, UpstreamRefusal>> = {
  401: "key_refused",
  402: "quota",
  403: "key_refused",
  404: "model_unknown",
  429: "rate_limit",
};

function refusalOf(error: JsonObject, status: number | undefined): UpstreamRefusal {
  for (const field of ["code", "type"]) {
    const value = error[field];
    if (typeof value === "string" && Object.hasOwn(refusalByCode, value)) return refusalByCode[value]!;
  }
  const message = error.message;
  if ((status === 400 || status === 413) && typeof message === "string") {
    if (/context (length|window)|maximum context|too many tokens|prompt is too long/i.test(message)) {
      return "context_length";
    }
  }
  return (status !== undefined ? refusalByStatus[status] : undefined) ?? "other";
}
