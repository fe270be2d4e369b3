import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { formatUsd, type Usd, zeroUsd } from "../lib/money.ts";
import type { LimitLevel, StoredLimit } from "../lib/stored-limit.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { type Books, isBudget } from "../modules/books/books.ts";
import type { DeveloperCaller, SessionContext } from "../modules/identity/identity.ts";
import {
  findLimitTarget,
  type LimitPlace,
  listAppIds,
  readEndUser,
  writeLimit,
} from "../modules/tenancy/tenancy.ts";
import { requireApp, tenantOf } from "./developers-calling.ts";
import { specOfStored } from "./spending-limits.ts";

export type LimitDeps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };
export type OperatorLimitDeps = LimitDeps & { books: Pick<Books, "lease"> };

export type UserLimitInput = { window: "day" | "week" | "month"; limitUsd: Usd | null };

/** The user's own limit of one window. Nobody but the user sets it, and it never loosens anybody else's. */
export async function setOwnLimit(
  deps: LimitDeps,
  session: SessionContext,
  actor: AuditActor,
  limit: UserLimitInput,
): Promise<void> {
  const { appId, endUserId, developerId } = session;
  const place = { appId, developerId, level: "end_user", targetId: endUserId } as const;
  const version = await deps.database.write({ purpose: "auth" }, async (tx) => {
    await setOne(tx, actor, place, { setBy: "user", measure: "usd", ...limit, limitCount: null });
    return announce(tx, "end_user", endUserId);
  });
  await deps.feed.waitUntilSeen(version);
}

/** What a developer allows one end user of an app. @throws ApiError invalid_app, not_found */
export async function setLimitsOfUser(
  deps: LimitDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; endUserId: string; limits: readonly UserLimitInput[] },
): Promise<void> {
  const version = await deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireApp(tx, caller, input.publicAppId);
    const user = await readEndUser(tx, app.id, input.endUserId);
    if (!user) throw new ApiError("not_found", "The app has no such end user.");
    const place = {
      appId: app.id,
      developerId: app.developerId,
      level: "end_user",
      targetId: user.id,
    } as const;
    for (const limit of input.limits)
      await setOne(tx, actor, place, { setBy: "developer", measure: "usd", ...limit, limitCount: null });
    return announce(tx, "end_user", user.id);
  });
  await deps.feed.waitUntilSeen(version);
}

export type OperatorLimitInput = Pick<StoredLimit, "measure" | "window" | "limitUsd" | "limitCount"> & {
  level: LimitLevel;
  target: string | undefined;
  reason: string;
};

/** Sets or clears an operator's limit on anything; in force everywhere when this answers. @throws ApiError not_found */
export async function setLimitAsOperator(
  deps: OperatorLimitDeps,
  actor: AuditActor,
  input: OperatorLimitInput,
): Promise<LimitPlace> {
  const { measure, window, limitUsd, limitCount } = input;
  const limit = { setBy: "operator", measure, window, limitUsd, limitCount } as const;
  const { place, version } = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const place = await findLimitTarget(tx, input.level, input.target);
    if (!place) throw new ApiError("not_found", "There is no such target.", { param: "target_id" });
    await setOne(tx, actor, place, limit, input.reason);
    return { place, version: await announceTo(tx, place) };
  });
  await deps.feed.waitUntilSeen(version);
  await lowerBudget(deps, place, limit);
  return place;
}

/** What apps have leased of a budget and not used comes back at once when it is lowered. */
async function lowerBudget(
  deps: OperatorLimitDeps,
  place: LimitPlace,
  limit: Omit<StoredLimit, "level" | "targetId">,
): Promise<void> {
  const stored = { ...limit, level: place.level, targetId: place.targetId };
  if (limit.limitUsd === null) return;
  const spec = specOfStored(stored, "UTC");
  if (!isBudget(spec)) return;
  const noApp = "00000000-0000-0000-0000-000000000000";
  await deps.books.lease({ appId: noApp, developerId: place.developerId ?? noApp, spec, needUsd: zeroUsd });
}

async function setOne(
  tx: Tx,
  actor: AuditActor,
  place: LimitPlace,
  limit: Omit<StoredLimit, "level" | "targetId">,
  reason?: string,
): Promise<void> {
  const before = await writeLimit(tx, place, limit);
  await append(tx, {
    ...actor,
    action: "budget.set",
    resourceType: place.level,
    resourceId: place.targetId,
    appId: place.appId,
    developerId: place.developerId,
    reason: reason ?? null,
    before: before && amountOf(before),
    after: amountOf(limit),
    metadata: { set_by: limit.setBy, measure: limit.measure, window: limit.window },
  });
}

const amountOf = (limit: Pick<StoredLimit, "limitUsd" | "limitCount">): Record<string, unknown> =>
  limit.limitUsd === null ? { limit: limit.limitCount } : { limit_usd: formatUsd(limit.limitUsd) };

/** Tells the memory copies that carry the limit: an app's, or a user's sessions. */
async function announceTo(tx: Tx, place: LimitPlace): Promise<bigint> {
  if (place.level === "platform") return announce(tx, "settings", "limits");
  if (place.level === "end_user") return announce(tx, "end_user", place.targetId);
  if (place.level === "session") return announce(tx, "session", place.targetId);
  if (place.level !== "developer") return announce(tx, "app", place.appId!);
  let version = await announce(tx, "settings", "limits");
  for (const appId of await listAppIds(tx, place.targetId)) version = await announce(tx, "app", appId);
  return version;
}
