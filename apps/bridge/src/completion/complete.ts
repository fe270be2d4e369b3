import type { TokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import type { BridgeSettings } from "../config/settings.ts";
import type { Endpoints, LocalModel } from "../endpoints/endpoints.ts";
import { callUpstream, readWhole, type UpstreamAnswer } from "../endpoints/upstream.ts";
import { asBridgeError, BridgeError } from "../errors.ts";
import { type GrantStore, mayUse, ownerOf } from "../grants/grants.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";
import { type BodyMemory, commonHeaders, type Exchange, readJsonBody, sendJson } from "../server/exchange.ts";
import { AnswerTap } from "./answer-tap.ts";
import { type ContextFit, fitContext, isPromptMaybeCut } from "./context.ts";
import { readEvents } from "./event-reader.ts";
import { createEventWriter } from "./event-writer.ts";
import { relayStream } from "./relay.ts";
import { type ModelRequest, type ModelRoute, readModelRequest, upstreamBody } from "./request.ts";
import type { Slots } from "./slots.ts";
import { failureOf, inBandError, invalidAnswer, statusError } from "./upstream-error.ts";
import { countPrompt, type Usage, usageOf } from "./usage.ts";

export type CompletionDeps = {
  settings: BridgeSettings;
  endpoints: Endpoints;
  grants: GrantStore;
  counter: TokenCounter;
  slots: Slots;
  memory: BodyMemory;
};

type Call = { asked: ModelRequest; model: LocalModel; fit: ContextFit; signal: AbortSignal };

const keepaliveMs = 10_000;

/** One call of a model: the checks from the body on, then the server's answer with its figures. */
export async function complete(route: ModelRoute, exchange: Exchange, deps: CompletionDeps): Promise<void> {
  const body = await readJsonBody(exchange, deps.settings.bodyLimitBytes, deps.memory);
  const asked = readModelRequest(route, body, exchange.request.headers["x-modelfaucet-route"]);
  const key = idempotencyKey(exchange);
  const model = await deps.endpoints.resolve(asked.model);
  const grant = exchange.grant!;
  if (!mayUse(grant, model.id)) {
    throw new BridgeError(
      "model_not_found",
      "This page may not use this model; the person at the computer can allow it when pairing.",
      {
        param: "model",
      },
    );
  }
  const unclaim = key === null ? () => {} : deps.slots.claim(ownerOf(grant), `${route} ${key}`);
  const timer = setTimeout(() => exchange.stop(tookTooLong(model)), deps.settings.totalMs);
  timer.unref();
  const { signal } = exchange;
  let leave = (): void => {};
  try {
    const [contextLength, promptTokens] = await Promise.all([
      deps.endpoints.contextLength(model, { embeds: route === "embeddings", signal }),
      countPrompt(asked, model, deps.counter),
    ]);
    const fit = fitContext(asked, contextLength, promptTokens);
    leave = deps.slots.enter(model.endpoint);
    const call = { asked, model, fit, signal };
    await (asked.isStreamed ? stream(exchange, call, deps) : whole(exchange, call, deps));
  } catch (error) {
    throw exchange.stopReason() ?? failureOf(error, model);
  } finally {
    clearTimeout(timer);
    leave();
    unclaim();
  }
}

async function whole(exchange: Exchange, call: Call, deps: CompletionDeps): Promise<void> {
  const { asked, model, signal } = call;
  const answer = await send(call, deps);
  const text = await readWhole(answer.body, {
    maxBytes: wholeBytesMax,
    firstMs: deps.settings.firstByteMs,
    idleMs: deps.settings.idleMs,
    signal,
  });
  const json = parseJson(text);
  if (answer.status !== 200) throw statusError(model, answer.status, answer.headers, json, call.fit);
  if (!isObject(json)) throw invalidAnswer(model);
  if (json.error !== undefined && json.error !== null) throw inBandError(model, json, call.fit);
  const tap = new AnswerTap();
  tap.message(json);
  const isAnswer =
    asked.route === "embeddings"
      ? Array.isArray(json.data) && json.data.length > 0
      : Array.isArray(json.choices) && json.choices.length > 0;
  if (!isAnswer || (asked.route === "chat" && tap.isEmpty)) throw invalidAnswer(model);
  const usage = await usageOf(asked, model, tap, { counted: call.fit.promptTokens, counter: deps.counter });
  count(exchange, usage, deps);
  sendJson(
    exchange,
    200,
    { ...json, usage: usage.object, modelfaucet: factsOf(exchange, call, usage) },
    answerHeaders(exchange, model),
  );
}

async function stream(exchange: Exchange, call: Call, deps: CompletionDeps): Promise<void> {
  const { asked, model, signal, fit } = call;
  const writer = createEventWriter(exchange.response, {
    keepaliveMs,
    stalledMs: deps.settings.idleMs,
    signal,
  });
  const begin = (): void => writer.begin({ ...commonHeaders(exchange), ...answerHeaders(exchange, model) });
  // A model that thinks for long must not look like a dead line.
  const early = setTimeout(begin, keepaliveMs - 1000);
  try {
    const answer = await send(call, deps);
    if (answer.status !== 200 || !isEventStream(answer)) throw await refusalOf(answer, call, deps);
    const tap = new AnswerTap();
    await relayStream(
      readEvents(answer.body, { firstMs: deps.settings.firstByteMs, idleMs: deps.settings.idleMs, signal }),
      {
        asked,
        tap,
        writer,
        begin,
        failure: (json) => inBandError(model, json, fit),
        close: async () => {
          const usage = await usageOf(asked, model, tap, {
            counted: fit.promptTokens,
            counter: deps.counter,
          });
          count(exchange, usage, deps);
          return { usage: usage.object, modelfaucet: factsOf(exchange, call, usage) };
        },
      },
    );
  } catch (error) {
    if (!writer.hasBegun) throw error;
    const refusal = exchange.stopReason() ?? asBridgeError(failureOf(error, model));
    exchange.facts.code = refusal.code;
    writer.fail(refusal.envelope(exchange.requestId));
  } finally {
    clearTimeout(early);
  }
}

const wholeBytesMax = 67_108_864;

function send({ asked, model, signal }: Call, deps: CompletionDeps): Promise<UpstreamAnswer> {
  return callUpstream(model.endpoint, {
    method: "POST",
    path: asked.route === "chat" ? "/chat/completions" : "/embeddings",
    body: upstreamBody(asked, model.name),
    firstByteMs: deps.settings.firstByteMs,
    signal,
  });
}

async function refusalOf(
  answer: UpstreamAnswer,
  { model, signal, fit }: Call,
  deps: CompletionDeps,
): Promise<BridgeError> {
  const { firstByteMs, idleMs } = deps.settings;
  const text = await readWhole(answer.body, { maxBytes: 1_048_576, firstMs: firstByteMs, idleMs, signal });
  return answer.status === 200
    ? invalidAnswer(model)
    : statusError(model, answer.status, answer.headers, parseJson(text), fit);
}

function isEventStream(answer: UpstreamAnswer): boolean {
  return /^text\/event-stream\b/i.test(String(answer.headers["content-type"] ?? ""));
}

/** What every local answer says of itself. */
function factsOf(exchange: Exchange, { asked, model, fit }: Call, usage: Usage): JsonObject {
  const isCut = usage.source === "provider" && isPromptMaybeCut(fit.promptTokens, usage.input);
  return {
    request_id: exchange.requestId,
    route_mode: "local",
    provider: model.endpoint.id,
    model: model.name,
    usage_source: usage.source,
    simulated: false,
    upstream_cost_usd: "0.00000000",
    context_length: fit.contextLength,
    warnings: [...fit.warnings, ...(isCut && asked.route === "chat" ? ["prompt_maybe_cut"] : [])],
    ...(model.endpoint.isRemote ? { remote: true } : {}),
  };
}

function answerHeaders(exchange: Exchange, model: LocalModel): Record<string, string> {
  return {
    "x-modelfaucet-request-id": exchange.requestId,
    "x-modelfaucet-route-mode": "local",
    // A header is ASCII; a model's name may be anything.
    "x-modelfaucet-model": encodeURI(model.name),
  };
}

function count(exchange: Exchange, usage: Usage, deps: CompletionDeps): void {
  exchange.facts.input = usage.input;
  exchange.facts.output = usage.output;
  deps.grants.counted(exchange.grant!.id, usage.input, usage.output);
}

function idempotencyKey(exchange: Exchange): string | null {
  const key = exchange.request.headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key === "string" && key.length >= 1 && key.length <= 255) return key;
  throw new BridgeError("invalid_request", "Idempotency-Key must be 1 to 255 characters.", {
    param: "idempotency-key",
  });
}

function tookTooLong(model: LocalModel): BridgeError {
  return new BridgeError(
    "local_model_unavailable",
    "The answer took longer than limits.total_min in bridge.yaml allows.",
    {
      details: { endpoint_id: model.endpoint.id, reason: "total_time" },
    },
  );
}
