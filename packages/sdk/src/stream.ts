import { type FaucetError, FaucetStreamError, invalidConfig } from "./errors.ts";
import { EventTooLargeError, readEvents } from "./event-stream.ts";
import { aborted, type HttpAnswer } from "./http.ts";
import type { LocalAnswer } from "./local/turn.ts";
import type { FaucetModelfaucet, FaucetTokenUsage, RouteMode, ToolCall, WireError } from "./wire.ts";

export type FaucetStreamEvent =
  | { type: "start"; requestId: string; routeMode: RouteMode; model: string; holdUsd?: string }
  /** `choice` only where the call asked for several and this is not the first. */
  | { type: "text"; delta: string; choice?: number }
  | { type: "reasoning"; delta: string; choice?: number }
  | { type: "tool_call"; index: number; id?: string; name?: string; argumentsDelta: string; choice?: number }
  | {
      type: "finish";
      finishReason: string | null;
      usage?: FaucetTokenUsage;
      modelfaucet: FaucetModelfaucet;
    };

export type FaucetStreamResult = {
  text: string;
  reasoning: string;
  toolCalls: ToolCall[];
  finishReason: string | null;
  usage?: FaucetTokenUsage;
  modelfaucet: FaucetModelfaucet;
};

/**
 * One streamed answer. Nothing is sent before it is read; it is read once, by the loop or by `text()` or `final()`.
 * Leaving the loop ends the call, and so does `abort()`.
 */
export interface FaucetStream extends AsyncIterable<FaucetStreamEvent> {
  text(): Promise<string>;
  /** The whole answer; after a loop the one that was looped over. */
  final(): Promise<FaucetStreamResult>;
  abort(): void;
}

const eventLimitChars = 4 * 1024 * 1024;
/** The server says something at least every 10 s, a comment if need be: a longer silence is a dead connection. */
const longestSilenceMs = 60_000;

/** An answer that begins; `local` when the user's own machine gives it. */
export type OpenedAnswer = HttpAnswer & { local?: LocalAnswer };
type OpenStream = (signal: AbortSignal) => Promise<OpenedAnswer>;

export function createStream(
  open: OpenStream,
  callerSignal: AbortSignal | undefined,
  report: { finish: (modelfaucet: FaucetModelfaucet) => void; error: (error: unknown) => void },
): FaucetStream {
  const controller = new AbortController();
  const result = deferred<FaucetStreamResult>();
  // Whoever only loops never asks for the result: its failure has been thrown from the loop.
  result.promise.catch(() => {});
  let taken = false;

  async function* run(): AsyncGenerator<FaucetStreamEvent, void, undefined> {
    const signal = callerSignal ? AbortSignal.any([callerSignal, controller.signal]) : controller.signal;
    try {
      const answer = collect();
      for await (const event of readAnswer(open, signal, controller)) {
        answer.add(event);
        if (event.type === "finish") {
          result.resolve(answer.result(event));
          report.finish(event.modelfaucet);
        }
        yield event;
      }
    } catch (error) {
      result.reject(error);
      report.error(error);
      throw error;
    } finally {
      result.reject(aborted());
      controller.abort();
    }
  }

  const take = () => {
    if (taken) throw invalidConfig("A stream is read once; use final() for the whole answer.");
    taken = true;
    return run();
  };
  const final = async () => {
    if (!taken) for await (const _event of take());
    return await result.promise;
  };
  return {
    [Symbol.asyncIterator]: take,
    final,
    text: async () => (await final()).text,
    abort: () => controller.abort(),
  };
}

async function* readAnswer(
  open: OpenStream,
  signal: AbortSignal,
  controller: AbortController,
): AsyncGenerator<FaucetStreamEvent, void, undefined> {
  const { response, release, local } = await open(signal);
  release();
  const start = startOf(response, local);
  yield start;
  const seen: Seen = { text: "", finishReason: null, choices: false };
  let silent = false;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      silent = true;
      controller.abort();
    }, longestSilenceMs);
  };
  try {
    if (!response.body) throw incomplete(seen, start, "empty");
    heard();
    for await (const data of readEvents(tapped(response.body, heard), eventLimitChars)) {
      if (data === "[DONE]") {
        yield await finishOf(seen, start, local);
        return;
      }
      yield* eventsOf(data, seen, start);
    }
    throw incomplete(seen, start, "ended");
  } catch (cause) {
    if (cause instanceof FaucetStreamError) throw cause;
    if (cause instanceof EventTooLargeError) throw incomplete(seen, start, "too_large", cause);
    if (signal.aborted && !silent) throw aborted(start.requestId);
    throw incomplete(seen, start, silent ? "silent" : "broken", cause);
  } finally {
    clearTimeout(silence);
  }
}

type Start = Extract<FaucetStreamEvent, { type: "start" }>;
type Seen = {
  text: string;
  finishReason: string | null;
  choices: boolean;
  usage?: FaucetTokenUsage;
  modelfaucet?: FaucetModelfaucet;
};

