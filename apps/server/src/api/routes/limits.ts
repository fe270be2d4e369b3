import type { AnswerOf, BodyOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/limits.ts";
import { setLimitAsOperator, setOwnLimit } from "../../flows/limits.ts";
import { type SpendingLimit, specOfStored, spendingLimitsOf } from "../../flows/spending-limits.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database, Tx } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, parseUsd } from "../../lib/money.ts";
import type { LimitLevel } from "../../lib/stored-limit.ts";
import { type Books, isBudget, readBudgetUse, readUserLimits } from "../../modules/books/books.ts";
import type { SessionContext } from "../../modules/identity/identity.ts";
import {
  type Directory,
  findLimitTarget,
  invalidApp,
  type LimitRow,
  listLimits,
} from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";

export type LimitRouteDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  books: Pick<Books, "lease">;
  directory: Pick<Directory, "app">;
};

/** What a user may spend, and what operators allow anybody. */
export function limitRoutes(deps: LimitRouteDeps): Mounted[] {
  return [
    mount(routes.readUserLimits, async (call) => userLimits(deps, call.actor.session, call.read)),
    mount(routes.setUserLimit, async (call) => {
      const { window, limit_usd } = call.body;
      const limitUsd = limit_usd === null ? null : parseUsd(limit_usd)!;
      await setOwnLimit(deps, call.actor.session, call.audit, { window, limitUsd });
      const { session } = call.actor;
      const limits = [
        ...session.limits.filter((limit) => limit.setBy !== "user" || limit.window !== window),
        ...(limitUsd === null ? [] : [ownLimit(session, window, limitUsd)]),
      ];
      return userLimits(deps, { ...session, limits }, call.read);
    }),
    mount(routes.listLimits, async ({ query, read }) => read((tx) => operatorLimits(tx, query))),
    mount(routes.setLimit, async ({ body, audit, read }) => {
      const place = await setLimitAsOperator(deps, audit, {
        level: body.level as LimitLevel,
        target: body.target_id,
        reason: body.reason,
        ...amountOf(body),
      });
      const { level } = place;
      return read((tx) => operatorLimits(tx, { level, target_id: place.targetId }, true));
    }),
  ];
}

/** Every limit that binds the user of a session, budgets that other apps share left out. */
export async function boundLimits(
  deps: Pick<LimitRouteDeps, "directory">,
  session: SessionContext,
): Promise<{ specs: SpendingLimit[]; timeZone: string }> {
  const app = await deps.directory.app(session.appId);
  if (!app) throw invalidApp();
  // What holds for a single feature binds only a session that can call nothing else.
  const only = session.featureKey === null ? undefined : app.features.get(session.featureKey);
  const specs = spendingLimitsOf(session, app, only ? { id: only.featureId, policy: only.policy } : null);
  return { specs: specs.filter((spec) => !isBudget(spec)), timeZone: app.timeZone };
}

async function userLimits(
  deps: LimitRouteDeps,
  session: SessionContext,
  read: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>,
): Promise<AnswerOf<typeof routes.readUserLimits>> {
  const { specs, timeZone } = await boundLimits(deps, session);
  return { items: await read((tx) => readUserLimits(tx, session, specs)), time_zone: timeZone };
}

const ownLimit = (
  session: SessionContext,
  window: "day" | "week" | "month",
  limitUsd: SpendingLimit["limitUsd"],
) =>
  ({
    level: "end_user",
    targetId: session.endUserId,
    setBy: "user",
    measure: "usd",
    window,
    limitUsd,
    limitCount: null,
  }) as const;

/** The measure decides which window and which amount may be named. @throws ApiError invalid_request naming the field */
function amountOf(body: BodyOf<typeof routes.setLimit>) {
  const { measure } = body;
  const refuse = (param: string, sentence: string): never => {
    throw new ApiError("invalid_request", sentence, { param });
  };
  if (body.level === "platform" && body.target_id !== undefined)
    refuse("target_id", "`target_id` has no meaning on the level `platform`; leave it out.");
  if (body.level !== "platform" && body.target_id === undefined)
    refuse("target_id", "`target_id` names what the limit is for.");
  if (measure === "usd") {
    if (body.window === undefined || body.window === "minute")
      refuse("window", "`window` must be `day`, `week`, `month` or `total` for `usd`.");
    if (body.limit_usd === undefined) refuse("limit_usd", "`limit_usd` is the amount, or null to clear it.");
    if (body.limit !== undefined) refuse("limit", "`limit` counts; money is told in `limit_usd`.");
    const limitUsd = body.limit_usd === null ? null : parseUsd(body.limit_usd!)!;
    return { measure, window: body.window as "day", limitUsd, limitCount: null };
  }
  const window = measure === "concurrency" ? "total" : "minute";
  if (body.window !== undefined && body.window !== window)
    refuse("window", `\`window\` must be \`${window}\`, or left out, for \`${measure}\`.`);
  if (body.limit === undefined) refuse("limit", "`limit` is the number, or null to clear it.");
  if (body.limit_usd !== undefined)
    refuse("limit_usd", "`limit_usd` is money; this measure is told in `limit`.");
  return { measure, window, limitUsd: null, limitCount: body.limit! } as const;
}

async function operatorLimits(
  tx: Tx,
  query: { level?: LimitLevel | undefined; target_id?: string | undefined },
  isResolved = false,
): Promise<AnswerOf<typeof routes.listLimits>> {
  let targetId = query.target_id;
  if (targetId !== undefined && !isResolved) {
    const place = await findLimitTarget(tx, query.level ?? "app", targetId);
    if (!place) throw new ApiError("not_found", "There is no such target.", { param: "target_id" });
    targetId = place.targetId;
  }
  const rows = await listLimits(tx, { level: query.level, targetId });
  const items: AnswerOf<typeof routes.listLimits>["items"] = [];
  for (const row of rows) items.push(await operatorLimit(tx, row));
  return { items, next_cursor: null };
}

async function operatorLimit(tx: Tx, row: LimitRow) {
  const base = {
    level: row.level,
    ...(row.level === "platform" ? {} : { target_id: row.targetId }),
    ...(row.targetName === null ? {} : { target_name: row.targetName }),
    measure: row.measure,
    window: row.window,
    set_by: row.setBy,
    updated_at: row.updatedAt.toISOString(),
  };
  if (row.limitUsd === null) return { ...base, limit: row.limitCount! };
  const [zone] = await tx`select time_zone from apps where id = ${row.appId}`;
  const [use] = await readBudgetUse(tx, row.appId, [specOfStored(row, (zone?.time_zone as string) ?? "UTC")]);
  return {
    ...base,
    limit_usd: formatUsd(row.limitUsd),
    used_usd: use!.used_usd,
    ...(use!.reset_at === undefined ? {} : { reset_at: use!.reset_at }),
  };
}
