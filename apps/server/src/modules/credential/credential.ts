import type { ChangeFeed } from "../../lib/change-feed.ts";
import { announce } from "../../lib/change-feed.ts";
import { applySettings, type Database, type Tx } from "../../lib/db.ts";
import type { Usd } from "../../lib/money.ts";
import { type SecretBox, SecretOpenError, type SecretPlace } from "../../lib/secret-box.ts";
import {
  type CredentialRow,
  type CredentialStatus,
  markRefused,
  markUnopened,
  readKeysInUse,
  tenantOfKey,
  type UnnamedKey,
  writeLastUse,
} from "./store.ts";
import { baseUrlOf, extraHeadersOf, type VendorName, vendors } from "./vendors.ts";

export { byokDisclosureVersion, coversDisclosure, localDisclosureVersion } from "./disclosure.ts";
export {
  askForAgain,
  countKeys,
  destroyKey,
  destroyUnopened,
  findKey,
  insertKey,
  type KeyScope,
  type KeySettings,
  listKeys,
  updateKey,
  writeCheck,
} from "./manage-store.ts";
export type { CredentialRow, CredentialStatus, KeyCheck } from "./store.ts";
export {
  baseUrlOf,
  isVendorName,
  refuseForeignBaseUrl,
  refuseForeignKey,
  type Vendor,
  type VendorName,
  vendorNames,
  vendors,
} from "./vendors.ts";

/** A provider key of a developer or of an end user, opened in memory alone. */
export type Credential = {
  id: string;
  ownerScope: "developer" | "end_user";
  appId: string;
  developerId: string;
  endUserId: string | null;
  provider: VendorName;
  /** The vendor's own, or the row's; with `/v1` or what it wants instead, no slash at the end. */
  baseUrl: string;
  dialect: "openai" | "anthropic";
  /** `null`: it does not open, and has to be entered again. */
  secret: string | null;
  masked: string;
  modelsAllowed: readonly string[] | null;
  priority: number;
  weight: number;
  budgetLimitUsd: Usd | null;
  fallbackToPlatform: boolean;
  disclosureVersion: string | null;
  status: CredentialStatus;
  createdAt: Date;
  /** Beside the bearer token. */
  extraHeaders?: Readonly<Record<string, string>>;
};

export type Credentials = {
  /** Of one end user, in the order in which they are tried; whatever their status. */
  ofUser(appId: string, endUserId: string): Promise<readonly Credential[]>;
  /** Of the app's developer. */
  ofApp(appId: string): Promise<readonly Credential[]>;
  /** Notes that a key served; written at most once a minute, and never waited for. */
  used(credential: KeyName, atMs: number): void;
  /** The vendor said that there is no such key: it is not tried again until its owner says so. Never waited for. */
  refused(credential: KeyName): void;
  /** The status to show: what does not open is asked for again, now and in its row. */
  statusOf(row: CredentialRow): CredentialStatus;
  /** Writes what is still to be written. */
  stop(): Promise<void>;
};

/** Where a key is sealed to: a value that is moved to another row, or to another owner, does not open. */
export function credentialPlace(
  key: Pick<CredentialRow, "id" | "appId" | "developerId" | "endUserId">,
): SecretPlace {
  const owner =
    key.endUserId === null
      ? `developer:${key.appId}:${key.developerId}`
      : `end_user:${key.appId}:${key.endUserId}`;
  return { table: "provider_credentials", column: "sealed_secret", rowId: key.id, owner };
}

export type CredentialDeps = {
  database: Pick<Database, "read" | "write">;
  feed: Pick<ChangeFeed, "on">;
  secretBox: Pick<SecretBox, "open">;
  /** Writes the audit row of what the service itself found out about a key. */
  record: (tx: Tx, finding: KeyFinding, key: KeyName) => Promise<void>;
  onError: (error: unknown) => void;
  maxOwners?: number;
};

export type KeyName = Pick<CredentialRow, "id" | "ownerScope" | "appId" | "developerId" | "endUserId">;
/** It does not open, or its vendor does not know it. */
/** `used`: for the first time on a day (UTC). */
export type KeyFinding = "open_failed" | "refused" | "used";

const mostOwners = 20_000;
const mostPending = 1_000;
const usedEveryMs = 60_000;
const flushAfterMs = 1_000;

type Reading = { promise: Promise<readonly Credential[]>; outdated: boolean };

