import { ApiError } from "../../lib/errors.ts";
import { OutboundError } from "../../lib/outbound.ts";
import type { UpstreamError } from "../../providers/provider.ts";
import type { Run } from "./run.ts";

/** What the client is told of a failed attempt; upstream's own words are never repeated. */
export function failureOf(error: UpstreamError | null, run: Run): ApiError {
  const details = { attempts: run.attempts.length, ...unaffordableOf(run) };
  if (error === null)
    return new ApiError("no_available_route", "The hold pays for none of the routes.", { details });
  if (run.route.mode === "byok" && isKeyRefused(error)) {
    return new ApiError(
      "byok_key_invalid",
      "The provider refused your own key; check it there, or enter it again. You were not charged.",
      { details: { reason: "refused", provider: run.route.provider }, cause: error },
    );
  }
  if (error.kind === "untranslatable") {
    return new ApiError("unsupported_parameter", error.message, {
      ...(error.param ? { param: error.param } : {}),
      cause: error,
    });
  }
  if (error.kind === "not_allowed" && run.route.key !== null) {
    const { cause } = error;
    return new ApiError(
      "base_url_not_allowed",
      "The `base_url` of the key that would pay leads where nothing may be called; nothing was sent or charged.",
      {
        param: "base_url",
        details: { reason: (cause instanceof OutboundError && cause.reason) || "special_address" },
        cause: error,
      },
    );
  }
  if (error.refusal === "context_length") {
    return new ApiError("context_length_exceeded", "The prompt is longer than the model takes; shorten it.", {
      param: "messages",
      cause: error,
    });
  }
  if (isCallersFault(error)) {
    return new ApiError(
      error.refusal === "unsupported_parameter" ? "unsupported_parameter" : "invalid_request",
      error.param
        ? `The provider refused the field ${error.param}.`
        : "The provider refused this request as malformed.",
      { ...(error.param ? { param: error.param } : {}), cause: error },
    );
  }
  if (
    error.kind === "first_byte_timeout" ||
    error.kind === "idle_timeout" ||
    error.kind === "total_timeout"
  ) {
    return new ApiError("provider_timeout", "The provider did not answer in time; you were not charged.", {
      details,
      cause: error,
    });
  }
  const sentence =
    details.unaffordable_routes > 0
      ? "The provider failed, and the hold does not pay for the other route; you were not charged."
      : "The provider failed; you were not charged.";
  return new ApiError("provider_error", sentence, {
    details,
    cause: error,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(error.retryAfterMs / 1000) }),
  });
}

/** 400 and its like: another try, or another provider, would be refused the same way. */
export function isCallersFault(error: UpstreamError): boolean {
  // Some vendors tell with 400 that it is the account's, and not the request's, fault.
  if (error.refusal === "model_unknown" || error.refusal === "key_refused" || error.refusal === "quota") {
    return false;
  }
  return error.kind === "status" && error.status !== undefined && [400, 413, 422].includes(error.status);
}

/** Nothing answered, or it answered that it is broken. */
export function isUpstreamsFault({ kind, status }: UpstreamError): boolean {
  if (kind === "status") return status !== undefined && status >= 500;
  return kind === "connect" || kind === "malformed" || kind === "truncated" || kind.endsWith("timeout");
}

export function isWorthRetrying(error: UpstreamError): boolean {
  if (error.kind === "connect" || error.kind === "first_byte_timeout" || error.kind === "malformed")
    return true;
  if (error.kind !== "status" || error.status === undefined) return false;
  return error.status === 408 || error.status === 429 || error.status >= 500;
}

/** The vendor does not know the key. */
export const isKeyRefused = (error: UpstreamError): boolean =>
  error.status === 401 || error.refusal === "key_refused";

function unaffordableOf(run: Run): { unaffordable_routes: number } {
  return { unaffordable_routes: run.held.unaffordable.length };
}
