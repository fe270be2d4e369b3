import type { ErrorCode } from "@modelfaucet/contract/errors.ts";
import type { FaucetLocalCode, FaucetLocalNextStep } from "./local/wire.ts";
import type { WireError } from "./wire.ts";

/** Codes of the wire, and those that only this client raises. */
export type FaucetErrorCode =
  | ErrorCode
  | FaucetLocalCode
  | "local_model_unavailable"
  | "invalid_model_response"
  | "invalid_pairing_code"
  | "network_error"
  | "timeout"
  | "aborted"
  | "stream_incomplete"
  | "invalid_config"
  | "invalid_webhook"
  | "unexpected_answer";

export type FaucetErrorFacts = {
  code: FaucetErrorCode | (string & {});
  /** HTTP status; 0 when there was no answer. */
  status?: number;
  type?: string;
  param?: string | null;
  requestId?: string;
  retryable?: boolean;
  details?: Readonly<Record<string, unknown>>;
  cause?: unknown;
};

const brand = Symbol.for("modelfaucet.error");

/** Every failure of this client. `message` is a sentence for people, `code` is for programs. */
export class FaucetError extends Error {
  readonly code: string;
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly requestId: string | undefined;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, facts: FaucetErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = facts.code;
    this.status = facts.status ?? 0;
    this.type = facts.type ?? "client_error";
    this.param = facts.param ?? null;
    this.requestId = facts.requestId;
    this.retryable = facts.retryable ?? false;
    this.details = facts.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /** True for errors of every copy of this package that a page has loaded; `instanceof` knows its own copy only. */
  static is(error: unknown): error is FaucetError {
    return typeof error === "object" && error !== null && brand in error;
  }
}

/** 400, 405, 413, 415: the call must be changed. */
export class FaucetRequestError extends FaucetError {}
/** 401 */
export class FaucetAuthError extends FaucetError {}
/** 403 */
export class FaucetPermissionError extends FaucetError {}
/** 404 */
export class FaucetNotFoundError extends FaucetError {}
/** 409, 422; `details.reason` is `already_done` for a repeat of what was done. */
export class FaucetConflictError extends FaucetError {}
/** 5xx */
export class FaucetServerError extends FaucetError {}
/** No answer: `network_error` or `timeout`. */
export class FaucetNetworkError extends FaucetError {}
/** The caller ended the call. What was relayed until then is charged; see `receipts.get(requestId)`. */
export class FaucetAbortError extends FaucetError {}
/** An option or an input that cannot work, found before anything was sent. */
export class FaucetConfigError extends FaucetError {}

const localSteps: Record<
  FaucetLocalCode,
  { nextStep: FaucetLocalNextStep; message: string; status: number }
> = {
  local_browser_unsupported: {
    nextStep: "local.unsupported",
    message: "This browser does not let this page reach a program on this computer.",
    status: 0,
  },
  local_permission_required: {
    nextStep: "local.permission",
    message: "The browser has to ask its user first, in a click, whether this page may reach this computer.",
    status: 0,
  },
  local_permission_denied: {
    nextStep: "local.denied",
    message: "This page is not allowed to reach this computer; the browser's site settings can allow it.",
    status: 0,
  },
  local_bridge_unavailable: {
    nextStep: "local.unavailable",
    message: "The local bridge does not answer; start it with modelfaucet-bridge start.",
    status: 503,
  },
  local_pairing_required: {
    nextStep: "local.pairing",
    message: "The local bridge does not know this page yet; pair it with modelfaucet-bridge pair.",
    status: 403,
  },
};

/** The user's own machine cannot be reached from here. Nothing was sent to the cloud instead. */
export class FaucetLocalError extends FaucetError {
  declare readonly code: FaucetLocalCode;
  /** The key of the text that tells the user what to do now. */
  readonly nextStep: FaucetLocalNextStep;

  constructor(code: FaucetLocalCode, details: Readonly<Record<string, unknown>> = {}) {
    const { nextStep, message, status } = localSteps[code];
    super(message, { code, status, type: "local_error", details });
    this.nextStep = nextStep;
  }
}

