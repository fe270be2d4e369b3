import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import { type Database, isUniqueViolation, type Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, newToken, uuidV7 } from "../lib/ids.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type DeveloperCaller,
  type DeveloperTokenItem,
  endDeveloperTokenIn,
  insertDeveloperToken,
  lockDeveloperToken,
  readDeveloperTokenItem,
  revokeDeveloperToken as revokeToken,
} from "../modules/identity/identity.ts";
import { developerFor, requireApp, tenantOf } from "./developers-calling.ts";

type Deps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };

export type CreateTokenInput = {
  name: string;
  scopes?: readonly string[] | undefined;
  publicAppIds?: readonly string[] | undefined;
  modelsAllowed?: readonly string[] | undefined;
  expiresAt?: string | undefined;
  developerId?: string | undefined;
  developerEmail?: string | undefined;
};

const longestLifeMs = 730 * 86_400_000;
const prefixCharacters = 15;

/**
 * Makes a developer token that holds nothing its creator lacks. `defaultScopes` are the contract's.
 * @throws ApiError forbidden with `details.reason: "scope_escalation"`, not_found for a foreign developer
 */
export async function createDeveloperToken(
  deps: Deps & { defaultScopes: readonly string[] },
  caller: DeveloperCaller,
  actor: AuditActor,
  input: CreateTokenInput,
): Promise<{ token: string; item: DeveloperTokenItem }> {
  const held: ReadonlySet<string> = caller.scopes;
  const scopes = input.scopes ?? deps.defaultScopes.filter((scope) => held.has(scope));
  const missing = scopes.filter((scope) => !held.has(scope));
  if (missing.length > 0) throw escalation("scopes", `the scope ${missing[0]}`);
  const publicAppIds = within("public_app_ids", input.publicAppIds, caller.publicAppIds);
  const modelsAllowed = within("models_allowed", input.modelsAllowed, caller.modelsAllowed);
  const token = newToken("mf_dev_");
  const id = uuidV7();
  const item = await deps.database.write(tenantOf(caller), async (tx) => {
    const developer = await developerFor(tx, caller, input);
    for (const publicAppId of publicAppIds ?? []) {
      const app = await requireApp(tx, caller, publicAppId);
      if (app.developerId !== developer.id) throw new ApiError("not_found", "There is no such developer.");
    }
    await insertDeveloperToken(tx, {
      id,
      developerId: developer.id,
      name: input.name,
      tokenHash: hashToken(token),
      tokenPrefix: token.slice(0, prefixCharacters),
      scopes: [...new Set(scopes)],
      publicAppIds,
      modelsAllowed,
      createdBy: caller.tokenId,
      expiresAt: await readExpiry(tx, input.expiresAt),
    });
    const made = (await readDeveloperTokenItem(tx, id))!;
    await append(tx, {
      ...actor,
      action: "developer_token.create",
      resourceType: "developer_token",
      resourceId: id,
      developerId: developer.id,
      after: made,
    });
    return made;
  });
  return { token, item };
}

