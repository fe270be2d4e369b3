import { OutboundError, type OutboundResponse } from "../../lib/outbound.ts";
import { type JsonObject, UpstreamError, type UpstreamRefusal } from "../provider.ts";

const errorBodyBytesMax = 65_536;
const retryAfterMsMax = 3_600_000;

/** Anything that a call can throw, as an UpstreamError. */
export function asUpstreamError(error: unknown, usage: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (!(error instanceof OutboundError)) {
    return new UpstreamError("malformed", "the upstream's answer cannot be read", { usage, cause: error });
  }
  const kind = error.kind === "not_allowed" ? "connect" : error.kind;
  return new UpstreamError(kind, error.message, { usage, cause: error });
}

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

async function readErrorBody(response: OutboundResponse): Promise<JsonObject> {
  try {
    const value: unknown = JSON.parse((await response.body.bytes(errorBodyBytesMax)).toString("utf8"));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function errorOf(body: JsonObject): JsonObject {
  const error = body.error;
  return isObject(error) ? error : typeof error === "string" ? { message: error } : body;
}

/**
 * Retry-After is seconds or a date; `retry-after-ms` is what OpenAI's clients prefer where it is present.
 * Source: RFC 9110 section 10.2.3; https://github.com/openai/openai-node (src/client.ts), November 2026.
 */
function retryAfterMs(response: OutboundResponse): number | undefined {
  const exact = Number.parseFloat(headerText(response, "retry-after-ms"));
  if (Number.isFinite(exact)) return bounded(exact);
  const text = headerText(response, "retry-after").trim();
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : bounded(date - Date.now());
}

function headerText(response: OutboundResponse, name: string): string {
  const header = response.headers[name];
  return (Array.isArray(header) ? header[0] : header) ?? "";
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), retryAfterMsMax);
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

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
