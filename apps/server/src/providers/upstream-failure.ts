import { OutboundError, type OutboundResponse } from "../lib/outbound.ts";
import { type JsonObject, UpstreamError } from "./provider.ts";

// What is the same for every dialect when an upstream fails.

const errorBodyBytesMax = 65_536;
const retryAfterMsMax = 3_600_000;

/** Anything that a call can throw, as an UpstreamError. */
export function asUpstreamError(error: unknown, usage: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (!(error instanceof OutboundError)) {
    return new UpstreamError("malformed", "the upstream's answer cannot be read", { usage, cause: error });
  }
  return new UpstreamError(error.kind, error.message, { usage, cause: error });
}

/** A bounded piece of an error answer; an empty object where it is no JSON. */
export async function readErrorBody(response: OutboundResponse): Promise<JsonObject> {
  try {
    const value: unknown = JSON.parse((await response.body.bytes(errorBodyBytesMax)).toString("utf8"));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/**
 * Retry-After is seconds or a date; `retry-after-ms` is what the clients of OpenAI and Anthropic prefer where present.
 * Source: RFC 9110 section 10.2.3; https://github.com/openai/openai-node (src/client.ts), November 2026.
 */
export function retryAfterMs(response: OutboundResponse): number | undefined {
  const exact = Number.parseFloat(headerText(response, "retry-after-ms"));
  if (Number.isFinite(exact)) return bounded(exact);
  const text = headerText(response, "retry-after").trim();
  if (/^\d+(\.\d+)?$/.test(text)) return bounded(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : bounded(date - Date.now());
}

/** The media type in lower case, without parameters; `undefined` where none is told. */
export function mediaTypeOf(response: OutboundResponse): string | undefined {
  const type = headerText(response, "content-type").split(";", 1)[0]!.trim().toLowerCase();
  return type === "" ? undefined : type;
}

/** True for `application/json` and its like, and where upstream does not say. */
export function mayBeJson(mediaType: string | undefined): boolean {
  return mediaType === undefined || mediaType === "application/json" || mediaType.endsWith("+json");
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function headerText(response: OutboundResponse, name: string): string {
  const header = response.headers[name];
  return (Array.isArray(header) ? header[0] : header) ?? "";
}

function bounded(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), retryAfterMsMax);
}
