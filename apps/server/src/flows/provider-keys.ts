import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, TenantSettings, Tx } from "../lib/db.ts";
import { egressError } from "../lib/egress/refusal.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import type { Outbound } from "../lib/outbound.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  baseUrlOf,
  type CredentialRow,
  countKeys,
  credentialPlace,
  destroyKey,
  findKey,
  insertKey,
  type KeyFinding,
  type KeyName,
  type KeyScope,
  type KeySettings,
  refuseForeignBaseUrl,
  refuseForeignKey,
  tryOpen,
  updateKey,
  type VendorName,
  writeCheck,
} from "../modules/credential/credential.ts";
import { maskKey, type Upstreams } from "../modules/routing/routing.ts";
import { type KeyPlace, keyPlaceOf } from "./key-place.ts";
import { checkKey, type KeyVerdict } from "./provider-key-check.ts";

export type ProviderKeyDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  secretBox: SecretBox;
  outbound: Pick<Outbound, "request" | "judge">;
  upstreams: Pick<Upstreams, "find">;
  production: boolean;
};

/** Who manages which keys, and what row security lets them touch. */
export type KeyManager = { scope: KeyScope; tenant: TenantSettings; actor: AuditActor };

/** Whose a new key becomes. */
export type NewKeyOwner = { appId: string; developerId: string; endUserId: string | null };

export type NewKey = KeySettings & { provider: VendorName; apiKey: string; baseUrl: string | null };

const mostKeys = 20;

/**
 * Seals a key and shows it masked from then on. A form of another vendor is refused before anything is sent; then its own
 * vendor is asked by a free call. What the vendor did not judge is kept and says so.
 * @throws ApiError secret_validation_failed, base_url_not_allowed, conflict with `details.reason: "too_many"`
 */
export async function addKey(
  deps: ProviderKeyDeps,
  manager: KeyManager,
  owner: NewKeyOwner,
  input: NewKey,
): Promise<CredentialRow> {
  const { provider, apiKey, baseUrl, ...settings } = input;
  refuseForeignBaseUrl(provider, baseUrl);
  refuseForeignKey(provider, apiKey, baseUrl);
  await refuseClosedAddress(deps, baseUrl);
  await deps.database.read(manager.tenant, (tx) => refuseTooMany(tx, owner, false));
  const verdict = await checkKey(deps.outbound, {
    provider,
    ...placeOf(deps, provider, baseUrl),
    secret: apiKey,
  });
  refuseBadKey(verdict);
  const id = uuidV7();
  const { row, version } = await deps.database.write(manager.tenant, async (tx) => {
    await refuseTooMany(tx, owner, true);
    const { masked, lastCharacters } = maskKey(apiKey);
    const sealed = deps.secretBox.seal(apiKey, credentialPlace({ id, ...owner }));
    const sealedWith = deps.secretBox.keyId;
    await insertKey(tx, {
      id,
      ...owner,
      provider,
      baseUrl,
      sealed,
      sealedWith,
      masked,
      lastCharacters,
      ...settings,
    });
    await writeCheck(tx, id, verdict);
    const row = (await findKey(tx, manager.scope, id))!;
    await audit(tx, manager.actor, "provider_key.create", row, { after: shownIn(row) });
    return { row, version: await announceKey(tx, row) };
  });
  await deps.feed.waitUntilSeen(version);
  return row;
}

export type KeyChange = Partial<KeySettings> & { status?: "active" | "disabled" | undefined };

/** Changes what is named; in force on every instance when this answers. @throws ApiError not_found, conflict */
export async function changeKey(
  deps: Pick<ProviderKeyDeps, "database" | "feed" | "secretBox">,
  manager: KeyManager,
  id: string,
  change: KeyChange,
): Promise<CredentialRow> {
  const { row, version } = await deps.database.write(manager.tenant, async (tx) => {
    const before = await requireKey(tx, manager.scope, id, { lock: true });
    if (change.status === "active") refuseUnopened(deps.secretBox, before);
    const { status = before.status, ...settings } = { ...before, ...change };
    // A key that has to be entered again stays so, whatever its owner calls it.
    await updateKey(tx, id, {
      ...settings,
      status: before.status === "needs_reentry" ? before.status : status,
    });
    const row = (await findKey(tx, manager.scope, id))!;
    await audit(tx, manager.actor, "provider_key.update", row, {
      before: shownIn(before),
      after: shownIn(row),
    });
    return { row, version: await announceKey(tx, row) };
  });
  await deps.feed.waitUntilSeen(version);
  return row;
}

/** Destroys a key; no instance uses it when this answers. May be repeated. @throws ApiError not_found */
export async function removeKey(
  deps: Pick<ProviderKeyDeps, "database" | "feed">,
  manager: KeyManager,
  id: string,
): Promise<void> {
  const version = await deps.database.write(manager.tenant, async (tx) => {
    const key = await requireKey(tx, manager.scope, id, { lock: true, destroyed: true });
    if (key.sealed !== null || key.status !== "disabled") {
      await destroyKey(tx, id);
      await audit(tx, manager.actor, "provider_key.disable", key, { before: shownIn(key) });
    }
    return announceKey(tx, key);
  });
  await deps.feed.waitUntilSeen(version);
}

/** The address that calls with the key will go to: it is checked where it is used. */
function placeOf(
  deps: Pick<ProviderKeyDeps, "upstreams" | "production">,
  provider: VendorName,
  stored: string | null,
): KeyPlace {
  return keyPlaceOf(provider, deps) ?? { baseUrl: baseUrlOf(provider, stored), door: "tenant" };
}

