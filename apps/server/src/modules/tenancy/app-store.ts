import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd, usdFromStore } from "../../lib/money.ts";
import { appSuspension, developerStatus } from "../../lib/switched.ts";
import { type AppIdentity, forgetIdentitySecrets, identityOf, storedIdentity } from "./app-identity-store.ts";
import type { StoredLimits } from "./rules.ts";

/** How often an app may be called, as its developer set it: per minute, and at a time. */
export type RateLimits = Partial<
  Record<"app_rpm" | "user_rpm" | "session_rpm" | "user_tpm" | "user_concurrency", number>
>;
/** What may be spent, as the app's developer set it; amounts as text with eight decimals. */
export type WalletLimits = Partial<
  Record<
    | "user_day_usd"
    | "user_week_usd"
    | "user_month_usd"
    | "user_max_balance_usd"
    | "app_day_usd"
    | "app_month_usd",
    string
  >
>;

export type App = {
  id: string;
  developerId: string;
  developerName: string;
  developerEmail: string;
  developerStatus: "active" | "suspended" | "closed";
  developerLimits: StoredLimits;
  publicAppId: string;
  name: string;
  vertical: string | null;
  status: "pending" | "active" | "disabled" | "suspended";
  /** What is switched off, and why, where something is: the app or its developer. */
  suspended: { what: string; reason: string; since: Date } | null;
  identityMode: "signed" | "server" | "demo";
  identity: AppIdentity;
  identitySecretPrefix: string | null;
  /** Until when the secret before the last rotation proves users too; it may lie in the past. */
  previousSecretValidUntil: Date | null;
  allowedOrigins: string[];
  defaultDeveloperShareBps: number;
  sandbox: boolean;
  sessionTtlSeconds: number;
  sessionMaxAgeSeconds: number;
  sessionMaxSpendUsd: Usd | null;
  timeZone: string;
  supportUrl: string | null;
  supportEmail: string | null;
  abuseEmail: string | null;
  limits: StoredLimits;
  rateLimits: RateLimits;
  walletLimits: WalletLimits;
  version: number;
  createdAt: Date;
  updatedAt: Date;
};

/** What a developer may change; a field that is left out stays as it is. */
export type AppChange = Partial<
  Pick<
    App,
    | "name"
    | "vertical"
    | "status"
    | "identityMode"
    | "identity"
    | "allowedOrigins"
    | "defaultDeveloperShareBps"
    | "sessionTtlSeconds"
    | "sessionMaxAgeSeconds"
    | "sessionMaxSpendUsd"
    | "timeZone"
    | "supportUrl"
    | "supportEmail"
    | "abuseEmail"
    | "limits"
    | "rateLimits"
    | "walletLimits"
  >
>;

/** Whose apps a caller sees: all of one developer's, fewer of them, or (operators) everybody's. */
export type AppScope = { developerId: string | null; publicAppIds: readonly string[] | null };

export async function readApp(tx: Tx, publicAppId: string, scope: AppScope): Promise<App | null> {
  const [row] = await tx`${selectApps(tx)} where a.public_app_id = ${publicAppId} and ${within(tx, scope)}`;
  return row ? appOf(row) : null;
}

/** The app as no other change can touch it until this transaction ends. */
export async function lockApp(tx: Tx, publicAppId: string, scope: AppScope): Promise<App | null> {
  await tx`select 1 from apps a where a.public_app_id = ${publicAppId} and ${within(tx, scope)} for update`;
  return readApp(tx, publicAppId, scope);
}

export type AppFilter = AppScope & {
  status?: string | undefined;
  q?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
  before?: string | undefined;
  limit: number;
};

export async function listApps(tx: Tx, filter: AppFilter): Promise<App[]> {
  const rows = await tx`${selectApps(tx)}
    where ${within(tx, filter)}
      and (${filter.status ?? null}::text is null
        or case when ${appSuspension(tx)} is null then a.status else 'suspended' end = ${filter.status ?? null})
      and (${filter.q ?? null}::text is null or position(lower(${filter.q ?? ""}) in lower(a.name || ' ' || a.public_app_id)) > 0)
      and (${filter.from ?? null}::timestamptz is null or a.created_at >= ${filter.from ?? null})
      and (${filter.to ?? null}::timestamptz is null or a.created_at < ${filter.to ?? null})
      and (${filter.before ?? null}::uuid is null or a.id < ${filter.before ?? null})
    order by a.id desc limit ${filter.limit}`;
  return rows.map(appOf);
}

/** Ids of a developer's apps: what its closing has to announce. */
export async function listAppIds(tx: Tx, developerId: string): Promise<string[]> {
  const rows = await tx`select id from apps where developer_id = ${developerId} order by id`;
  return rows.map((row) => row.id);
}

export type NewApp = {
  id: string;
  developerId: string;
  publicAppId: string;
  name: string;
  status: App["status"];
  identityKey: string;
  identitySecretPrefix: string;
  userHashKey: string;
};