/** 402: what is missing, in the words of the refusal. Amounts are decimal strings. */
export class FaucetPaymentError extends FaucetError {
  /** `held`: running requests reserve what is there; `balance`: it is not there. */
  readonly reason: string | undefined;
  readonly balanceUsd: string | undefined;
  readonly heldUsd: string | undefined;
  readonly requiredUsd: string | undefined;
  readonly topUpUrl: string | undefined;
  readonly limit: unknown;

  constructor(message: string, facts: FaucetErrorFacts) {
    super(message, facts);
    this.reason = text(this.details.reason);
    this.balanceUsd = text(this.details.balance_usd);
    this.heldUsd = text(this.details.held_usd);
    this.requiredUsd = text(this.details.required_usd);
    this.topUpUrl = text(this.details.top_up_url);
    this.limit = this.details.limit;
  }
}

/** 429 */
export class FaucetRateLimitError extends FaucetError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, facts: FaucetErrorFacts & { retryAfterMs?: number | undefined }) {
    super(message, facts);
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The stream failed after its first byte. `partialText` is what had come. */
export class FaucetStreamError extends FaucetError {
  readonly partialText: string;

  constructor(message: string, facts: FaucetErrorFacts & { partialText: string }) {
    super(message, facts);
    this.partialText = facts.partialText;
  }
}

/** The error of an answer that is not 2xx. `body` is its text, whatever that is. */
export function errorFromAnswer(response: Response, body: string): FaucetError {
  const status = response.status;
  const wire = wireErrorOf(body);
  const said = response.headers.get("x-should-retry");
  const facts: FaucetErrorFacts = {
    code: wire.code ?? codeForStatus(status),
    status,
    type: wire.type ?? "api_error",
    param: wire.param ?? null,
    retryable: said === null ? status === 408 || status === 429 || status >= 500 : said === "true",
    details: wire.details ?? {},
  };
  const requestId = wire.request_id ?? response.headers.get("x-request-id");
  if (requestId) facts.requestId = requestId;
  const message = wire.message ?? `The server answered ${status} without saying why.`;
  if (status === 402) return new FaucetPaymentError(message, facts);
  if (status === 429) {
    return new FaucetRateLimitError(message, { ...facts, retryAfterMs: retryAfterMsOf(response.headers) });
  }
  return new (classForStatus(status))(message, facts);
}

/** `Retry-After` in milliseconds: seconds or an HTTP date. */
export function retryAfterMsOf(headers: Headers, nowMs: number = Date.now()): number | undefined {
  const value = headers.get("retry-after");
  if (!value) return undefined;
  if (/^\d+(\.\d+)?$/.test(value)) return Math.round(Number.parseFloat(value) * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

export function invalidConfig(message: string, param: string | null = null): FaucetConfigError {
  return new FaucetConfigError(message, { code: "invalid_config", param });
}

/** A server that is not ours, or not of this version. */
export function unexpectedAnswer(message: string): FaucetServerError {
  return new FaucetServerError(message, { code: "unexpected_answer" });
}

function classForStatus(status: number): new (message: string, facts: FaucetErrorFacts) => FaucetError {
  if (status >= 500) return FaucetServerError;
  switch (status) {
    case 401:
      return FaucetAuthError;
    case 403:
      return FaucetPermissionError;
    case 404:
      return FaucetNotFoundError;
    case 409:
    case 422:
      return FaucetConflictError;
    default:
      return FaucetRequestError;
  }
}

function codeForStatus(status: number): string {
  if (status >= 500) return "service_unavailable";
  return (
    { 401: "invalid_session", 403: "forbidden", 404: "not_found", 429: "rate_limited" }[status] ??
    "invalid_request"
  );
}

function wireErrorOf(body: string): WireError {
  try {
    const parsed: unknown = JSON.parse(body);
    const error =
      typeof parsed === "object" && parsed !== null && "error" in parsed ? parsed.error : undefined;
    return typeof error === "object" && error !== null ? (error as WireError) : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
