/**
 * The boundary to upstream providers. A provider opens one attempt and reports what upstream said, translated to the
 * shape of OpenAI's chat completions; it knows nothing of users, prices or books.
 */

export type JsonObject = { [key: string]: unknown };

/**
 * Milliseconds. `connectMs` runs until there is a connection to write to, `firstByteMs` from the request written to the
 * first byte of the answer's body, `idleMs` between two pieces of it while somebody reads.
 */
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
  /** Which door of the egress guard it leaves by; the operator's where it is not said. */
  door?: "operator" | "tenant" | undefined;
  /** Beside the key, where a vendor wants it in a header of its own. */
  extraHeaders?: Readonly<Record<string, string>> | undefined;
  /** The name that upstream knows the model by. */
  model: string;
  /**
   * The whole body as it goes out, `model` and the output limit included. The provider alone sets `stream` and asks
   * for usage.
   */
  body: JsonObject;
  stream: boolean;
  timeouts: UpstreamTimeouts;
  /** Upper bound for one SSE event, in bytes. */
  eventLimitBytes: number;
  signal: AbortSignal;
  /** For an upstream of the operator's own that goes on with the trace. */
  traceparent?: string | undefined;
  /** Called once when the request has been handed to the socket, so that the record can say that it was sent. */
  onSent?: () => void;
};

/** One parsed chunk of a stream, or the mark that upstream said `[DONE]`. */
export type UpstreamEvent = { type: "chunk"; chunk: JsonObject } | { type: "done" };

export type UpstreamAnswer = TranslatedAnswer &
  (
    | { kind: "json"; status: number; body: JsonObject }
    /**
     * `events` ends after `done`, or when upstream closed cleanly; leaving the loop cancels upstream. The answer's body
     * may not have begun yet: the first `next()` can still fail with `first_byte_timeout` or `connect`.
     * `events` throws UpstreamError.
     */
    | { kind: "stream"; status: number; events: AsyncIterable<UpstreamEvent> }
  );

export type TranslatedAnswer = {
  /**
   * Fields of the request that the upstream's dialect has no word for and that were left out: at most 24 names of at
   * most 64 characters, all fit for a header. Never those that change what is answered or what it costs.
   */
  dropped?: readonly string[];
};

/**
 * A request that upstream's dialect has no words for, where leaving the field out would change what is answered or what
 * it costs. Nothing was sent. `message` says why in our words; `param` is the field as OpenAI's clients spell it.
 */
export class TranslationRefusal extends Error {
  readonly param: string;

  constructor(param: string, why: string) {
    super(why);
    this.name = "TranslationRefusal";
    this.param = param;
  }
}

export type UpstreamFailureKind =
  /** No byte of an answer came: not connected, or the connection died before the headers. */
  | "connect"
  /** The egress guard refused the address; nothing was connected to. */
  | "not_allowed"
  /** The upstream's dialect has no word for a field that changes the answer or its cost; nothing was sent. */
  | "untranslatable"
  | "first_byte_timeout"
  | "idle_timeout"
  | "total_timeout"
  | "status"
  | "in_band"
  | "truncated"
  | "malformed"
  | "too_large"
  | "aborted";

/** What upstream refused, as far as it can be told without repeating its words. */
export type UpstreamRefusal =
  | "context_length"
  | "unsupported_parameter"
  | "content_policy"
  | "model_unknown"
  | "key_refused"
  | "quota"
  | "rate_limit"
  | "other";

/** Why an attempt failed. `message` is ours: no foreign body, key or address is in it. */
export class UpstreamError extends Error {
  readonly kind: UpstreamFailureKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** The usage object that came before or with the failure, as upstream wrote it. */
  readonly usage: unknown;
  /** With kind `status` and `in_band`. */
  readonly refusal: UpstreamRefusal | undefined;
  /** The top-level field of our own body that upstream objected to. */
  readonly param: string | undefined;

  constructor(kind: UpstreamFailureKind, message: string, facts: UpstreamFailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "UpstreamError";
    this.kind = kind;
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
    this.usage = facts.usage;
    this.refusal = facts.refusal;
    this.param = facts.param;
  }
}

export type UpstreamFailureFacts = {
  status?: number | undefined;
  retryAfterMs?: number | undefined;
  usage?: unknown;
  refusal?: UpstreamRefusal | undefined;
  param?: string | undefined;
  cause?: unknown;
};

export type Provider = {
  /** Resolves when upstream has answered with a status below 300. @throws UpstreamError, TranslationRefusal */
  open(call: UpstreamCall): Promise<UpstreamAnswer>;
  /** Asks for the list of models, which costs nothing. Never throws. */
  probe(call: UpstreamProbe): Promise<UpstreamProbeResult>;
};

export type UpstreamProbe = {
  baseUrl: string;
  apiKey: string | null;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
};

export type UpstreamProbeResult = {
  ok: boolean;
  status: number | undefined;
  latencyMs: number;
  failure: UpstreamFailureKind | undefined;
};
