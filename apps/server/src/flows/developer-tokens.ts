import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, newToken, uuidV7 } from "../lib/ids.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type DeveloperCaller,
  type DeveloperTokenItem,
  insertDeveloperToken,
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
  const [row] = await tx<{ now: Date }[]>`select mf_now() as now`;
  const lifeMs = expiresAt.getTime() - row!.now.getTime();
  if (lifeMs > 0 && lifeMs <= longestLifeMs) return expiresAt;
  throw new ApiError("invalid_request", "expires_at must lie in the future, at most 730 days from now.", {
    param: "expires_at",
  });
}
