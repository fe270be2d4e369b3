import * as routes from "@modelfaucet/contract/routes/developer.ts";
import { defaultDeveloperScopes } from "@modelfaucet/contract/scopes.ts";
import { createDeveloperToken, revokeDeveloperToken } from "../../flows/developer-tokens.ts";
import { developerFor } from "../../flows/developers-calling.ts";
import { revokeSessionAsDeveloper } from "../../flows/end-session.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd } from "../../lib/money.ts";
import { listLeaks } from "../../modules/audit/audit.ts";
import {
  type DeveloperCaller,
  type DeveloperTokenItem,
  listDeveloperTokens,
  readDeveloperTokenItem,
} from "../../modules/identity/identity.ts";
import { type Maxima, maximaOf, readSettings } from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";

/** Before the acceptable-use policy has a text (package 5). */
const noAcceptableUse = { version: "0" };

export function developerAccountRoutes(deps: {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
}): Mounted[] {
  const tokenDeps = { ...deps, defaultScopes: defaultDeveloperScopes };
  return [
    mount(routes.readDeveloper, ({ actor, query, read }) =>
      read(async (tx) => {
        const developer = await developerFor(tx, actor.caller, { developerId: query.developer_id });
        const { id, name, email, status } = developer;
        const limits = limitsAnswer(maximaOf(await readSettings(tx), developer.limits));
        return {
          developer: { id, name, email, status, limits },
          token: callingToken(actor.caller),
          acceptable_use: noAcceptableUse,
          todo: (await listLeaks(tx, id)).map(leakSentence),
        };
      }),
    ),
    mount(routes.createToken, async ({ actor, body, audit }) => {
      const { token, item } = await createDeveloperToken(tokenDeps, actor.caller, audit, {
        name: body.name,
        scopes: body.scopes,
        publicAppIds: body.public_app_ids,
        modelsAllowed: body.models_allowed,
        expiresAt: body.expires_at,
        developerId: body.developer_id,
        developerEmail: body.developer_email,
      });
      return { token, item: tokenAnswer(item) };
    }),
    mount(routes.listTokens, async ({ actor, query, read }) => {
      const page = pageQueryOf(query);
      const developerId = ownOrNamed(actor.caller, query.developer_id);
      const rows = await read((tx) =>
        listDeveloperTokens(tx, { developerId, status: query.status, ...page }),
      );
      return pageOf(
        rows,
        query.limit,
        ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
        tokenAnswer,
      );
    }),
    mount(routes.readToken, async ({ params, read }) => {
      const item = await read((tx) => readDeveloperTokenItem(tx, params.id));
      if (!item) throw new ApiError("not_found", "There is no such token.");
      return tokenAnswer(item);
    }),
    mount(routes.revokeToken, async ({ actor, params, audit }) => {
      await revokeDeveloperToken(deps, actor.caller, audit, params.id);
      return { ok: true };
    }),
    mount(routes.revokeSession, async ({ actor, params, audit }) => {
      await revokeSessionAsDeveloper(deps, actor.caller, audit, params.id);
      return { ok: true };
    }),
  ];
}

/** A developer sees its own; naming another one is told like naming one that does not exist. */
export function ownOrNamed(caller: DeveloperCaller, named: string | undefined): string | null {
  if (caller.developerId === null) return named ?? null;
  if (named !== undefined && named !== caller.developerId) {
    throw new ApiError("not_found", "There is no such developer.");
  }
  return caller.developerId;
}

export function limitsAnswer(maxima: Maxima) {
  return {
    max_developer_share_bps: maxima.maxDeveloperShareBps,
    max_markup_percent: maxima.maxMarkupPercent,
    max_fee_usd: formatUsd(maxima.maxFeeUsd),
  };
}

/** What the owner of something that leaked is told until it has grown old. */
function leakSentence({ resourceType, name, at }: Awaited<ReturnType<typeof listLeaks>>[number]): string {
  const what = resourceType === "app" ? "identity secret of the app" : resourceType.replaceAll("_", " ");
  return `The ${what} ${name} was reported as leaked on ${at.toISOString().slice(0, 10)} and ended; replace it, and look at the audit log for what it was used for.`;
}

function callingToken(caller: DeveloperCaller) {
  return {
    id: caller.tokenId,
    scopes: [...caller.scopes],
    ...(caller.publicAppIds === null ? {} : { public_app_ids: [...caller.publicAppIds] }),
    ...(caller.expiresAtMs === null ? {} : { expires_at: new Date(caller.expiresAtMs).toISOString() }),
  };
}

export function tokenAnswer(item: DeveloperTokenItem) {
  return {
    id: item.id,
    developer_id: item.developerId,
    developer_name: item.developerName,
    developer_email: item.developerEmail,
    name: item.name,
    token_prefix: item.tokenPrefix,
    scopes: item.scopes,
    ...(item.publicAppIds === null ? {} : { public_app_ids: item.publicAppIds }),
    ...(item.modelsAllowed === null ? {} : { models_allowed: item.modelsAllowed }),
    status: item.status,
    created_by: item.createdBy,
    ...(item.rotatedFrom === null ? {} : { rotated_from: item.rotatedFrom }),
    ...(item.lastUsedAt === null ? {} : { last_used_at: item.lastUsedAt.toISOString() }),
    expires_at: item.expiresAt.toISOString(),
    ...(item.revokedAt === null ? {} : { revoked_at: item.revokedAt.toISOString() }),
    created_at: item.createdAt.toISOString(),
    updated_at: item.updatedAt.toISOString(),
  };
}
