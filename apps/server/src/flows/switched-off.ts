import { ApiError } from "../lib/errors.ts";
import { suspended } from "../modules/identity/identity.ts";
import type { RateClaim } from "../modules/rate/rate.ts";
import type { Switched, Switches, SwitchSubject } from "../modules/switch/switch.ts";

/** @throws ApiError service_unavailable, invalid_session, suspended, wallet_frozen when something of it is switched off */
export function refuseSwitchedOff(switches: Pick<Switches, "offFor">, subject: SwitchSubject): void {
  const off = switches.offFor(subject);
  if (off !== null) throw switchedOff(off.kind);
}

/** What a client is told of it, before its call or in the middle of its stream. */
export function switchedOff(kind: Switched["kind"]): ApiError {
  switch (kind) {
    case "developer":
    case "app":
    case "feature":
    case "end_user":
      return suspended(kind);
    case "wallet":
      return new ApiError("wallet_frozen", "This wallet is switched off for now; ask the app's support.");
    case "session":
    case "token":
      return new ApiError("invalid_session", "This token is switched off; ask who gave it to you.");
    case "platform":
      return new ApiError("service_unavailable", "The operator has switched the service off for now.", {
        retryAfterSeconds: platformRetrySeconds,
      });
    case "provider":
    case "credential":
      return new ApiError(
        "provider_error",
        "The operator has switched this provider off; try again, another one may serve.",
      );
  }
}

const platformRetrySeconds = 30;
const minuteMs = 60_000;

/**
 * One claim more for everything of a request that is throttled. Of providers and keys the one counts that the request
 * begins with.
 */
export function throttleClaims(
  switches: Pick<Switches, "throttlesFor">,
  subject: SwitchSubject,
): RateClaim[] {
  return switches.throttlesFor(subject).flatMap(({ kind, id, rpm }) => throttleClaim(kind, id, rpm));
}

/** `rpm` is what it is kept to; `null` where it is not throttled. */
export function throttleClaim(kind: Switched["kind"], id: string, rpm: number | null): RateClaim[] {
  if (rpm === null) return [];
  const key = `throttle:${kind}:${id}`;
  return [{ key, measure: "requests", level: kind, limit: rpm, windowMs: minuteMs, cost: 1 }];
}
