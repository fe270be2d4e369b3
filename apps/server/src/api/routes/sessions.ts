import * as routes from "@modelfaucet/contract/routes/sessions.ts";
import { endSession } from "../../flows/end-session.ts";
import { type OpenSessionDeps, openSession } from "../../flows/open-session.ts";
import type { OfferedFeature, OpenedSession } from "../../flows/open-session-answer.ts";
import { refreshSession } from "../../flows/refresh-session.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import { formatUsd, parseUsd, type Usd } from "../../lib/money.ts";
import { type Mounted, mount } from "../mount.ts";
import { modesAnswer } from "./user-modes.ts";

export type SessionRouteDeps = OpenSessionDeps & {
  feed: Pick<ChangeFeed, "now" | "isFresh" | "waitUntilSeen">;
  /** What clients are told, with `/v1`. */
  gatewayBaseUrl: string;
  /** `PUBLIC_SUPPORT_URL`, for apps that name none of their own. */
  supportUrl: string;
};

export function sessionRoutes(deps: SessionRouteDeps): Mounted[] {
  return [
    mount(routes.createSession, async ({ actor, body, origin, address }) => {
      const caller = actor.class === "dev" ? actor.caller : null;
      const opened = await openSession(deps, caller, {
        publicAppId: body.public_app_id,
        externalUserId: body.external_user_id,
        userToken: body.user_token,
        featureKey: body.feature_key,
        metadata: body.metadata,
        maxSpendUsd: body.max_spend_usd === undefined ? undefined : (parseUsd(body.max_spend_usd) as Usd),
        ttlSeconds: body.ttl_seconds,
        scopes: body.scopes,
        modes: body.modes,
        models: body.models,
        origins: body.origins,
        requestOrigin: origin,
        address,
      });
      return sessionAnswer(opened, deps);
    }),
    mount(routes.refreshSession, async ({ actor, body }) => {
      const refreshed = await refreshSession(deps, actor.session, {
        userToken: body.user_token,
        ttlSeconds: body.ttl_seconds,
      });
      return sessionAnswer(refreshed, deps);
    }),
    mount(routes.endSession, async ({ actor }) => {
      await endSession(deps, actor.session);
      return { ok: true };
    }),
  ];
}

export function featureOffer(feature: OfferedFeature) {
  return {
    feature_key: feature.featureKey,
    display_name: feature.displayName,
    route_preference: [...feature.routePreference],
    models: [...feature.models],
    privacy: feature.privacy,
    byok_fee_usd: feature.byokFeeUsd,
    local_fee_usd: feature.localFeeUsd,
  };
}

function sessionAnswer(session: OpenedSession, deps: SessionRouteDeps) {
  return {
    session_token: session.token,
    expires_in: session.ttlSeconds,
    gateway_base_url: deps.gatewayBaseUrl,
    available_modes: session.modes.items.flatMap(({ available, mode }) => (available ? [mode] : [])),
    wallet_balance_usd: formatUsd(session.walletBalanceUsd),
    session_id: session.sessionId,
    expires_at: new Date(session.expiresAtMs).toISOString(),
    end_user_id: session.endUserId,
    end_user_id_hash: session.endUserHash,
    identity: {
      mode: session.identityMode,
      verified: session.verified,
      ...(session.verified ? { proved_at: new Date(session.provedAtMs).toISOString() } : {}),
    },
    scopes: [...session.scopes],
    ...(session.maxSpendUsd === null ? {} : { max_spend_usd: formatUsd(session.maxSpendUsd) }),
    ...(session.featureKey === null ? {} : { feature_key: session.featureKey }),
    modes: modesAnswer(session.modes),
    features: session.features.map(featureOffer),
    links: { support_url: session.supportUrl ?? deps.supportUrl },
  };
}