/** @throws the database's unique violation `apps_public_app_id_key` */
export async function insertApp(tx: Tx, app: NewApp): Promise<void> {
  await tx`insert into apps ${tx({
    id: app.id,
    developer_id: app.developerId,
    public_app_id: app.publicAppId,
    name: app.name,
    status: app.status,
    identity_key: app.identityKey,
    identity_secret_prefix: app.identitySecretPrefix,
    user_hash_key: app.userHashKey,
  })}`;
}

/** Sets what is named; `version` grows by one unless this is the filling in of a new row. */
export async function updateApp(
  tx: Tx,
  id: string,
  change: AppChange,
  kind: "change" | "fill",
): Promise<void> {
  const columns = columnsOf(tx, change);
  const { identity } = change;
  // An app is known by its secret or by its keys: what is not used any more is not kept.
  if (identity && (identity.jwks !== null || identity.jwksUrl !== null)) await forgetIdentitySecrets(tx, id);
  if (Object.keys(columns).length > 0) await tx`update apps set ${tx(columns)} where id = ${id}`;
  if (kind === "change") {
    await tx`update apps set version = version + 1, updated_at = mf_now() where id = ${id}`;
  }
}

/** Sets the origins of an app that nobody has changed since it was made. True when they were others. */
export async function replaceUntouchedOrigins(
  tx: Tx,
  id: string,
  origins: readonly string[],
): Promise<boolean> {
  const rows = await tx`update apps set allowed_origins = ${[...origins]}
    where id = ${id} and version = 1 and updated_at = created_at and allowed_origins <> ${[...origins]}::text[] returning id`;
  return rows.length > 0;
}

/** Every origin that some live app allows. */
export async function readAllowedOrigins(tx: Tx): Promise<string[]> {
  const rows =
    await tx`select distinct unnest(allowed_origins) as origin from apps where status <> 'disabled'`;
  return rows.map((row) => row.origin);
}

const selectApps = (tx: Tx) => tx`
  select a.*, d.name as developer_name, d.email as developer_email, ${developerStatus(tx)} as developer_status,
    d.limits as developer_limits, ${appSuspension(tx)} as suspended
  from apps a join developers d on d.id = a.developer_id`;

const within = (tx: Tx, scope: AppScope) => tx`
  (${scope.developerId}::uuid is null or a.developer_id = ${scope.developerId})
  and (${scope.publicAppIds === null} or a.public_app_id = any(${[...(scope.publicAppIds ?? [])]}::text[]))`;

function columnsOf(tx: Tx, change: AppChange): Record<string, postgres.SerializableParameter> {
  const columns: Record<string, unknown> = {
    name: change.name,
    vertical: change.vertical,
    status: change.status,
    identity_mode: change.identityMode,
    identity: change.identity && tx.json(storedIdentity(change.identity) as never),
    allowed_origins: change.allowedOrigins,
    default_developer_share_bps: change.defaultDeveloperShareBps,
    session_ttl_seconds: change.sessionTtlSeconds,
    session_max_age_seconds: change.sessionMaxAgeSeconds,
    session_max_spend_usd: change.sessionMaxSpendUsd && formatUsd(change.sessionMaxSpendUsd),
    time_zone: change.timeZone,
    support_url: change.supportUrl,
    support_email: change.supportEmail,
    abuse_email: change.abuseEmail,
    limits: change.limits && tx.json(change.limits),
    rate_limits: change.rateLimits && tx.json(change.rateLimits),
    wallet_limits: change.walletLimits && tx.json(change.walletLimits),
  };
  const named = Object.entries(columns).filter(([, value]) => value !== undefined);
  return Object.fromEntries(named) as Record<string, postgres.SerializableParameter>;
}

export function appOf(row: postgres.Row): App {
  return {
    id: row.id,
    developerId: row.developer_id,
    developerName: row.developer_name,
    developerEmail: row.developer_email,
    developerStatus: row.developer_status,
    developerLimits: row.developer_limits,
    publicAppId: row.public_app_id,
    name: row.name,
    vertical: row.vertical,
    status: row.suspended ? "suspended" : row.status,
    suspended: row.suspended ? { ...row.suspended, since: new Date(row.suspended.since) } : null,
    identityMode: row.identity_mode,
    identity: identityOf(row),
    identitySecretPrefix: row.identity_secret_prefix,
    previousSecretValidUntil: row.previous_identity_valid_until,
    allowedOrigins: row.allowed_origins,
    defaultDeveloperShareBps: row.default_developer_share_bps,
    sandbox: row.sandbox,
    sessionTtlSeconds: row.session_ttl_seconds,
    sessionMaxAgeSeconds: row.session_max_age_seconds,
    sessionMaxSpendUsd: row.session_max_spend_usd === null ? null : usdFromStore(row.session_max_spend_usd),
    timeZone: row.time_zone,
    supportUrl: row.support_url,
    supportEmail: row.support_email,
    abuseEmail: row.abuse_email,
    limits: row.limits,
    rateLimits: row.rate_limits,
    walletLimits: row.wallet_limits,
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
