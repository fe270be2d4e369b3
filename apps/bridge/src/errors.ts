/** What a caller is told: the codes of the bridge, each with its status, and whether a repeat can help. */
const errorTable = {
  host_not_allowed: { status: 403, type: "permission_error", retry: false },
  pairing_required: { status: 403, type: "permission_error", retry: false },
  invalid_grant: { status: 401, type: "authentication_error", retry: false },
  invalid_pairing_code: { status: 403, type: "permission_error", retry: false },
  invalid_request: { status: 400, type: "invalid_request_error", retry: false },
  missing_model: { status: 400, type: "invalid_request_error", retry: false },
  invalid_usage_report: { status: 400, type: "invalid_request_error", retry: false },
  context_length_exceeded: { status: 400, type: "invalid_request_error", retry: false },
  not_found: { status: 404, type: "not_found_error", retry: false },
  model_not_found: { status: 404, type: "not_found_error", retry: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", retry: false },
  idempotency_in_progress: { status: 409, type: "conflict_error", retry: true },
  payload_too_large: { status: 413, type: "invalid_request_error", retry: false },
  unsupported_media_type: { status: 415, type: "invalid_request_error", retry: false },
  rate_limited: { status: 429, type: "rate_limit_error", retry: true },
  client_closed_request: { status: 499, type: "api_error", retry: false },
  internal_error: { status: 500, type: "api_error", retry: false },
  invalid_model_response: { status: 502, type: "api_error", retry: false },
  local_model_unavailable: { status: 503, type: "api_error", retry: false },
} as const;

export type BridgeErrorCode = keyof typeof errorTable;

export type ErrorOptions = {
  param?: string;
  details?: Record<string, unknown>;
  headers?: Record<string, string>;
  /** For the log alone. */
  cause?: unknown;
};

/** A refusal. Its message is one sentence that says what to do, and names no path, no upstream address, no other origin. */
export class BridgeError extends Error {
  readonly code: BridgeErrorCode;
  readonly param: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  readonly headers: Record<string, string>;

  constructor(code: BridgeErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "BridgeError";
    this.code = code;
    this.param = options.param;
    this.details = options.details;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  get retry(): boolean {
    return errorTable[this.code].retry;
  }

  /** The envelope that clients of OpenAI read. */
  envelope(requestId: string): object {
    return {
      error: {
        message: this.message,
        type: errorTable[this.code].type,
        param: this.param ?? null,
        code: this.code,
        request_id: requestId,
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }
}

/** Anything that was thrown, as what a caller may be told. */
export function asBridgeError(error: unknown): BridgeError {
  if (error instanceof BridgeError) return error;
  return new BridgeError(
    "internal_error",
    "The bridge failed at this request; its log says why. Try again, and restart the bridge if it goes on.",
    { cause: error },
  );
}
