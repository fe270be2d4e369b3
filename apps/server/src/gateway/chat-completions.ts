import type { FastifyReply, FastifyRequest } from "fastify";
import {
  admitCompletion,
  type CompleteContext,
  type Completion,
  type Replay,
} from "../flows/complete/complete.ts";
import { ApiError } from "../lib/errors.ts";
import { failpoint } from "../lib/failpoint.ts";
import { requestIdOf } from "../lib/ids.ts";
import { formatUsd } from "../lib/money.ts";
import type { SessionContext } from "../modules/identity/session-context.ts";
import type { JsonObject } from "../providers/provider.ts";
import { createEventWriter } from "./sse.ts";

/** What the edge has found out about a call before its handler runs. */
export type GatewayCall = {
  requestId: string;
  clientRequestId: string | null;
  session: SessionContext;
  body: unknown;
  rawBody: Buffer;
  /** Whether it came over TLS, or from this very machine where nothing is at stake. */
  isSecure: boolean;
  /** Whether the app's debug log is on. */
  isRecorded: boolean;
  startedAt: number;
  /** Headers that every answer carries: request id, CORS. */
  headers: Readonly<Record<string, string>>;
};

export type ChatCompletionsOptions = {
  context: CompleteContext;
  keepaliveMs: number;
  /** Errors as the client reads them; anything unexpected becomes `internal_error` and is logged. */
  toApiError: (error: unknown, request: FastifyRequest) => ApiError;
};

/** POST /v1/chat/completions, streamed or not. */
export async function chatCompletions(
  request: FastifyRequest,
  reply: FastifyReply,
  call: GatewayCall,
  options: ChatCompletionsOptions,
): Promise<unknown> {
  const completion = await admitCompletion(
    {
      requestId: call.requestId,
      clientRequestId: call.clientRequestId,
      session: call.session,
      body: call.body,
      rawBody: call.rawBody,
      headers: {
        feature: header(request, "x-modelfaucet-feature"),
        route: header(request, "x-modelfaucet-route"),
        idempotencyKey: header(request, "idempotency-key"),
        idempotency: header(request, "x-modelfaucet-idempotency"),
        ownKey: {
          provider: header(request, "x-modelfaucet-provider"),
          key: header(request, "x-modelfaucet-provider-key"),
        },
      },
      isSecure: call.isSecure,
      isRecorded: call.isRecorded,
      startedAt: call.startedAt,
      trace: request.trace,
    },
    refuseLater(request, options.context),
  );
  if ("replayed" in completion) return replayAnswer(reply, call, completion, options.keepaliveMs);
  request.logFacts = factsOf(completion);
  const left = (): void => {
    if (!reply.raw.writableEnded) completion.run.stop("client_left");
  };
  reply.raw.once("close", left);
  if (reply.raw.destroyed || request.raw.socket.destroyed) left();
  if (completion.run.asked.stream) return streamAnswer(request, reply, call, completion, options);
  const body = await completion
    .whole()
    .finally(() => noteEnding(request, completion, call.startedAt, options));
  const priced = body.modelfaucet as JsonObject;
  reply.headers({
    ...answerHeaders(completion),
    "x-modelfaucet-model": headerText(String(priced.model)),
    "x-modelfaucet-charge-usd": String(priced.charge_usd),
    ...(priced.wallet_balance_usd === undefined
      ? {}
      : { "x-modelfaucet-balance-usd": String(priced.wallet_balance_usd) }),
    "x-modelfaucet-overhead-ms": overheadMs(completion, call.startedAt).toFixed(1),
  });
  reply.send(body);
  await failpoint("after_answer");
  return reply;
}

/** What was answered under the same key before, word for word; nothing is called and nothing is charged. */
async function replayAnswer(
  reply: FastifyReply,
  call: GatewayCall,
  { replayed, requestId }: Replay,
  keepaliveMs: number,
): Promise<unknown> {
  const headers = { "idempotent-replay": "true", "x-modelfaucet-request-id": requestIdOf(requestId) };
  if (replayed.kind === "body") {
    return reply.headers(headers).type("application/json; charset=utf-8").send(replayed.body);
  }
  reply.hijack();
  const writer = createEventWriter(reply.raw, keepaliveMs);
  writer.begin({ ...call.headers, ...headers });
  for (const chunk of replayed.chunks) if (!(await writer.text(chunk))) return reply;
  writer.done();
  return reply;
}

