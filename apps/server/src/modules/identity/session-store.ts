import type { SessionScope } from "@modelfaucet/contract/scopes.ts";
import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd, usdFromStore } from "../../lib/money.ts";
import { limitsColumn, storedLimitsOf } from "../../lib/stored-limit.ts";
import type { IdentityMode, SessionContext } from "./session-context.ts";

/** The old token of a refreshed session lives so long, for calls that are on their way. */
const overlapSeconds = 60;

/** One read by the token's hash, over the session and everything that can stop it. `null`: unknown or revoked. */
export async function readSessionByTokenHash(tx: Tx, tokenHash: string): Promise<SessionContext | null> {
  const [row] = await tx`
    select s.id, s.app_id, s.developer_id, s.end_user_id, s.feature_key, s.features, s.scopes, s.modes, s.models,
      s.origin, s.origins, s.max_spend_usd, s.identity_mode, s.verified, s.proved_at,
      case when s.token_hash = ${tokenHash} then s.token_expires_at else s.previous_expires_at end as expires_at,
      a.public_app_id, a.name as app_name, a.status as app_status, a.allowed_origins, d.status as developer_status,
      u.external_user_hash, u.own, u.status as user_status, w.status as wallet_status,
      ${limitsColumn(
        tx,
        tx`l.app_id = s.app_id and ((l.level = 'end_user' and l.target_id = s.end_user_id)
        or (l.level = 'session' and l.target_id = s.id))`,
      )} as limits,
      (select json_agg(json_build_object('featureId', m.home_feature_id, 'mode', m.mode,
          'fallbackToPlatform', m.fallback_to_platform, 'disclosureVersion', m.disclosure_version))
        from user_modes m where m.app_id = s.app_id and m.end_user_id = s.end_user_id) as chosen_modes
    from virtual_sessions s
    join apps a on a.id = s.app_id
    join developers d on d.id = s.developer_id
    join end_users u on u.app_id = s.app_id and u.id = s.end_user_id
    join wallets w on w.app_id = s.app_id and w.id = s.end_user_id
    where (s.token_hash = ${tokenHash} or s.previous_token_hash = ${tokenHash}) and s.revoked_at is null`;
  return row ? contextOf(row, tokenHash) : null;
}

export type NewSession = {
  id: string;
  appId: string;
  developerId: string;
  endUserId: string;
  tokenHash: string;
  ttlSeconds: number;
  featureKey: string | null;
  features: readonly string[] | null;
  scopes: readonly SessionScope[];
  modes: readonly string[] | null;
  models: readonly string[] | null;
  origin: string | null;
  origins: readonly string[];
  maxSpendUsd: Usd | null;
  metadata: Record<string, unknown>;
  identityMode: IdentityMode;
  verified: boolean;
};

/** Writes the session and, where it has a cap, the account that refuses beyond it. Gives the end by the database's clock. */
export async function insertSession(
  tx: Tx,
  session: NewSession,
): Promise<{ expiresAtMs: number; provedAtMs: number }> {
  const cap = session.maxSpendUsd === null ? null : formatUsd(session.maxSpendUsd);
  const [row] = await tx`
    insert into virtual_sessions (app_id, id, developer_id, end_user_id, token_hash, token_expires_at, feature_key, features,
      scopes, modes, models, origin, origins, max_spend_usd, metadata, identity_mode, verified, proved_at)
    values (${session.appId}, ${session.id}, ${session.developerId}, ${session.endUserId}, ${session.tokenHash},
      mf_now() + make_interval(secs => ${session.ttlSeconds}), ${session.featureKey}, ${list(session.features)},
      ${list(session.scopes)}, ${list(session.modes)}, ${list(session.models)}, ${session.origin}, ${list(session.origins)},
      ${cap}, ${tx.json(session.metadata as never)}, ${session.identityMode}, ${session.verified}, mf_now())
    returning token_expires_at, proved_at`;
  if (cap !== null) {
    await tx`
      insert into accounts (app_id, developer_id, kind, owner_id, scope_id, set_by, limit_usd, balance_usd)
      values (${session.appId}, ${session.developerId}, 'session', ${session.id}, ${session.endUserId}, 'app', ${cap}, ${cap})`;
  }
  return { expiresAtMs: row!.token_expires_at.getTime(), provedAtMs: row!.proved_at.getTime() };
}

export type LockedSession = {
  revoked: boolean;
  maxAgeSeconds: number;
  ttlSeconds: number;
  provedAtMs: number;
  nowMs: number;
  expiresAtMs: number;
};

/** The session as it is now, for its refresh; two refreshes of one session wait for each other. */
export async function lockSession(
  tx: Tx,
  key: { appId: string; sessionId: string; tokenHash: string },
): Promise<LockedSession | null> {
  const [row] = await tx`
    select s.revoked_at, s.proved_at, a.session_max_age_seconds, a.session_ttl_seconds, mf_now() as now,
      case when s.token_hash = ${key.tokenHash} then s.token_expires_at else s.previous_expires_at end as expires_at
    from virtual_sessions s join apps a on a.id = s.app_id
    where s.app_id = ${key.appId} and s.id = ${key.sessionId}
      and (s.token_hash = ${key.tokenHash} or s.previous_token_hash = ${key.tokenHash})
    for update of s`;
  if (!row) return null;
  return {
    revoked: row.revoked_at !== null,
    maxAgeSeconds: row.session_max_age_seconds,
    ttlSeconds: row.session_ttl_seconds,
    provedAtMs: row.proved_at.getTime(),
    nowMs: row.now.getTime(),
    expiresAtMs: row.expires_at.getTime(),
  };
}

