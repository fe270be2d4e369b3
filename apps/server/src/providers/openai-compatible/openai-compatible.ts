import type { Outbound, OutboundResponse } from "../../lib/outbound.ts";
import { probeModels } from "../probe.ts";
import {
  type JsonObject,
  type Provider,
  type UpstreamAnswer,
  type UpstreamCall,
  UpstreamError,
} from "../provider.ts";
import { asUpstreamError, mayBeJson, mediaTypeOf } from "../upstream-failure.ts";
import { readEvents } from "./event-stream.ts";
import { inBandError, isInBandError, statusError } from "./failure.ts";
import { chunkFromMessage } from "./message-as-chunk.ts";

export type OpenAiCompatibleOptions = {
  outbound: Outbound;
  /** Upper bound for one whole JSON answer, in bytes. */
  answerLimitBytes: number;
};

/** Speaks OpenAI's chat completions: OpenAI itself, LiteLLM, OpenRouter and every upstream of the same dialect. */
export function createOpenAiCompatibleProvider(options: OpenAiCompatibleOptions): Provider {
  return {
    open: (call) => open(options, call),
    probe: (call) => probeModels(options.outbound, call, headersFor(call.apiKey, "application/json")),
  };
}

async function open(options: OpenAiCompatibleOptions, call: UpstreamCall): Promise<UpstreamAnswer> {
  const response = await send(options.outbound, call);
  if (response.status >= 300) throw await statusError(response, call.body);
  const mediaType = mediaTypeOf(response);
  if (call.stream && mediaType === "text/event-stream") {
    const events = readEvents(response.body, call.eventLimitBytes);
    return { kind: "stream", status: response.status, events };
  }
  if (!mayBeJson(mediaType)) {
    response.body.cancel();
    throw new UpstreamError("malformed", "the upstream's answer is neither JSON nor an event stream", {
      status: response.status,
    });
  }
  const body = await readJson(options, response);
  if (!call.stream) return { kind: "json", status: response.status, body };
  return { kind: "stream", status: response.status, events: oneChunk(chunkFromMessage(body)) };
}

async function send(outbound: Outbound, call: UpstreamCall): Promise<OutboundResponse> {
  try {
    return await outbound.request({
      url: `${call.baseUrl}/chat/completions`,
      method: "POST",
      headers: {
        ...headersFor(call.apiKey, call.stream ? "text/event-stream" : "application/json"),
        ...call.extraHeaders,
        ...(call.traceparent === undefined ? {} : { traceparent: call.traceparent }),
      },
      body: JSON.stringify(bodyFor(call)),
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

function headersFor(apiKey: string | null, accept: string): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    accept,
    "user-agent": "ModelFaucet",
  };
  if (apiKey !== null) headers.authorization = `Bearer ${apiKey}`;
  return headers;
}

/**
 * Usage is always asked for; an upstream refuses `stream_options` where nothing is streamed.
 * Source: https://platform.openai.com/docs/api-reference/chat/create (stream_options), November 2026.
 */
function bodyFor(call: UpstreamCall): JsonObject {
  if (!call.stream) {
    const { stream_options: _unused, ...body } = call.body;
    return { ...body, model: call.model, stream: false };
  }
  const asked = call.body.stream_options;
  const streamOptions = typeof asked === "object" && asked !== null ? asked : {};
  return {
    ...call.body,
    model: call.model,
    stream: true,
    stream_options: { ...streamOptions, include_usage: true },
  };
}

async function readJson(options: OpenAiCompatibleOptions, response: OutboundResponse): Promise<JsonObject> {
  let bytes: Buffer;
  try {
    bytes = await response.body.bytes(options.answerLimitBytes);
  } catch (error) {
    throw asUpstreamError(error, undefined);
  }
  const body = parseObject(bytes.toString("utf8"));
  if (body === null) {
    throw new UpstreamError("malformed", "the upstream's answer is not a JSON object", {
      status: response.status,
    });
  }
  if (isInBandError(body)) throw inBandError(body, body.usage, response.status);
  if (!Array.isArray(body.choices)) {
    throw new UpstreamError("malformed", "the upstream's answer has no choices", {
      status: response.status,
      usage: body.usage,
    });
  }
  return body;
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : null;
  } catch {
    return null;
  }
}

async function* oneChunk(chunk: JsonObject) {
  yield { type: "chunk", chunk } as const;
  yield { type: "done" } as const;
}
