/**
 * The boundary to upstream providers. A provider opens one attempt and reports what upstream said, translated to the
 * shape of OpenAI's chat completions; it knows nothing of users, prices or books.
 */

export type JsonObject = { [key: string]: unknown };

/** Milliseconds. `firstByte` counts from the request sent to the first byte of the answer's body or its headers. */
export type UpstreamTimeouts = {
  connectMs: number;
  firstByteMs: number;
  idleMs: number;
  totalMs: number;
};

export type UpstreamCall = {
  /** Origin and path prefix, for example `http://127.0.0.1:4010/v1`; no slash at the end. */
  baseUrl: string;
  apiKey: string | null;
  /** The name that upstream knows the model by. */
  model: string;
  /** The whole body as it goes out, `model` and the output limit included. */
  body: JsonObject;
  stream: boolean;
  timeouts: UpstreamTimeouts;
  /** Upper bound for one SSE event, in bytes. */
  eventLimitBytes: number;
  signal: AbortSignal;
  /** Called once when the request has been handed to the socket, so that the record can say that it was sent. */
  onSent?: () => void;
};

/** One parsed chunk of a stream, or the mark that upstream said `[DONE]`. */
export type UpstreamEvent = { type: "chunk"; chunk: JsonObject } | { type: "done" };

export type UpstreamAnswer =
  | { kind: "json"; status: number; body: JsonObject }
  /** `events` ends after `done`, or when upstream closed; leaving the loop cancels upstream. */
  | { kind: "stream"; status: number; events: AsyncIterable<UpstreamEvent> };

export type UpstreamFailureKind =
  | "connect"
  | "first_byte_timeout"
  | "idle_timeout"
  | "total_timeout"
  | "status"
  | "in_band"
  | "truncated"
  | "malformed"
  | "too_large"
  | "aborted";

/** Why an attempt failed. `message` is ours: no foreign body, key or address is in it. */
export class UpstreamError extends Error {
  readonly kind: UpstreamFailureKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** The usage object that came before or with the failure, as upstream wrote it. */
  readonly usage: unknown;

  constructor(
    kind: UpstreamFailureKind,
    message: string,
    facts: { status?: number; retryAfterMs?: number; usage?: unknown; cause?: unknown } = {},
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "UpstreamError";
    this.kind = kind;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.usage = facts.usage;
  }
}

export type Provider = {
  /** Resolves when upstream has answered with a status below 300. @throws UpstreamError */
  open(call: UpstreamCall): Promise<UpstreamAnswer>;
};
