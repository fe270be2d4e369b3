import type { Outbound, OutboundResponse } from "../../lib/outbound.ts";
import { readStream } from "../event-reader.ts";
import { chunkFromMessage } from "../openai-compatible/message-as-chunk.ts";
import { probeModels } from "../probe.ts";
import {
  type JsonObject,
  type Provider,
  type UpstreamAnswer,
  type UpstreamCall,
  UpstreamError,
} from "../provider.ts";
import { asUpstreamError, isObject, mayBeJson, mediaTypeOf } from "../upstream-failure.ts";
import { MessageEvents } from "./event-stream.ts";
import { parseExactly } from "./exact-json.ts";
import { inBandError, statusError } from "./failure.ts";
import { completionFromMessage } from "./message.ts";
import { translateRequest } from "./request.ts";

export type AnthropicOptions = {
  outbound: Outbound;
  /** Upper bound for one whole JSON answer, in bytes. */
  answerLimitBytes: number;
};

/**
 * The newest version has no word for sampling; the one before it is sent with requests that ask for it, of models that
 * still take it.
 * Source: https://platform.claude.com/docs/en/api/versioning,
 * https://platform.claude.com/docs/en/api/migration-2026-10-21, read November 2026.
 */
const apiVersion = "2026-10-21";
const apiVersionWithSampling = "2023-06-01";

/** Speaks Anthropic's messages: base URL `https://api.anthropic.com/v1`, or whoever answers in the same way. */
export function createAnthropicProvider(options: AnthropicOptions): Provider {
  return {
    open: (call) => open(options, call),
    probe: (call) => probeModels(options.outbound, call, headersFor(call.apiKey, "application/json")),
  };
}

async function open(options: AnthropicOptions, call: UpstreamCall): Promise<UpstreamAnswer> {
  const { body: sent, dropped } = translateRequest(call.body, call.model, call.stream);
  const response = await send(options.outbound, call, sent);
  const { status } = response;
  if (status >= 300) throw await statusError(response, sent);
  const mediaType = mediaTypeOf(response);
  if (call.stream && mediaType === "text/event-stream") {
    const events = readStream(response.body, call.eventLimitBytes, new MessageEvents());
    return { kind: "stream", status, events, dropped };
  }
  if (!mayBeJson(mediaType)) {
    response.body.cancel();
    throw new UpstreamError("malformed", "the upstream's answer is neither JSON nor an event stream", {
      status,
    });
  }
  const body = await readMessage(options, response);
  if (!call.stream) return { kind: "json", status, body, dropped };
  return { kind: "stream", status, events: oneChunk(chunkFromMessage(body)), dropped };
}

async function send(outbound: Outbound, call: UpstreamCall, body: JsonObject): Promise<OutboundResponse> {
  try {
    return await outbound.request({
      url: `${call.baseUrl}/messages`,
      method: "POST",
      headers: {
        ...headersFor(call.apiKey, call.stream ? "text/event-stream" : "application/json", versionFor(body)),
        ...call.extraHeaders,
        ...(call.traceparent === undefined ? {} : { traceparent: call.traceparent }),
      },
      body: JSON.stringify(body),
      credential: call.apiKey,
      ...(call.door === "tenant" ? { door: "tenant", entrance: "byok" } : {}),
      timeouts: call.timeouts,
      signal: call.signal,
      onSent: call.onSent,
    });
  } catch (error) {
    throw asUpstreamError(error, undefined);
  }
}

function versionFor({ temperature, top_p, top_k }: JsonObject): string {
  return temperature === undefined && top_p === undefined && top_k === undefined
    ? apiVersion
    : apiVersionWithSampling;
}

function headersFor(apiKey: string | null, accept: string, version = apiVersion): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept,
    "user-agent": "ModelFaucet",
    "anthropic-version": version,
  };
  if (apiKey !== null) headers["x-api-key"] = apiKey;
  return headers;
}

async function readMessage(options: AnthropicOptions, response: OutboundResponse): Promise<JsonObject> {
  const { status } = response;
  let bytes: Buffer;
  try {
    bytes = await response.body.bytes(options.answerLimitBytes);
  } catch (error) {
    throw asUpstreamError(error, undefined);
  }
  const text = bytes.toString("utf8");
  const answer = parseObject(text);
  if (answer === null) {
    throw new UpstreamError("malformed", "the upstream's answer is not a JSON object", { status });
  }
  if (answer.type === "error" || isObject(answer.error)) throw inBandError(answer, undefined, status);
  // Only what a tool is called with must come out letter by letter.
  const exact = text.includes('"tool_use"') ? parseExactly(text) : answer;
  const completion = completionFromMessage(answer, isObject(exact) ? exact.content : undefined);
  if (completion === null) {
    throw new UpstreamError("malformed", "the upstream's answer has no content", { status });
  }
  return completion;
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

async function* oneChunk(chunk: JsonObject) {
  yield { type: "chunk", chunk } as const;
  yield { type: "done" } as const;
}
