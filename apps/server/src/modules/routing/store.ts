import type { Tx } from "../../lib/db.ts";

/** In which words an upstream is spoken to. */
export type Dialect = "openai" | "anthropic";

export type ProviderRow = {
  name: string;
  baseUrl: string;
  dialect: Dialect;
  status: "on" | "off";
};

export type SealedKey = { id: string; provider: string; sealed: string };

/** The operator's upstreams in order of priority. */
export async function readProviders(tx: Tx): Promise<ProviderRow[]> {
  const rows = await tx<{ name: string; base_url: string; dialect: Dialect; status: "on" | "off" }[]>`
    select name, base_url, dialect, status from providers order by priority, name`;
  return rows.map((row) => ({
    name: row.name,
    baseUrl: row.base_url.replace(/\/+$/, ""),
    dialect: row.dialect,
    status: row.status,
  }));
}

/** The platform's own keys that may be used, in order of priority. */
export async function readSealedKeys(tx: Tx): Promise<SealedKey[]> {
  return tx<SealedKey[]>`
    select id, provider, sealed_secret as sealed from provider_credentials
    where owner_scope = 'platform' and status = 'active' and sealed_secret is not null
    order by priority, created_at, id`;
}

/** Names of those that an operator has switched off; one of the environment has no row of its own. */
export async function readProvidersOff(tx: Tx): Promise<Set<string>> {
  const rows = await tx<{ name: string }[]>`select target_id as name from switches
    where kind = 'provider' and state = 'off' and (until is null or until > mf_now())`;
  return new Set(rows.map(({ name }) => name));
}

export type StoredProvider = {
  name: string;
  baseUrl: string;
  dialect: Dialect;
  priority: number;
  weight: number;
  status: "on" | "off";
  createdAt: Date;
};

const providerColumns = ["name", "base_url", "dialect", "priority", "weight", "status", "created_at"];

/** By name; `name` keeps to one. */
export async function readStoredProviders(tx: Tx, name: string | null): Promise<StoredProvider[]> {
  const rows = await tx`select ${tx(providerColumns)} from providers
    where ${name}::text is null or name = ${name} order by name collate "C"`;
  return rows.map((row) => ({
    name: row.name,
    baseUrl: row.base_url,
    dialect: row.dialect,
    priority: row.priority,
    weight: row.weight,
    status: row.status,
    createdAt: row.created_at,
  }));
}

/** Locks the row, so that two changes of one upstream follow each other. */
export async function lockStoredProvider(tx: Tx, name: string): Promise<StoredProvider | null> {
  await tx`select 1 from providers where name = ${name} for update`;
  return (await readStoredProviders(tx, name))[0] ?? null;
}

export async function upsertProvider(
  tx: Tx,
  provider: { name: string; baseUrl: string; dialect: Dialect; priority: number; weight: number },
): Promise<void> {
  const { name, baseUrl, dialect, priority, weight } = provider;
  await tx`insert into providers (name, base_url, dialect, priority, weight)
    values (${name}, ${baseUrl}, ${dialect}, ${priority}, ${weight})
    on conflict (name) do update set base_url = excluded.base_url, dialect = excluded.dialect,
      priority = excluded.priority, weight = excluded.weight, updated_at = mf_now()`;
}

/** A stored key as people may see it. */
export type StoredKey = {
  id: string;
  provider: string;
  masked: string;
  status: "active" | "invalid" | "needs_reentry" | "disabled";
  createdAt: Date;
};

/** The platform's keys that still exist, in order of use. */
export async function readStoredKeys(tx: Tx, provider: string | null): Promise<StoredKey[]> {
  const rows = await tx`select id, provider, masked, status, created_at from provider_credentials
    where owner_scope = 'platform' and status <> 'disabled' and (${provider}::text is null or provider = ${provider})
    order by priority, created_at, id`;
  return rows.map(keyOf);
}

export async function lockStoredKey(tx: Tx, provider: string, id: string): Promise<StoredKey | null> {
  const [row] = await tx`select id, provider, masked, status, created_at from provider_credentials
    where owner_scope = 'platform' and provider = ${provider} and id = ${id} for update`;
  return row ? keyOf(row) : null;
}

function keyOf(row: Record<string, unknown>): StoredKey {
  return {
    id: row.id as string,
    provider: row.provider as string,
    masked: row.masked as string,
    status: row.status as StoredKey["status"],
    createdAt: row.created_at as Date,
  };
}

export async function insertKey(
  tx: Tx,
  key: { id: string; provider: string; sealed: string; sealedWith: string; masked: string; lastFour: string },
): Promise<void> {
  await tx`insert into provider_credentials ${tx({
    id: key.id,
    owner_scope: "platform",
    owner_id: platformOwnerId,
    provider: key.provider,
    sealed_secret: key.sealed,
    key_id: key.sealedWith,
    masked: key.masked,
    last_four: key.lastFour,
  })}`;
}

const platformOwnerId = "00000000-0000-0000-0000-000000000001";

/** The ciphertext goes at once; the row stays for the audit trail. */
export async function destroyKey(tx: Tx, id: string): Promise<void> {
  await tx`update provider_credentials set status = 'disabled', sealed_secret = null, updated_at = mf_now() where id = ${id}`;
}

/** How the attempts at a provider went of late: shares of failures, and when it last served. */
export type ProviderTraffic = { attempts: number; failed: number; lastSuccessAt: Date | null };

const recentRequests = 1_000;

/**
 * The last hour's attempts by provider, from the newest 1000 requests. Clients that left are no failure of upstream. Read
 * in the order of insertion, for which there is an index.
 */
export async function readTraffic(tx: Tx): Promise<Map<string, ProviderTraffic>> {
  const rows = await tx<
    { provider: string; attempts: number; failed: number; last_success_at: Date | null }[]
  >`
    select tried ->> 'provider' as provider, count(*)::int as attempts,
      (count(*) filter (where tried ->> 'outcome' <> 'ok'))::int as failed,
      max(created_at) filter (where tried ->> 'outcome' = 'ok') as last_success_at
    from (select attempts, created_at from usage_events order by epoch desc, xid8 desc limit ${recentRequests}) as recent,
      jsonb_array_elements(recent.attempts) as tried
    where created_at > mf_now() - interval '1 hour' and tried ->> 'outcome' <> 'aborted'
    group by 1`;
  return new Map(
    rows.map((row) => [
      row.provider,
      { attempts: row.attempts, failed: row.failed, lastSuccessAt: row.last_success_at },
    ]),
  );
}

/** Upstreams that at least one live instance goes around, because they keep failing. */
export async function readOpenCircuits(tx: Tx): Promise<Set<string>> {
  const rows = await tx<{ provider: string }[]>`
    select distinct c.provider from instances cross join lateral jsonb_object_keys(facts -> 'open_circuits') as c (provider)
    where heartbeat_at > mf_now() - interval '15 seconds'`;
  return new Set(rows.map(({ provider }) => provider));
}