type Chunk = {
  error?: WireError;
  choices?: {
    index?: number;
    finish_reason?: string | null;
    delta?: {
      content?: string | null;
      reasoning?: string | null;
      reasoning_content?: string | null;
      tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[];
    };
  }[];
  usage?: FaucetTokenUsage | null;
  modelfaucet?: FaucetModelfaucet;
};

function startOf(response: Response, local: LocalAnswer | undefined): Start {
  const header = (name: string) => response.headers.get(`x-modelfaucet-${name}`);
  const holdUsd = header("hold-usd");
  return {
    type: "start",
    requestId: header("request-id") ?? local?.requestId ?? response.headers.get("x-request-id") ?? "",
    routeMode: local ? "local" : ((header("route-mode") ?? "platform") as RouteMode),
    model: header("model") ?? "",
    ...(holdUsd ? { holdUsd } : {}),
  };
}

function* eventsOf(data: string, seen: Seen, start: Start): Generator<FaucetStreamEvent, void, undefined> {
  const chunk = parseChunk(data, seen, start);
  if (chunk.error) throw inBand(chunk.error, seen, start);
  if (chunk.usage) seen.usage = chunk.usage;
  if (chunk.modelfaucet) seen.modelfaucet = chunk.modelfaucet;
  for (const { index = 0, delta, finish_reason } of chunk.choices ?? []) {
    const choice = index > 0 ? { choice: index } : {};
    const reasoning = delta?.reasoning_content ?? delta?.reasoning;
    if (reasoning) yield { type: "reasoning", delta: reasoning, ...choice };
    if (delta?.content) {
      if (index === 0) seen.text += delta.content;
      yield { type: "text", delta: delta.content, ...choice };
    }
    for (const call of delta?.tool_calls ?? []) {
      yield {
        type: "tool_call",
        index: call.index,
        ...(call.id ? { id: call.id } : {}),
        ...(call.function?.name ? { name: call.function.name } : {}),
        argumentsDelta: call.function?.arguments ?? "",
        ...choice,
      };
    }
    if (finish_reason && index === 0) seen.finishReason = finish_reason;
  }
}

function parseChunk(data: string, seen: Seen, start: Start): Chunk {
  try {
    return JSON.parse(data) as Chunk;
  } catch (cause) {
    throw incomplete(seen, start, "not_json", cause);
  }
}

async function finishOf(
  seen: Seen,
  start: Start,
  local: LocalAnswer | undefined,
): Promise<FaucetStreamEvent> {
  if (!seen.modelfaucet) throw incomplete(seen, start, "no_settlement");
  const modelfaucet = local ? await local.settle(seen.modelfaucet, seen.usage) : seen.modelfaucet;
  return {
    type: "finish",
    finishReason: seen.finishReason,
    ...(seen.usage ? { usage: seen.usage } : {}),
    modelfaucet,
  };
}

function inBand(error: WireError, seen: Seen, start: Start): FaucetError {
  return new FaucetStreamError(error.message ?? "The answer failed on its way.", {
    code: error.code ?? "provider_error",
    status: 200,
    type: error.type ?? "api_error",
    param: error.param ?? null,
    requestId: error.request_id ?? start.requestId,
    details: error.details ?? {},
    partialText: seen.text,
  });
}

function incomplete(seen: Seen, start: Start, reason: string, cause?: unknown): FaucetStreamError {
  return new FaucetStreamError("The answer broke off before its end.", {
    code: "stream_incomplete",
    status: 200,
    requestId: start.requestId,
    details: { reason },
    partialText: seen.text,
    cause,
  });
}

/** The same bytes; `heard` is told of each piece, comments included. */
function tapped(body: ReadableStream<Uint8Array>, heard: () => void): ReadableStream<Uint8Array> {
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, output) {
        heard();
        output.enqueue(piece);
      },
    }),
  );
}

/** `Promise.withResolvers`, which Node 20 does not have. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue;
    reject = onReason;
  });
  return { promise, resolve, reject };
}

function collect() {
  let text = "";
  let reasoning = "";
  const toolCalls: ToolCall[] = [];
  return {
    add(event: FaucetStreamEvent) {
      if ("choice" in event) return;
      if (event.type === "text") text += event.delta;
      if (event.type === "reasoning") reasoning += event.delta;
      if (event.type === "tool_call") {
        // A provider's index may leave holes; 128 is OpenAI's own bound for tools in one request.
        if (event.index < 0 || event.index > 127) return;
        const call = toolCalls[event.index] ?? {
          id: "",
          type: "function",
          function: { name: "", arguments: "" },
        };
        toolCalls[event.index] = call;
        if (event.id) call.id = event.id;
        if (event.name) call.function.name += event.name;
        call.function.arguments += event.argumentsDelta;
      }
    },
    result(finish: Extract<FaucetStreamEvent, { type: "finish" }>): FaucetStreamResult {
      const { type: _type, ...rest } = finish;
      return { text, reasoning, toolCalls: toolCalls.filter(Boolean), ...rest };
    },
  };
}