/** Keys in memory by their user or app, forgotten the moment the change feed names it. */
export function createCredentials(deps: CredentialDeps): Credentials {
  const maxOwners = deps.maxOwners ?? mostOwners;
  // An end user's id and an app's are never the same: both are UUIDs.
  const known = new Map<string, readonly Credential[]>();
  const readings = new Map<string, Reading>();
  const uses = createUses(deps);

  deps.feed.on("credential", (ownerId) => {
    known.delete(ownerId);
    const reading = readings.get(ownerId);
    if (reading) reading.outdated = true;
    // A read on its way may have seen the time before this change: whoever asks from now on reads again.
    readings.delete(ownerId);
  });

  const read = (ownerId: string, owner: { appId: string; endUserId: string | null }) => {
    const running = readings.get(ownerId);
    if (running) return running.promise;
    const reading: Reading = { promise: Promise.resolve([]), outdated: false };
    reading.promise = deps.database
      .read({ purpose: "cache" }, (tx) => readKeysInUse(tx, owner))
      .then((rows) => {
        const keys = rows.map((row) => opened(deps, row));
        while (known.size >= maxOwners) known.delete(known.keys().next().value!);
        if (!reading.outdated) known.set(ownerId, keys);
        return keys;
      })
      .finally(() => {
        if (readings.get(ownerId) === reading) readings.delete(ownerId);
      });
    readings.set(ownerId, reading);
    return reading.promise;
  };
  const find = async (ownerId: string, owner: { appId: string; endUserId: string | null }) => {
    const keys = known.get(ownerId);
    if (!keys) return read(ownerId, owner);
    known.delete(ownerId);
    known.set(ownerId, keys);
    return keys;
  };
  return {
    ofUser: (appId, endUserId) => find(endUserId, { appId, endUserId }),
    ofApp: (appId) => find(appId, { appId, endUserId: null }),
    used: uses.note,
    refused: (key) => void refuse(deps, key).catch(deps.onError),
    statusOf: (row) => opened(deps, row).status,
    stop: uses.flush,
  };
}

function opened(deps: CredentialDeps, row: UnnamedKey): Credential {
  const provider = row.provider as VendorName;
  const secret = isTried(row) ? tryOpen(deps.secretBox, row) : null;
  if (isTried(row) && secret === null) void askAgain(deps, row).catch(deps.onError);
  const { sealed, baseUrl, name, lastUsedAt, lastCheck, ...facts } = row;
  const extraHeaders = secret === null ? undefined : extraHeadersOf(provider, secret);
  return {
    ...facts,
    provider,
    baseUrl: baseUrlOf(provider, baseUrl),
    dialect: vendors[provider].dialect,
    secret,
    status: isTried(row) && secret === null ? "needs_reentry" : row.status,
    ...(extraHeaders ? { extraHeaders } : {}),
  };
}

/** What is switched off, or has been asked for again already, is not opened: that would only be counted as a failure. */
function isTried(row: Pick<CredentialRow, "sealed" | "status">): boolean {
  return row.sealed !== null && (row.status === "active" || row.status === "invalid");
}

/** `null` when it does not open. */
export function tryOpen(
  secretBox: Pick<SecretBox, "open">,
  row: Pick<CredentialRow, "id" | "appId" | "developerId" | "endUserId" | "sealed">,
): string | null {
  if (row.sealed === null) return null;
  try {
    return secretBox.open(row.sealed, credentialPlace(row));
  } catch (error) {
    if (!(error instanceof SecretOpenError)) throw error;
    return null;
  }
}

/** The row says from now on what its owner has to do. The value stays where it is until somebody takes it away. */
async function askAgain(deps: CredentialDeps, row: UnnamedKey): Promise<void> {
  await deps.database.write({ ...tenantOfKey(row), purpose: "auth" }, async (tx) => {
    if (!(await markUnopened(tx, row.id, row.sealed!))) return;
    await deps.record(tx, "open_failed", row);
    await announce(tx, "credential", row.endUserId ?? row.appId);
  });
}

async function refuse(deps: CredentialDeps, key: KeyName): Promise<void> {
  await deps.database.write({ ...tenantOfKey(key), purpose: "auth" }, async (tx) => {
    // Of many requests that failed together the first one says it.
    if (!(await markRefused(tx, key.id))) return;
    await deps.record(tx, "refused", key);
    await announce(tx, "credential", key.endUserId ?? key.appId);
  });
}

/** When keys were used, gathered for a second and written together: one commit, each row as its own tenant. */
function createUses(deps: CredentialDeps) {
  const pending = new Map<string, { key: KeyName; atMs: number }>();
  const writtenAt = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  const flush = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const batch = [...pending.values()].sort((a, b) => (a.key.id < b.key.id ? -1 : 1));
    pending.clear();
    if (batch.length === 0) return;
    await deps.database
      .write({}, async (tx) => {
        for (const { key, atMs } of batch) {
          await applySettings(tx, { ...tenantOfKey(key), purpose: "auth" });
          if (await writeLastUse(tx, key.id, atMs)) await deps.record(tx, "used", key);
        }
      })
      .catch(deps.onError);
  };
  return {
    flush,
    note: (key: KeyName, atMs: number): void => {
      if (atMs - (writtenAt.get(key.id) ?? Number.NEGATIVE_INFINITY) < usedEveryMs) return;
      // A figure for people: what does not fit is noted with the next call.
      if (pending.size >= mostPending) return;
      if (writtenAt.size >= mostOwners) writtenAt.clear();
      writtenAt.set(key.id, atMs);
      pending.set(key.id, { key, atMs });
      timer ??= setTimeout(flush, flushAfterMs).unref();
    },
  };
}
