import type { BodyOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/apps.ts";
import { type AppDeps, createApp, disableApp, updateApp } from "../../flows/apps.ts";
import { requireApp } from "../../flows/developers-calling.ts";
import { createEndUser, updateEndUser } from "../../flows/end-users.ts";
import { type LimitDeps, setLimitsOfUser } from "../../flows/limits.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, parseUsd } from "../../lib/money.ts";
import type { SecretBox } from "../../lib/secret-box.ts";
import {
  type App,
  type AppChange,
  type AppIdentity,
  type EndUser,
  listApps,
  type WalletLimits,
} from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { ownOrNamed } from "./developer-account.ts";
import { pageQueryOf } from "./developer-paging.ts";

export function developerAppRoutes(deps: AppDeps & LimitDeps & { secretBox: SecretBox }): Mounted[] {
  return [
    mount(routes.listApps, async ({ actor, query, read }) => {
      const scope = {
        developerId: ownOrNamed(actor.caller, query.developer_id),
        publicAppIds: actor.caller.publicAppIds,
      };
      const rows = await read((tx) =>
        listApps(tx, { ...scope, status: query.status, ...pageQueryOf(query) }),
      );
      return pageOf(
        rows,
        query.limit,
        ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
        appAnswer,
      );
    }),
    mount(routes.readApp, async ({ actor, params, read }) =>
      appAnswer(await read((tx) => requireApp(tx, actor.caller, params.publicAppId))),
    ),
    mount(routes.createApp, async ({ actor, body, audit }) => {
      const { app, identitySecret } = await createApp(deps, actor.caller, audit, {
        publicAppId: body.public_app_id,
        name: body.name,
        developerId: body.developer_id,
        change: changeOf(body),
      });
      return { ...appAnswer(app), identity_secret: identitySecret ?? undefined };
    }),
    mount(routes.updateApp, async ({ actor, params, body, audit }) =>
      appAnswer(
        await updateApp(deps, actor.caller, audit, {
          publicAppId: params.publicAppId,
          change: changeOf(body),
          expectedVersion: body.expected_version,
        }),
      ),
    ),
    mount(routes.disableApp, async ({ actor, params, audit }) =>
      appAnswer(await disableApp(deps, actor.caller, audit, params.publicAppId)),
    ),
    mount(routes.createAppUser, async ({ actor, params, body, audit }) =>
      userAnswer(
        await createEndUser(deps, actor.caller, audit, {
          publicAppId: params.publicAppId,
          externalUserId: body.external_user_id,
          own: body.own,
        }),
      ),
    ),
    mount(routes.updateAppUser, async ({ actor, params, body, audit }) => {
      const user = { publicAppId: params.publicAppId, endUserId: params.id };
      if (body.limits) {
        const limits = body.limits.map(({ window, limit_usd }) => ({
          window,
          limitUsd: limit_usd === null ? null : parseUsd(limit_usd)!,
        }));
        await setLimitsOfUser(deps, actor.caller, audit, { ...user, limits });
      }
      const { own, status, reason } = body;
      return userAnswer(await updateEndUser(deps, actor.caller, audit, { ...user, own, status, reason }));
    }),
  ];
}

export function appAnswer(app: App) {
  return {
    public_app_id: app.publicAppId,
    name: app.name,
    vertical: app.vertical ?? undefined,
    default_developer_share_bps: app.defaultDeveloperShareBps,
    sandbox: app.sandbox,
    status: app.status,
    developer_id: app.developerId,
    developer_name: app.developerName,
    developer_email: app.developerEmail,
    identity_mode: app.identityMode,
    identity: {
      kind: isKnownByKeys(app) ? ("jwks" as const) : ("secret" as const),
      issuer: app.identity.issuer ?? undefined,
      jwks_url: app.identity.jwksUrl ?? undefined,
      jwks: (app.identity.jwks as Record<string, never> | null) ?? undefined,
      secret_prefix: app.identitySecretPrefix ?? undefined,
      previous_valid_until: app.previousSecretValidUntil?.toISOString(),
    },
    allowed_origins: app.allowedOrigins,
    session_ttl_seconds: app.sessionTtlSeconds,
    session_max_age_seconds: app.sessionMaxAgeSeconds,
    session_max_spend_usd: app.sessionMaxSpendUsd === null ? undefined : formatUsd(app.sessionMaxSpendUsd),
    time_zone: app.timeZone,
    support_url: app.supportUrl ?? undefined,
    support_email: app.supportEmail ?? undefined,
    abuse_email: app.abuseEmail ?? undefined,
    rate_limits: { ...app.rateLimits },
    wallet_limits: { ...app.walletLimits },
    limits: { ...app.limits },
    failing_gates: [],
    ...(app.suspended === null
      ? {}
      : { suspended: { ...app.suspended, since: app.suspended.since.toISOString() } }),
    version: app.version,
    created_at: app.createdAt.toISOString(),
    updated_at: app.updatedAt.toISOString(),
  };
}

function isKnownByKeys({ identity }: App): boolean {
  return identity.jwks !== null || identity.jwksUrl !== null;
}

/** What was sent, and nothing else: `null` clears, what is absent stays. */
function changeOf(body: BodyOf<typeof routes.updateApp>): AppChange {
  const cap = body.session_max_spend_usd;
  const change = {
    name: body.name,
    vertical: body.vertical,
    status: body.status,
    identityMode: body.identity_mode,
    // What is nested is replaced whole.
    identity: body.identity && {
      issuer: body.identity.issuer ?? null,
      jwksUrl: body.identity.jwks_url ?? null,
      jwks: (body.identity.jwks as AppIdentity["jwks"] | undefined) ?? null,
    },
    allowedOrigins: body.allowed_origins && [...new Set(body.allowed_origins)],
    defaultDeveloperShareBps: body.default_developer_share_bps,
    sessionTtlSeconds: body.session_ttl_seconds,
    sessionMaxAgeSeconds: body.session_max_age_seconds,
    sessionMaxSpendUsd: typeof cap === "string" ? parseUsd(cap) : cap,
    timeZone: body.time_zone,
    supportUrl: body.support_url,
    supportEmail: body.support_email,
    abuseEmail: body.abuse_email,
    rateLimits: body.rate_limits === null ? {} : body.rate_limits,
    walletLimits: body.wallet_limits === null ? {} : body.wallet_limits && spelledOut(body.wallet_limits),
  };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as AppChange;
}

/** Amounts as they are stored and told: eight decimals. */
function spelledOut(limits: Record<string, string | undefined>): WalletLimits {
  const named = Object.entries(limits).filter(([, usd]) => usd !== undefined);
  return Object.fromEntries(named.map(([name, usd]) => [name, formatUsd(parseUsd(usd!)!)]));
}

function userAnswer(user: EndUser) {
  // A user that was erased is not found, so that only these two are left.
  if (user.status === "erased") throw new ApiError("not_found", "The app has no such end user.");
  return {
    id: user.id,
    end_user_id_hash: user.externalUserHash,
    status: user.status,
    own: user.own,
    created_at: user.createdAt.toISOString(),
  };
}
