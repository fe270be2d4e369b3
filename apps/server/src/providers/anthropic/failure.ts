import type { OutboundResponse } from "../../lib/outbound.ts";
import { type JsonObject, UpstreamError, type UpstreamRefusal } from "../provider.ts";
import { isObject, readErrorBody, retryAfterMs } from "../upstream-failure.ts";

/** An `error` event, or an answer of status 200 that is one. */
export function inBandError(body: JsonObject, usage: unknown, status: number | undefined): UpstreamError {
  return new UpstreamError("in_band", "the upstream reported an error inside its answer", {
    status,
    usage,
    refusal: refusalOf(body, undefined),
  });
}

/** Reads a bounded piece of an error answer, keeps a class of it, and drops the words. */
export async function statusError(response: OutboundResponse, sent: JsonObject): Promise<UpstreamError> {
  const { status } = response;
  const body = await readErrorBody(response);
  return new UpstreamError("status", `the upstream answered with status ${status}`, {
    status,
    retryAfterMs: retryAfterMs(response),
    refusal: refusalOf(body, status),
    param: paramOf(body, sent),
  });
}

const refusalByType: Readonly<Record<string, UpstreamRefusal>> = {
  authentication_error: "key_refused",
  permission_error: "key_refused",
  billing_error: "quota",
  rate_limit_error: "rate_limit",
  not_found_error: "model_unknown",
};

const refusalByStatus: Readonly<Record<number, UpstreamRefusal>> = {
  401: "key_refused",
  402: "quota",
  403: "key_refused",
  404: "model_unknown",
  429: "rate_limit",
};

/** Source: `ErrorDetails` of @anthropic-ai/sdk 1.13.0, November 2026. */
const refusalByCode: Readonly<Record<string, UpstreamRefusal>> = {
  contract_spend_limit_reached: "quota",
  enforced_spend_limit_reached: "quota",
  organization_on_hold: "key_refused",
};

/**
 * `invalid_request_error` stands for many things; a prompt that is too long and an account without money have their own
 * words and no code of their own.
 * Source: https://platform.claude.com/docs/en/api/errors, read November 2026.
 */
const refusalByWords: readonly (readonly [RegExp, UpstreamRefusal])[] = [
  [/prompt is too long|exceed(s|ed)? (the )?context (limit|window)|context window/i, "context_length"],
  [/credit balance|usage limits?|spend(ing)? limit/i, "quota"],
  [/content filtering policy|usage policy/i, "content_policy"],
  [/extra inputs are not permitted|not supported|does not support/i, "unsupported_parameter"],
];

function refusalOf(body: JsonObject, status: number | undefined): UpstreamRefusal {
  const error = isObject(body.error) ? body.error : body;
  const code = isObject(error.details) ? error.details.error_code : undefined;
  if (typeof code === "string" && Object.hasOwn(refusalByCode, code)) return refusalByCode[code]!;
  const { type, message } = error;
  if (typeof message === "string" && (type === "invalid_request_error" || status === 400 || status === 413)) {
    const found = refusalByWords.find(([words]) => words.test(message));
    if (found) return found[1];
  }
  if (typeof type === "string" && Object.hasOwn(refusalByType, type)) return refusalByType[type]!;
  return (status !== undefined ? refusalByStatus[status] : undefined) ?? "other";
}

/** What OpenAI's clients call a field of the body that was sent. */
const paramByField: Readonly<Record<string, string>> = {
  system: "messages",
  stop_sequences: "stop",
  output_config: "response_format",
  thinking: "reasoning_effort",
  metadata: "user",
};

/**
 * Anthropic begins its sentence with the field's name (`messages.0.content: …`). A name of our own body can be repeated;
 * any other text may be a secret that upstream echoes.
 */
function paramOf(body: JsonObject, sent: JsonObject): string | undefined {
  const message = isObject(body.error) ? body.error.message : undefined;
  const name = typeof message === "string" ? /^`?([a-z_]+)`?[.:]/.exec(message)?.[1] : undefined;
  if (name === undefined || !Object.hasOwn(sent, name)) return undefined;
  return paramByField[name] ?? name;
}
