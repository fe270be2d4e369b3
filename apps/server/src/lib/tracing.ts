/**
 * Traces as the rest of the code sees them. Nothing here loads OpenTelemetry: without a collector there is no tracing, and
 * none of its code. What a span may say is a closed list of facts; there is no way to put content into one.
 */

export type Tracing = {
  /** The spans of one server of this process. */
  server(service: string): ServerTracing;
  /** Sends what is left, for `withinMs` at most, and ends. Never throws. */
  close(withinMs: number): Promise<void>;
};

export type ServerTracing = {
  /** `traceparent` as the caller sent it; a malformed one begins a trace of its own. */
  begin(method: string, traceparent: string | undefined): RequestSpan;
};

export type RequestSpan = {
  readonly traceId: string;
  readonly spanId: string;
  /** A span below this one, for one attempt at an upstream. */
  attempt(start: AttemptStart): AttemptSpan;
  end(ending: RequestEnding): void;
};

export type RequestEnding = {
  requestId: string;
  method: string;
  /** The registered pattern, or `unmatched`. */
  route: string;
  status: number;
  errorCode: string | null;
  /** The facts of the access line, of which a few are told. */
  facts: Readonly<Record<string, unknown>>;
};

export type AttemptStart = {
  requestId: string;
  appId: string;
  featureKey: string;
  routeMode: string;
  /** From 1. */
  attempt: number;
  provider: string;
  model: string;
  /** Of the upstream; its host and port are told. */
  baseUrl: string;
  stream: boolean;
  /** 0 where no limit was sent. */
  maxOutputTokens: number;
};

export type AttemptEnding = {
  /** A word of ours for what went wrong; `null` where nothing did. */
  errorType: string | null;
  status?: number | undefined;
  answeredModel?: string | undefined;
  finishReasons?: readonly string[];
  inputTokens?: number;
  outputTokens?: number;
  chargeUsd?: string;
};

export type AttemptSpan = {
  /** For an upstream that goes on with the trace. */
  readonly traceparent: string;
  /** Only the first one counts. */
  end(ending: AttemptEnding): void;
};

export type RemoteParent = { traceId: string; spanId: string; flags: number };

const traceparentForm =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Source: https://www.w3.org/TR/trace-context/ (traceparent header), November 2026. */
export function readTraceparent(text: string | undefined): RemoteParent | null {
  const [, version, traceId, spanId, flags, more] = traceparentForm.exec(text ?? "") ?? [];
  if (traceId === undefined || (version === "00" && more !== undefined)) return null;
  return { traceId, spanId: spanId!, flags: Number.parseInt(flags!, 16) };
}

export function writeTraceparent({ traceId, spanId, flags }: RemoteParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
}
