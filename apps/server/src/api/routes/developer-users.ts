import {
  listAppUsers as listRoute,
  readAppUser as readRoute,
} from "@modelfaucet/contract/routes/identity.ts";
import { requireApp } from "../../flows/developers-calling.ts";
import { hashOfUser } from "../../flows/end-users.ts";
import { spendingLimitsOf } from "../../flows/spending-limits.ts";
import { ApiError } from "../../lib/errors.ts";
import { isUuid } from "../../lib/ids.ts";
import { formatUsd } from "../../lib/money.ts";
import type { SecretBox } from "../../lib/secret-box.ts";
import {
  type AppUser,
  type AppUserDetails,
  type AppUserPlace,
  type AppUserSort,
  listAppUsers,
  readAppUser,
} from "../../modules/analytics/analytics.ts";
import { isBudget, nobody, readUserWallet, type TestMoneyRule } from "../../modules/books/books.ts";
import { type Directory, invalidApp } from "../../modules/tenancy/tenancy.ts";
import { wrongCursor } from "../key-cursor.ts";
import { type Mounted, mount } from "../mount.ts";

export type DeveloperUserDeps = TestMoneyRule & {
  directory: Pick<Directory, "app">;
  secretBox: Pick<SecretBox, "open">;
};

/** An app's end users, as its developer sees them: by hash, with what they spend; nothing of what they say. */
export function developerUserRoutes(deps: DeveloperUserDeps): Mounted[] {
  return [
    mount(listRoute, async ({ actor, params, query, read }) => {
      const sort: AppUserSort = query.sort ?? "newest";
      const rows = await read(async (tx) => {
        const app = await requireApp(tx, actor.caller, params.publicAppId);
        const { external_user_id: named, status, from, to } = query;
        const externalUserHash = named === undefined ? undefined : await hashOfUser(deps, tx, app, named);
        const after = readPlace(query.cursor, sort);
        const filter = { appId: app.id, externalUserHash, status, from, to, sort, after };
        return listAppUsers(tx, { ...filter, limit: query.limit + 1 });
      });
      const kept = rows.slice(0, query.limit);
      const next = rows.length > query.limit ? kept.at(-1)!.place : null;
      return { items: kept.map(itemAnswer), next_cursor: next && writePlace(next, sort) };
    }),
    mount(readRoute, async ({ actor, params, read }) => {
      const { user, appId } = await read(async (tx) => {
        const app = await requireApp(tx, actor.caller, params.publicAppId);
        return { user: await readAppUser(tx, app.id, params.id), appId: app.id };
      });
      const app = await deps.directory.app(appId);
      if (!app) throw invalidApp();
      if (!user) throw new ApiError("not_found", "The app has no such end user.");
      const bound = { endUserId: user.id, sessionId: nobody, limits: user.limits };
      const specs = spendingLimitsOf(bound, app, null).filter((spec) => !isBudget(spec));
      const owner = { appId, endUserId: user.id, sessionId: nobody };
      const wallet = await read((tx) => readUserWallet(tx, owner, specs, deps));
      if (!wallet) throw new ApiError("not_found", "The app has no such end user.");
      return detailsAnswer(user, wallet);
    }),
  ];
}

function itemAnswer(user: AppUser) {
  return {
    id: user.id,
    end_user_id_hash: user.externalUserHash,
    identity: { mode: user.identityMode, verified: user.verified },
    status: user.status,
    own: user.own,
    balance_usd: formatUsd(user.balanceUsd),
    spent_month_usd: formatUsd(user.spentUsd),
    requests_month: user.requests,
    modes_used: user.modes,
    last_seen_at: user.lastSeenAt?.toISOString(),
    created_at: user.createdAt.toISOString(),
  };
}

type Wallet = NonNullable<Awaited<ReturnType<typeof readUserWallet>>>;

function detailsAnswer(user: AppUserDetails, wallet: Wallet) {
  return {
    ...itemAnswer(user),
    wallet,
    limits: wallet.limits,
    usage_by_mode: user.usage.map((mode) => ({
      route_mode: mode.routeMode,
      requests: mode.requests,
      input_tokens: mode.inputTokens,
      output_tokens: mode.outputTokens,
      charge_usd: formatUsd(mode.chargeUsd),
      fee_usd: formatUsd(mode.feeUsd),
    })),
    sessions: user.sessions.map((session) => ({
      id: session.id,
      origin: session.origin ?? undefined,
      created_at: session.createdAt.toISOString(),
      expires_at: session.expiresAt.toISOString(),
    })),
    metadata: user.metadata as Record<string, never>,
  };
}

const keyForms: Readonly<Record<AppUserSort, RegExp>> = {
  newest: /^$/,
  last_seen: /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?[+-]\d{2}(:\d{2})?)?$/,
  spent: /^\d{1,20}(\.\d{1,8})?$/,
};

/** The place that a cursor of this list and order names, `null` on the first page. @throws ApiError invalid_request */
function readPlace(cursor: string | undefined, sort: AppUserSort): AppUserPlace | null {
  if (cursor === undefined) return null;
  const [order, key = "", id = "", more] = Buffer.from(cursor, "base64url").toString("utf8").split("/");
  if (order !== sort || more !== undefined || !keyForms[sort].test(key) || !isUuid(id)) throw wrongCursor();
  return { key: key === "" ? null : key, id };
}

function writePlace({ key, id }: AppUserPlace, sort: AppUserSort): string {
  return Buffer.from(`${sort}/${key ?? ""}/${id}`).toString("base64url");
}
