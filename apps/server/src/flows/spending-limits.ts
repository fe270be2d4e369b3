import type { EffectivePolicy } from "@modelfaucet/contract/manifest.ts";
import { parseUsd, type Usd } from "../lib/money.ts";
import type { StoredLimit } from "../lib/stored-limit.ts";
import { nobody } from "../modules/books/books.ts";
import type { AccountSpec, AccountWindow } from "../modules/books/items.ts";
import type { RateLimits, WalletLimits } from "../modules/tenancy/tenancy.ts";

/** What an app says of limits, from memory. */
export type AppBounds = {
  id: string;
  developerId: string;
  timeZone: string;
  rateLimits: RateLimits;
  walletLimits: WalletLimits;
  /** What operators set on the app, its features, its developer and the platform. */
  setLimits: readonly StoredLimit[];
};
/** Whom limits bind: a user in a session, with what was set on both. */
export type BoundUser = { endUserId: string; sessionId: string; limits: readonly StoredLimit[] };
export type BoundFeature = { id: string; policy: Pick<EffectivePolicy, "limits"> };

/** A spending limit is an account that may refuse; the zone of its window is told with it. */
export type SpendingLimit = AccountSpec & { limitUsd: Usd };

/**
 * Every spending limit that a request of this user meets, of whatever level and whoever set it. Pure.
 * Without a feature: those that hold whichever feature is called.
 */
export function spendingLimitsOf(
  user: BoundUser,
  app: AppBounds,
  feature: BoundFeature | null,
): SpendingLimit[] {
  const spec = specIn(app.timeZone);
  const limits: SpendingLimit[] = [];
  const add = (limit: SpendingLimit | null): void => {
    if (limit) limits.push(limit);
  };
  for (const window of ["day", "week", "month"] as const)
    add(spec("end_user", user.endUserId, "app", window, app.walletLimits[`user_${window}_usd`]));
  for (const window of ["day", "month"] as const)
    add(spec("app", app.id, "app", window, app.walletLimits[`app_${window}_usd`]));
  if (feature) {
    const { limits: named } = feature.policy;
    for (const window of ["day", "week", "month"] as const)
      add(spec("end_user", user.endUserId, "feature", window, named[`user_${window}_usd`], feature.id));
    for (const window of ["day", "month"] as const)
      add(spec("feature", feature.id, "feature", window, named[`feature_${window}_usd`]));
  }
  for (const limit of [...user.limits, ...app.setLimits]) {
    if (limit.limitUsd === null || limit.window === "minute") continue;
    if (limit.level === "feature" && limit.targetId !== feature?.id) continue;
    limits.push(specOfStored(limit, app.timeZone));
  }
  return limits;
}

/** The account of a stored limit. Budgets over several apps run by UTC, everything else by the app's own zone. */
export function specOfStored(limit: StoredLimit, timeZone: string): SpendingLimit {
  return {
    kind: limit.level,
    ownerId: limit.targetId,
    scopeId: nobody,
    setBy: limit.setBy,
    window: limit.window as AccountWindow,
    zone: limit.level === "developer" || limit.level === "platform" ? "UTC" : timeZone,
    limitUsd: limit.limitUsd!,
  };
}

function specIn(zone: string) {
  return (
    kind: SpendingLimit["kind"],
    ownerId: string,
    setBy: SpendingLimit["setBy"],
    window: AccountWindow,
    amount: string | undefined,
    scopeId = nobody,
  ): SpendingLimit | null =>
    amount === undefined
      ? null
      : { kind, ownerId, scopeId, setBy, window, zone, limitUsd: parseUsd(amount)! };
}