async function streamAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  call: GatewayCall,
  completion: Completion,
  options: ChatCompletionsOptions,
): Promise<unknown> {
  const chunks = completion.chunks();
  const writer = createEventWriter(reply.raw, options.keepaliveMs);
  // Until a keepalive is due the true status of a failure can still be told.
  const begin = (nothingFollows = false): void => {
    if (writer.hasBegun) return;
    reply.hijack();
    writer.begin(
      {
        ...call.headers,
        ...answerHeaders(completion),
        "x-modelfaucet-hold-usd": formatUsd(completion.run.held.holdUsd),
      },
      nothingFollows,
    );
  };
  const waited = performance.now() - call.startedAt;
  const headersDue = setTimeout(() => begin(true), Math.max(0, options.keepaliveMs - 1_000 - waited));
  try {
    for (;;) {
      const next = await chunks.next();
      clearTimeout(headersDue);
      if (next.done) break;
      begin();
      const hasRoom = writer.data(next.value);
      // Nearly always there is room: a stream of many small chunks is no place for a turn more for each of them.
      if (hasRoom !== true && !(await roomOrStop(hasRoom, completion))) {
        await chunks.return();
        return reply;
      }
    }
    begin();
    writer.done();
    await failpoint("after_answer");
  } catch (error) {
    clearTimeout(headersDue);
    const told = options.toApiError(error, request);
    if (told.code === "client_closed_request") {
      if (!writer.hasBegun) reply.hijack();
      reply.raw.destroy();
      return reply;
    }
    if (!writer.hasBegun) throw told;
    writer.fail(told.envelope(requestIdOf(call.requestId)));
  } finally {
    noteEnding(request, completion, call.startedAt, options);
  }
  return reply;
}

/** A reader that takes its time does not hold off the end of what was stopped meanwhile. */
async function roomOrStop(hasRoom: Promise<boolean>, { run: { abort } }: Completion): Promise<boolean> {
  let stopped = (): void => {};
  const stop = new Promise<true>((resolve) => {
    stopped = () => resolve(true);
    abort.signal.addEventListener("abort", stopped, { once: true });
    if (abort.signal.aborted) stopped();
  });
  try {
    return await Promise.race([hasRoom, stop]);
  } finally {
    abort.signal.removeEventListener("abort", stopped);
  }
}

/** Ids for the access log line; never content. */
function factsOf({ run: { facts } }: Completion): Record<string, unknown> {
  return {
    developer_id: facts.developerId,
    app_id: facts.appId,
    end_user_id: facts.endUserId,
    session_id: facts.sessionId,
    feature_key: facts.featureKey,
    route_mode: facts.routeMode,
  };
}

function noteEnding(
  request: FastifyRequest,
  completion: Completion,
  startedAt: number,
  { context }: ChatCompletionsOptions,
): void {
  const { run } = completion;
  const oursMs = overheadMs(completion, startedAt);
  if (run.isStream && run.chunkAt > 0) context.onStage("relay", run.relayMs);
  if (run.settleMs !== null) context.onStage("settle", run.settleMs);
  context.onStage("total", oursMs);
  Object.assign(request.logFacts ?? {}, {
    route_mode: run.route.mode,
    provider: run.route.provider,
    model: run.route.model,
    attempts: run.attempts.length,
    overhead_ms: Math.round(oursMs),
    ...(run.ending === null
      ? {}
      : { outcome: run.ending.outcome, charge_usd: formatUsd(run.ending.chargeUsd) }),
  });
}

function answerHeaders({ run }: Completion): Record<string, string> {
  return {
    ...run.rates?.headers,
    "x-modelfaucet-request-id": requestIdOf(run.requestId),
    "x-modelfaucet-route-mode": run.route.mode,
    ...(run.dropped.length === 0 ? {} : { "x-modelfaucet-dropped": run.dropped.join(", ") }),
    "x-modelfaucet-model": headerText(run.route.model),
    ...(run.route.outputLimit === null
      ? {}
      : { "x-modelfaucet-output-limit": String(run.route.outputLimit.granted) }),
  };
}

/** A header carries visible ASCII alone; what else a name has is percent-encoded. */
function headerText(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x7e]/gu, encodeURIComponent);
}

/**
 * Ours: everything but the time that attempts took. A stream goes on at its upstream's and its reader's pace, so of that
 * only what came before its first byte and its settlement count.
 */
function overheadMs({ run }: Completion, startedAt: number): number {
  const theirs = run.attempts.reduce((sum, attempt) => sum + attempt.duration_ms, 0);
  const until =
    run.isStream && run.firstByteMs !== null
      ? run.firstByteMs + (run.settleMs ?? 0)
      : performance.now() - startedAt;
  return Math.max(0, until - theirs);
}

const laterHeaders: Readonly<Record<string, string>> = {
  "x-modelfaucet-max-price-usd": "price caps come with quotes",
  "x-modelfaucet-quote": "quotes come later",
  "x-modelfaucet-user": "calls for a user by developer token come later",
};

/** A header that asks for what is not built is refused, never ignored. */
function refuseLater(request: FastifyRequest, context: CompleteContext): CompleteContext {
  for (const name in laterHeaders) {
    if (request.headers[name] !== undefined) {
      throw new ApiError("invalid_request", `${name} is not available yet: ${laterHeaders[name]}.`, {
        param: name,
      });
    }
  }
  return context;
}

function header(request: FastifyRequest, name: string): string | null {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
}