/** Asks the vendor again, and notes what it says. @throws ApiError not_found, conflict when the key does not open */
export async function testKey(
  deps: ProviderKeyDeps,
  manager: KeyManager,
  id: string,
): Promise<KeyVerdict & { checkedAt: string }> {
  const key = await deps.database.read(manager.tenant, (tx) => requireKey(tx, manager.scope, id));
  const secret = refuseUnopened(deps.secretBox, key);
  const provider = key.provider as VendorName;
  const verdict = await checkKey(deps.outbound, {
    provider,
    ...placeOf(deps, provider, key.baseUrl),
    secret,
  });
  const { checkedAt, version } = await deps.database.write(manager.tenant, async (tx) => {
    await requireKey(tx, manager.scope, id, { lock: true });
    const written = await writeCheck(tx, id, verdict);
    if (!written) throw noKey();
    const { ok, reason } = verdict;
    await audit(tx, manager.actor, "provider_key.validate", key, {
      metadata: { ok, ...(reason ? { reason } : {}), by: "test" },
    });
    return { checkedAt: written.at, version: await announceKey(tx, key) };
  });
  await deps.feed.waitUntilSeen(version);
  return { ...verdict, checkedAt };
}

export function noKey(): ApiError {
  return new ApiError("not_found", "There is no such key.");
}

async function requireKey(
  tx: Tx,
  scope: KeyScope,
  id: string,
  options: { lock?: boolean; destroyed?: boolean } = {},
): Promise<CredentialRow> {
  const key = await findKey(tx, scope, id, options);
  if (!key) throw noKey();
  return key;
}

async function refuseClosedAddress(deps: ProviderKeyDeps, baseUrl: string | null): Promise<void> {
  const refusal = baseUrl === null ? null : await deps.outbound.judge(baseUrl, "key");
  if (refusal) throw egressError(refusal, "base_url");
}

async function refuseTooMany(tx: Tx, owner: NewKeyOwner, alone: boolean): Promise<void> {
  if ((await countKeys(tx, owner, alone)) < mostKeys) return;
  throw new ApiError("conflict", `There are at most ${mostKeys} keys; remove one first.`, {
    details: { reason: "too_many", limit: mostKeys },
  });
}

/** Only what the vendor or the guard has said no to; a vendor that is away has said nothing. */
function refuseBadKey({ reason }: KeyVerdict): void {
  if (reason === "base_url") throw egressError({ reason: "no_public_address" }, "base_url");
  if (reason !== "key_invalid") return;
  throw new ApiError(
    "secret_validation_failed",
    "The provider does not know this key; check it and try again.",
    {
      param: "api_key",
      details: { reason },
    },
  );
}

/** @throws ApiError conflict */
function refuseUnopened(secretBox: Pick<SecretBox, "open">, key: CredentialRow): string {
  const secret = tryOpen(secretBox, key);
  if (secret !== null) return secret;
  throw new ApiError("conflict", "This key can no longer be read; remove it and enter it again.", {
    details: { reason: "needs_reentry" },
  });
}

/** Tells the memory copy of whoever the key serves. */
function announceKey(tx: Tx, key: KeyName): Promise<bigint> {
  return announce(tx, "credential", key.endUserId ?? key.appId);
}

/** What audit rows tell of a key: how it is used, never what it is. */
function shownIn(key: CredentialRow): Record<string, unknown> {
  return {
    provider: key.provider,
    masked: key.masked,
    base_url: key.baseUrl,
    status: key.status,
    models_allowed: key.modelsAllowed,
    priority: key.priority,
    weight: key.weight,
    budget_limit_usd: key.budgetLimitUsd,
    name: key.name,
    fallback_to_platform: key.fallbackToPlatform,
    disclosure_version: key.disclosureVersion,
  };
}

async function audit(
  tx: Tx,
  actor: AuditActor,
  action: `provider_key.${"create" | "update" | "disable" | "validate"}`,
  key: KeyName,
  facts: { before?: unknown; after?: unknown; metadata?: Record<string, unknown> },
): Promise<void> {
  await append(tx, {
    ...actor,
    action,
    resourceType: "provider_key",
    resourceId: key.id,
    ...whoseRow(key),
    ...facts,
    metadata: { owner_scope: key.ownerScope, ...facts.metadata },
  });
}

/** An end user's key is that user's alone: its developer reads no row of it. */
const whoseRow = (key: KeyName) => ({
  appId: key.appId,
  developerId: key.endUserId === null ? key.developerId : null,
});

const findingActions = {
  open_failed: "provider_key.open_failed",
  refused: "provider_key.validate",
  used: "provider_key.use",
} as const satisfies Record<KeyFinding, string>;

/**
 * What the service itself found out about a key: it does not open, its vendor refused it while it served, or it was used for
 * the first time on a day.
 */
export async function recordKeyFinding(tx: Tx, finding: KeyFinding, key: KeyName): Promise<void> {
  await append(tx, {
    actorScope: "system",
    action: findingActions[finding],
    resourceType: "provider_key",
    resourceId: key.id,
    ...whoseRow(key),
    metadata: {
      owner_scope: key.ownerScope,
      ...(finding === "refused" ? { ok: false, reason: "key_invalid", by: "traffic" } : {}),
    },
  });
}
