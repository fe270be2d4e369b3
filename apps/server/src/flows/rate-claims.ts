import type { StoredLimit } from "../lib/stored-limit.ts";
import type { RateClaim } from "../modules/rate/rate.ts";
import type { AppBounds, BoundFeature, BoundUser } from "./spending-limits.ts";

/** `…_RATE_LIMIT_MAX_REQUESTS` in `…_WINDOW_MS`, per credential, else per address; 0 is off. */
export type CredentialRate = { maxRequests: number; windowMs: number };

const minuteMs = 60_000;

/** The environment's limit on one credential or address, whatever it calls. */
export function credentialClaim(rate: CredentialRate, level: string, id: string): RateClaim[] {
  if (rate.maxRequests === 0) return [];
  const { maxRequests: limit, windowMs } = rate;
  return [{ key: `credential:${level}:${id}`, measure: "requests", level, limit, windowMs, cost: 1 }];
}

/** Every rate and concurrency limit that a model call meets, of whatever level and whoever set it. Pure. */
export function rateClaimsOf(
  user: BoundUser,
  app: AppBounds,
  feature: BoundFeature,
  expectedTokens: number,
): RateClaim[] {
  const claims: RateClaim[] = [];
  const add = (
    measure: RateClaim["measure"],
    level: string,
    target: string,
    setBy: string,
    limit: number | undefined | null,
  ): void => {
    if (limit === undefined || limit === null) return;
    const key = `${measure}:${level}:${target}:${setBy}`;
    const cost = measure === "tokens" ? Math.max(1, expectedTokens) : 1;
    claims.push({ key, measure, level, limit, windowMs: minuteMs, cost });
  };
  const { rateLimits } = app;
  add("requests", "session", user.sessionId, "app", rateLimits.session_rpm);
  add("requests", "end_user", user.endUserId, "app", rateLimits.user_rpm);
  add("tokens", "end_user", user.endUserId, "app", rateLimits.user_tpm);
  add("concurrency", "end_user", user.endUserId, "app", rateLimits.user_concurrency);
  const { limits } = feature.policy;
  const userOfFeature = `${user.endUserId}:${feature.id}`;
  add("requests", "end_user", userOfFeature, "feature", limits.user_rpm);
  add("concurrency", "end_user", userOfFeature, "feature", limits.user_concurrency);
  add("requests", "feature", feature.id, "feature", limits.feature_rpm);
  add("requests", "app", app.id, "app", rateLimits.app_rpm);
  for (const limit of [...user.limits, ...app.setLimits]) {
    if (limit.limitCount === null || (limit.level === "feature" && limit.targetId !== feature.id)) continue;
    add(
      limit.measure as Exclude<StoredLimit["measure"], "usd">,
      limit.level,
      limit.targetId,
      limit.setBy,
      limit.limitCount,
    );
  }
  return claims;
}