/** Gives the session a new token; the one before it lives a minute more, never longer than it would have. */
export async function rotateSessionToken(
  tx: Tx,
  change: { appId: string; sessionId: string; tokenHash: string; ttlSeconds: number; provedNow: boolean },
): Promise<{ expiresAtMs: number }> {
  const [row] = await tx`
    update virtual_sessions set previous_token_hash = token_hash,
      previous_expires_at = least(token_expires_at, mf_now() + make_interval(secs => ${overlapSeconds})),
      token_hash = ${change.tokenHash}, token_expires_at = mf_now() + make_interval(secs => ${change.ttlSeconds}),
      proved_at = case when ${change.provedNow} then mf_now() else proved_at end,
      verified = verified or ${change.provedNow}
    where app_id = ${change.appId} and id = ${change.sessionId}
    returning token_expires_at`;
  return { expiresAtMs: row!.token_expires_at.getTime() };
}

/** True when the session was live. */
export async function revokeSession(tx: Tx, key: { appId: string; sessionId: string }): Promise<boolean> {
  const rows = await tx`
    update virtual_sessions set revoked_at = mf_now()
    where app_id = ${key.appId} and id = ${key.sessionId} and revoked_at is null returning id`;
  return rows.length > 0;
}

export async function revokeSessionsOfApp(tx: Tx, appId: string): Promise<number> {
  const rows = await tx`
    update virtual_sessions set revoked_at = mf_now() where app_id = ${appId} and revoked_at is null returning id`;
  return rows.length;
}

/** Whose session that is; a developer sees its own alone. */
export async function findSession(
  tx: Tx,
  sessionId: string,
): Promise<{ appId: string; developerId: string; publicAppId: string } | null> {
  const [row] = await tx`
    select s.app_id, s.developer_id, a.public_app_id from virtual_sessions s join apps a on a.id = s.app_id
    where s.id = ${sessionId}`;
  return row ? { appId: row.app_id, developerId: row.developer_id, publicAppId: row.public_app_id } : null;
}

/** Why a session has ended: it was revoked, or what it hangs on is no longer active. */
export type SessionEnding = {
  kind: "session" | "owner";
  state: Pick<SessionContext, "appStatus" | "developerStatus" | "endUserStatus">;
};

/** Those of the sessions that have ended, by their ids; a row that is gone has ended too. Purpose `cache`. */
export async function readEndedSessions(
  tx: Tx,
  sessions: readonly { appId: string; sessionId: string }[],
): Promise<Map<string, SessionEnding>> {
  const rows = await tx`
    select w.session_id, s.id is null or s.revoked_at is not null as revoked,
      a.status as app_status, d.status as developer_status, u.status as user_status
    from unnest(${sessions.map(({ appId }) => appId)}::uuid[], ${sessions.map(({ sessionId }) => sessionId)}::uuid[])
      as w (app_id, session_id)
    left join virtual_sessions s on s.app_id = w.app_id and s.id = w.session_id
    left join apps a on a.id = s.app_id
    left join developers d on d.id = s.developer_id
    left join end_users u on u.app_id = s.app_id and u.id = s.end_user_id
    where s.id is null or s.revoked_at is not null or a.status <> 'active' or d.status <> 'active' or u.status <> 'active'`;
  return new Map(
    rows.map((row) => [
      row.session_id as string,
      {
        kind: row.revoked ? "session" : "owner",
        state: {
          appStatus: row.app_status,
          developerStatus: row.developer_status,
          endUserStatus: row.user_status,
        },
      },
    ]),
  );
}

/** False when that `jti` was used before; the row stays until the token could not be used anyway. */
export async function useUserTokenOnce(
  tx: Tx,
  use: { appId: string; jtiHash: string; expiresAtMs: number },
): Promise<boolean> {
  // Every 256th use sweeps, so that the table stays small and a session costs no scan.
  if (use.jtiHash.startsWith("00")) {
    await tx`delete from user_token_uses where app_id = ${use.appId} and expires_at < mf_now() - interval '10 minutes'`;
  }
  const rows = await tx`
    insert into user_token_uses (app_id, jti_hash, expires_at)
    values (${use.appId}, ${use.jtiHash}, ${new Date(use.expiresAtMs)})
    on conflict do nothing returning jti_hash`;
  return rows.length > 0;
}

function list(words: readonly string[] | null): string[] | null {
  return words === null ? null : [...words];
}

function contextOf(row: postgres.Row, tokenHash: string): SessionContext {
  return {
    tokenHash,
    sessionId: row.id,
    appId: row.app_id,
    publicAppId: row.public_app_id,
    appName: row.app_name,
    developerId: row.developer_id,
    endUserId: row.end_user_id,
    endUserHash: row.external_user_hash,
    endUserOwn: row.own,
    endUserStatus: row.user_status,
    walletStatus: row.wallet_status,
    appStatus: row.app_status,
    developerStatus: row.developer_status,
    scopes: new Set(row.scopes),
    featureKey: row.feature_key,
    features: row.features,
    models: row.models,
    modes: row.modes,
    chosenModes: row.chosen_modes ?? [],
    maxSpendUsd: row.max_spend_usd === null ? null : usdFromStore(row.max_spend_usd),
    limits: storedLimitsOf(row.limits),
    origin: row.origin,
    origins: row.origins,
    allowedOrigins: row.allowed_origins,
    expiresAtMs: row.expires_at.getTime(),
    verified: row.verified,
    identityMode: row.identity_mode,
    provedAtMs: row.proved_at.getTime(),
  };
}
