import { ApiError } from "../lib/errors.ts";
import type { Actor } from "./actor.ts";

const proofHoldsMs = 15 * 60_000;

/**
 * Who comes by a session or by the console's cookie must have been proved lately; a bearer token is its own proof. `nowMs` is
 * the database's clock. @throws ApiError expired_session with `details.reason: "step_up"`
 */
export function refuseOldProof(actor: Actor, nowMs: number): void {
  if (actor.class === "none") return;
  const provedAtMs = actor.class === "session" ? actor.session.provedAtMs : actor.console?.provedAtMs;
  if (provedAtMs === undefined || nowMs - provedAtMs <= proofHoldsMs) return;
  throw new ApiError(
    "expired_session",
    actor.class === "session"
      ? "Prove the user anew: refresh this session with a new user_token, then repeat the call."
      : "Confirm that it is you: step up with a new sign-in link or your token, then repeat the call.",
    { details: { reason: "step_up" } },
  );
}
