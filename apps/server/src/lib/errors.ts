import { type ErrorCode, type ErrorEnvelope, errorTable } from "@modelfaucet/contract/errors.ts";

export type { ErrorCode };

type ApiErrorOptions = {
  /** The field that is at fault, as the client spelled it. */
  param?: string;
  details?: Record<string, unknown>;
  /** Seconds for `Retry-After`. */
  retryAfterSeconds?: number;
  /** Further headers that the answer carries. */
  headers?: Readonly<Record<string, string>>;
  /** What happened inside; logged, never sent. */
  cause?: unknown;
};

/** A failure that the client is told: a code of the error table and one sentence that says what to do. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly param: string | null;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ApiError";
    this.code = code;
    this.param = options.param ?? null;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
  }

  get status(): number {
    return errorTable[this.code].status;
  }

  envelope(requestId: string): ErrorEnvelope {
    return {
      error: {
        message: this.message,
        type: errorTable[this.code].type,
        param: this.param,
        code: this.code,
        request_id: requestId,
        ...(this.details === undefined ? {} : { details: this.details }),
      },
    };
  }
}
