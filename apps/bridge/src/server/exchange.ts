import type { IncomingMessage, ServerResponse } from "node:http";
import { type BridgeError, BridgeError as Refusal } from "../errors.ts";
import type { Grant } from "../grants/grants.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";

/** One request on its way through the checks, and what its answer carries. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly origin: string | null;
  /** Of the answer, by who asks. */
  cors: Record<string, string>;
  /** The grant that this request came with; `null` on the three open routes. */
  grant: Grant | null;
  /** Ends when the caller has gone, the grant has, or the bridge stops. */
  readonly signal: AbortSignal;
  /** Sends `100 Continue` where the caller waits for it. */
  proceed(): void;
  /** Ends this exchange from within, with what its caller is told. */
  stop(why: BridgeError): void;
  /** Why it was ended from within; `null` when it was not. */
  stopReason(): BridgeError | null;
  /** For the log: a code and counts alone. */
  readonly facts: { code?: string; input?: number; output?: number };
};

export type BodyMemory = { take(bytes: number): boolean; giveBack(bytes: number): void };

/** Together at most so many bytes of bodies at once, however many callers. */
export function createBodyMemory(maxBytes: number): BodyMemory {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > maxBytes) return false;
      used += bytes;
      return true;
    },
    giveBack(bytes) {
      used -= bytes;
    },
  };
}

export function sendJson(
  exchange: Exchange,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const { response } = exchange;
  if (response.headersSent || response.destroyed) return;
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, {
    ...commonHeaders(exchange),
    ...headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": text.length,
  });
  response.end(text);
}

export function sendError(exchange: Exchange, error: BridgeError): void {
  sendJson(exchange, error.status, error.envelope(exchange.requestId), {
    ...error.headers,
    "x-should-retry": String(error.retry),
  });
}

export function commonHeaders(exchange: Exchange): Record<string, string> {
  return {
    ...exchange.cors,
    "x-request-id": exchange.requestId,
    "cache-control": "private, no-store",
    "x-content-type-options": "nosniff",
  };
}

/** 7, 8 and the form of 9: a JSON object of bounded size. */
export async function readJsonBody(
  exchange: Exchange,
  limitBytes: number,
  memory: BodyMemory,
): Promise<JsonObject> {
  const { request } = exchange;
  const type = String(request.headers["content-type"] ?? "")
    .split(";")[0]!
    .trim()
    .toLowerCase();
  if (type !== "application/json") {
    throw new Refusal("unsupported_media_type", "Send the body as application/json.");
  }
  if (request.headers["content-encoding"] !== undefined) {
    throw new Refusal("unsupported_media_type", "Send the body without compression.");
  }
  if (Number(request.headers["content-length"] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  exchange.proceed();
  const text = await readText(exchange, limitBytes, memory);
  const body = parseJson(text);
  if (!isObject(body)) throw new Refusal("invalid_request", "The body must be one JSON object.");
  return body;
}

/** A body counts until its answer is over: as long as it may be in use. */
async function readText(exchange: Exchange, limitBytes: number, memory: BodyMemory): Promise<string> {
  const { request, response } = exchange;
  const pieces: Buffer[] = [];
  let bytes = 0;
  response.once("close", () => memory.giveBack(bytes));
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      if (!memory.take(piece.length)) {
        throw new Refusal("rate_limited", "Too many large requests at once; try again in a moment.", {
          headers: { "retry-after": "1" },
        });
      }
      bytes += piece.length;
      if (bytes > limitBytes) throw tooLarge(limitBytes);
      pieces.push(piece);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(pieces));
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (request.errored !== null)
      throw new Refusal("client_closed_request", "The caller closed the request.", { cause: error });
    throw new Refusal("invalid_request", "The body must be UTF-8.", { cause: error });
  }
}

function tooLarge(limitBytes: number): BridgeError {
  return new Refusal(
    "payload_too_large",
    `The body is larger than ${limitBytes} bytes; send a shorter one.`,
    {
      details: { limit_bytes: limitBytes },
      headers: { connection: "close" },
    },
  );
}
