import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type BaseUrlRefusal,
  type Dialect,
  destroyKey,
  insertKey,
  lockStoredKey,
  lockStoredProvider,
  maskKey,
  type ProviderView,
  providerKeyPlace,
  readProviderViews,
  readStoredKeys,
  refusalOfBaseUrl,
  type Upstreams,
  upsertProvider,
} from "../modules/routing/routing.ts";

export type ProviderDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  secretBox: Pick<SecretBox, "seal" | "keyId">;
  upstreams: Pick<Upstreams, "configured">;
  production: boolean;
};

export type ReplaceProviderInput = {
  provider: string;
  baseUrl: string;
  dialect: Dialect;
  priority: number;
  weight: number;
  reason: string;
};

const mostKeys = 20;

/** Makes or replaces an upstream; used by every instance when this answers. @throws ApiError base_url_not_allowed */
export async function replaceProvider(
  deps: ProviderDeps,
  actor: AuditActor,
  input: ReplaceProviderInput,
): Promise<ProviderView> {
  if (!/^[a-z0-9_.-]{1,64}$/.test(input.provider)) {
    throw new ApiError("invalid_request", "An upstream's name has lower-case letters only.", {
      param: "provider",
    });
  }
  refuseBaseUrl(input.baseUrl, deps.production);
  const { provider, reason, ...facts } = input;
  return change(deps, provider, async (tx) => {
    const before = await lockStoredProvider(tx, provider);
    await upsertProvider(tx, { name: provider, ...facts });
    await append(tx, {
      ...actor,
      action: before ? "provider.update" : "provider.create",
      resourceType: "provider",
      resourceId: provider,
      reason,
      ...(before ? { before } : {}),
      after: await lockStoredProvider(tx, provider),
    });
  });
}

/**
 * Seals a key for an upstream; used by every instance when this answers. The environment's keys of that upstream rest
 * while there is a stored one.
 * @throws ApiError not_found, conflict with `details.reason: "too_many"`
 */
export async function addProviderKey(
  deps: ProviderDeps,
  actor: AuditActor,
  input: { provider: string; apiKey: string; reason: string },
): Promise<ProviderView> {
  const { provider } = input;
  return change(deps, provider, async (tx) => {
    const row = await lockStoredProvider(tx, provider);
    if (!row && !deps.upstreams.configured().some(({ name }) => name === provider)) throw unknownProvider();
    if ((await readStoredKeys(tx, provider)).length >= mostKeys) {
      throw new ApiError("conflict", `An upstream has at most ${mostKeys} keys; remove one first.`, {
        details: { reason: "too_many", limit: mostKeys },
      });
    }
    const id = uuidV7();
    const { masked, lastCharacters } = maskKey(input.apiKey);
    const sealed = deps.secretBox.seal(input.apiKey, providerKeyPlace(id));
    const sealedWith = deps.secretBox.keyId;
    await insertKey(tx, { id, provider, sealed, sealedWith, masked, lastFour: lastCharacters });
    await auditKey(tx, actor, "provider_key.create", { id, provider, masked }, input.reason);
  });
}

/** Destroys a key; no instance uses it when this answers. May be repeated. @throws ApiError not_found */
export async function removeProviderKey(
  deps: Pick<ProviderDeps, "database" | "feed">,
  actor: AuditActor,
  input: { provider: string; id: string; reason: string },
): Promise<void> {
  const version = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const key = await lockStoredKey(tx, input.provider, input.id);
    if (!key) throw new ApiError("not_found", "This upstream has no such key.");
    if (key.status !== "disabled") {
      await destroyKey(tx, key.id);
      await auditKey(tx, actor, "provider_key.disable", key, input.reason);
    }
    return announce(tx, "provider", input.provider);
  });
  await deps.feed.waitUntilSeen(version);
}

export function unknownProvider(): ApiError {
  return new ApiError("not_found", "There is no such upstream; make it with PUT first.");
}

async function change(
  deps: ProviderDeps,
  provider: string,
  work: (tx: Tx) => Promise<void>,
): Promise<ProviderView> {
  const { view, version } = await deps.database.write({ purpose: "operator" }, async (tx) => {
    await work(tx);
    const [view] = await readProviderViews(tx, deps.upstreams.configured(), provider);
    return { view: view!, version: await announce(tx, "provider", provider) };
  });
  await deps.feed.waitUntilSeen(version);
  return view;
}

const refusals: Record<BaseUrlRefusal, string> = {
  malformed: "`base_url` must be a plain http or https URL without credentials, query or fragment.",
  not_https: "`base_url` must be https; http is for loopback outside production.",
  loopback: "`base_url` must not be this machine itself in production.",
  special_address: "`base_url` is an address at which no provider can live.",
};

function refuseBaseUrl(baseUrl: string, production: boolean): void {
  const refusal = refusalOfBaseUrl(baseUrl, production);
  if (refusal === null) return;
  throw new ApiError("base_url_not_allowed", refusals[refusal], {
    param: "base_url",
    details: { reason: refusal },
  });
}

async function auditKey(
  tx: Tx,
  actor: AuditActor,
  action: "provider_key.create" | "provider_key.disable",
  key: { id: string; provider: string; masked: string },
  reason: string,
): Promise<void> {
  const shown = { provider: key.provider, masked: key.masked };
  await append(tx, {
    ...actor,
    action,
    resourceType: "provider_key",
    resourceId: key.id,
    reason,
    ...(action === "provider_key.create" ? { after: shown } : { before: shown }),
  });
}