/** Dead on every instance when this answers; may be repeated. @throws ApiError not_found */
export async function revokeDeveloperToken(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  id: string,
): Promise<void> {
  const version = await deps.database.write(tenantOf(caller), async (tx) => {
    const item = await readDeveloperTokenItem(tx, id);
    if (!item) throw new ApiError("not_found", "There is no such token.");
    if (!(await revokeToken(tx, id))) return null;
    await append(tx, {
      ...actor,
      action: "developer_token.revoke",
      resourceType: "developer_token",
      resourceId: id,
      developerId: item.developerId,
      metadata: { name: item.name, token_prefix: item.tokenPrefix },
    });
    return announce(tx, "token", id);
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
}

/**
 * Gives a token a successor with the same name, scopes and apps, and as long a life from now on; the old one holds for
 * `overlapSeconds` more, 0 ends it. Who rotates must hold everything that the token holds.
 * @throws ApiError not_found, forbidden with `details.reason: "scope_escalation"`, conflict
 */
export async function rotateDeveloperToken(
  deps: Deps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { id: string; overlapSeconds: number },
): Promise<{ token: string; item: DeveloperTokenItem }> {
  const token = newToken("mf_dev_");
  const id = uuidV7();
  const { item, version } = await deps.database
    .write(tenantOf(caller), async (tx) => {
      const old = await lockDeveloperToken(tx, input.id);
      if (!old) throw new ApiError("not_found", "There is no such token.");
      refuseEnded(old.status);
      const lacking = old.scopes.find((scope) => !(caller.scopes as ReadonlySet<string>).has(scope));
      if (lacking !== undefined) throw escalation("id", `the scope ${lacking}`);
      refuseWider("public_app_ids", old.publicAppIds, caller.publicAppIds);
      refuseWider("models_allowed", old.modelsAllowed, caller.modelsAllowed);
      await insertDeveloperToken(tx, {
        ...old,
        id,
        tokenHash: hashToken(token),
        tokenPrefix: token.slice(0, prefixCharacters),
        createdBy: caller.tokenId,
        rotatedFrom: old.id,
        expiresAt: new Date((await nowOf(tx)) + old.expiresAt.getTime() - old.createdAt.getTime()),
      });
      await endDeveloperTokenIn(tx, old.id, input.overlapSeconds);
      const made = (await readDeveloperTokenItem(tx, id))!;
      await append(tx, {
        ...actor,
        action: "developer_token.rotate",
        resourceType: "developer_token",
        resourceId: id,
        developerId: old.developerId,
        after: made,
        metadata: { rotated_from: old.id, overlap_seconds: input.overlapSeconds },
      });
      return { item: made, version: await announce(tx, "token", old.id) };
    })
    .catch((error: unknown) => {
      throw isUniqueViolation(error, "developer_api_tokens_rotated") ? alreadyRotated() : error;
    });
  await deps.feed.waitUntilSeen(version);
  return { token, item };
}

/** @throws ApiError conflict */
export function refuseEnded(status: "active" | "expired" | "revoked"): void {
  if (status === "active") return;
  throw new ApiError("conflict", `This token is ${status}; make a new one instead.`, {
    details: { reason: status },
  });
}

export function alreadyRotated(): ApiError {
  return new ApiError("conflict", "This token was rotated before; rotate its successor, or make a new one.", {
    details: { reason: "rotated" },
  });
}

/** What a token is kept to must not be wider than what its rotator is kept to. */
function refuseWider(param: string, held: readonly string[] | null, allowed: readonly string[] | null): void {
  if (allowed === null) return;
  const outside = held === null ? "everything" : held.find((word) => !allowed.includes(word));
  if (outside !== undefined) throw escalation(param, outside);
}

/** What is asked for must lie within what the creator has; what is not asked for is what the creator has. */
function within(
  param: string,
  asked: readonly string[] | undefined,
  held: readonly string[] | null,
): readonly string[] | null {
  if (asked === undefined) return held;
  const outside = held === null ? undefined : asked.find((word) => !held.includes(word));
  if (outside !== undefined) throw escalation(param, outside);
  return asked;
}

function escalation(param: string, what: string): ApiError {
  return new ApiError("forbidden", `A token cannot give what it lacks itself: ${what}.`, {
    param,
    details: { reason: "scope_escalation" },
  });
}

/** Judged by the database's clock, as every expiry. */
async function readExpiry(tx: Tx, text: string | undefined): Promise<Date | null> {
  if (text === undefined) return null;
  const expiresAt = new Date(text);
  const lifeMs = expiresAt.getTime() - (await nowOf(tx));
  if (lifeMs > 0 && lifeMs <= longestLifeMs) return expiresAt;
  throw new ApiError("invalid_request", "expires_at must lie in the future, at most 730 days from now.", {
    param: "expires_at",
  });
}

async function nowOf(tx: Tx): Promise<number> {
  const [row] = await tx<{ now: Date }[]>`select mf_now() as now`;
  return row!.now.getTime();
}
