import type { Socket } from "node:net";
import { errorTable } from "@modelfaucet/contract/errors.ts";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isDatabaseAway, isDatabaseBusy } from "./db.ts";
import { ApiError } from "./errors.ts";
import { requestIdOf, uuidV7 } from "./ids.ts";
import type { Logger } from "./log.ts";

/** Whatever was thrown, as the client is told it. What is not ours to tell becomes `internal_error`. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (isDatabaseAway(error)) {
    return new ApiError("service_unavailable", "The database does not answer; try again in a few seconds.", {
      cause: error,
      retryAfterSeconds: 2,
    });
  }
  if (isDatabaseBusy(error)) {
    return new ApiError(
      "service_unavailable",
      "The database is too busy for this; try again in a few seconds.",
      {
        cause: error,
        retryAfterSeconds: 1,
      },
    );
  }
  const code = (error as { code?: unknown } | null)?.code;
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof code === "string" && code.startsWith("FST_ERR") && typeof status === "number" && status < 500) {
    return new ApiError("invalid_request", frameworkSentences[code] ?? "The request is malformed.", {
      cause: error,
    });
  }
  return new ApiError(
    "internal_error",
    "Something failed on our side; try again, and quote the request id if it stays.",
    {
      cause: error,
    },
  );
}

const frameworkSentences: Record<string, string> = {
  FST_ERR_BAD_URL: "The path is not a valid URL.",
  FST_ERR_MAX_PARAM_LENGTH: "A part of the path is too long.",
};

/** The one way in which a failure leaves before its first byte: status, envelope and headers of the error table. */
export function sendError(reply: FastifyReply, thrown: unknown, log: Logger): FastifyReply {
  const request = reply.request as FastifyRequest;
  const error = toApiError(thrown);
  const { status, retry } = errorTable[error.code];
  request.errorCode = error.code;
  // Whoever left is told nothing; the record says 499.
  reply.code(status);
  for (const [name, value] of errorHeaders(error, retry)) reply.header(name, value);
  if (status >= 500)
    log.error({ request_id: request.id, error_code: error.code, err: thrown }, "request failed");
  return reply.type("application/json; charset=utf-8").send(JSON.stringify(error.envelope(request.id)));
}

/** `x-should-retry` always, `retry-after` wherever waiting helps. */
export function errorHeaders(error: ApiError, retry: boolean): [name: string, value: string][] {
  const headers: [string, string][] = [["x-should-retry", String(retry)], ...Object.entries(error.headers)];
  const waits = error.retryAfterSeconds ?? (error.status === 429 || error.status === 503 ? 1 : undefined);
  if (waits !== undefined) headers.push(["retry-after", String(Math.max(1, Math.ceil(waits)))]);
  return headers;
}

const parserAnswers: Record<string, [status: string, sentence: string]> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "The headers of the request are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request did not arrive in time."],
};

/** Answers what the parser refused, when no request exists yet, in the same envelope; then closes the connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable || hasBegunToAnswer(socket)) {
    socket.destroy();
    return;
  }
  const [status, sentence] = parserAnswers[error.code ?? ""] ?? [
    "400 Bad Request",
    "The request is not valid HTTP.",
  ];
  const id = requestIdOf(uuidV7());
  const body = JSON.stringify(new ApiError("invalid_request", sentence).envelope(id));
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      "content-type: application/json; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${id}`,
      "x-should-retry: false",
      "cache-control: private, no-store",
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  // A client that does not read its answer keeps nothing of ours.
  setTimeout(() => socket.destroy(), 1000).unref();
}

/** Node keeps the answer that is under way on the socket; a second one in the middle of it would be garbage. */
function hasBegunToAnswer(socket: Socket): boolean {
  const message = (socket as Socket & { _httpMessage?: { headersSent: boolean } })._httpMessage;
  return message?.headersSent === true;
}
