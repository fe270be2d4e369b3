import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { announce, type ChangeKind } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { hashToken, isWellFormedToken, uuidV7 } from "../lib/ids.ts";
import type { SecretBox, SecretPlace } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type EndedSecret,
  endConsoleSessionByHash,
  endDeveloperTokenByHash,
  endOperatorTokenByHash,
  endSessionOfToken,
  networkOf,
  useUpLink,
} from "../modules/identity/identity.ts";
import type { RateLimiter } from "../modules/rate/rate.ts";
import {
  findAppsBySecretPrefix,
  forgetIdentitySecret,
  forgetPreviousSecret,
  readAppKeys,
} from "../modules/tenancy/tenancy.ts";
import { identityKeyPlace, previousIdentityKeyPlace, shownPrefixLength } from "./apps.ts";

export type LeakDeps = {
  database: Pick<Database, "write">;
  secretBox: Pick<SecretBox, "open">;
  rates: Pick<RateLimiter, "take">;
  /** SHA-256 of the environment's secrets, by variable. */
  secretDigests: readonly { name: string; digest: string }[];
  onError(error: unknown): void;
};

const reportsPerMinute = 30;
/** Answers leave at the ends of such steps, so that neither what is known nor what was done shows in their time. */
const stepMs = 250;

/**
 * Ends whatever that token or secret opens, tells its owner, and says nothing of it to who reports it. A secret of the
 * environment is nobody's to end here: it raises the alert alone.
 * @throws ApiError rate_limited
 */
export async function revokeLeaked(
  deps: LeakDeps,
  actor: AuditActor,
  report: { token: string; foundAt?: string | undefined; address: string },
): Promise<void> {
  const key = `token-reports:${networkOf(report.address)}`;
  const limit = { limit: reportsPerMinute, windowMs: 60_000, cost: 1 };
  await deps.rates.take([{ ...limit, key, measure: "requests", level: "address" }], uuidV7());
  await inEvenTime(() => endAndTell(deps, actor, report.token.trim(), report.foundAt));
}

async function inEvenTime(work: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  try {
    await work();
  } finally {
    const took = performance.now() - startedAt;
    await delay(Math.ceil((took + 1) / stepMs) * stepMs - took);
  }
}

/** What was ended, as its audit row tells it. */
type Ended = EndedSecret & {
  action: string;
  resourceType: string;
  resourceId: string;
  announces: [kind: ChangeKind, target: string] | null;
};

async function endAndTell(
  deps: LeakDeps,
  actor: AuditActor,
  token: string,
  foundAt: string | undefined,
): Promise<void> {
  const variable = variableOf(deps.secretDigests, token);
  const end = variable === null ? enderOf(deps, token) : null;
  if (variable === null && end === null) return;
  await deps.database.write({ purpose: "operator" }, async (tx) => {
    const ended = end === null ? environmentSecret(variable!) : await end(tx);
    if (ended === null) return;
    const { action, resourceType, resourceId, appId, developerId, name, announces } = ended;
    await append(tx, {
      ...actor,
      action,
      resourceType,
      resourceId,
      appId,
      developerId,
      reason: "reported as leaked",
      metadata: {
        leaked: true,
        ...(name === null ? {} : { name }),
        ...(foundAt === undefined ? {} : { found_at: foundAt }),
      },
    });
    if (announces !== null) await announce(tx, ...announces);
  });
}

/** All are compared, whichever matches, so that the time tells nothing. */
function variableOf(known: LeakDeps["secretDigests"], token: string): string | null {
  const digest = createHash("sha256").update(token).digest();
  let variable: string | null = null;
  for (const secret of known) {
    if (timingSafeEqual(Buffer.from(secret.digest, "hex"), digest)) variable ??= secret.name;
  }
  return variable;
}

function environmentSecret(name: string): Ended {
  const nobodys = { id: name, appId: null, developerId: null, name: null, announces: null };
  return {
    ...nobodys,
    action: "environment_secret.leak",
    resourceType: "environment_secret",
    resourceId: name,
  };
}

type Ender = (tx: Tx) => Promise<Ended | null>;

/** Who ends a token of that form; `null` where its checksum is wrong, or it is none of ours. */
function enderOf(deps: LeakDeps, token: string): Ender | null {
  const hash = hashToken(token);
  const ended = (
    found: EndedSecret | null,
    resourceType: string,
    kind: ChangeKind | null,
    action = `${resourceType}.revoke`,
  ): Ended | null =>
    found && { ...found, action, resourceType, resourceId: found.id, announces: kind && [kind, found.id] };
  if (isWellFormedToken(token, "mf_sess_")) {
    return async (tx) => ended(await endSessionOfToken(tx, hash), "session", "session");
  }
  if (isWellFormedToken(token, "mf_dev_")) {
    return async (tx) => ended(await endDeveloperTokenByHash(tx, hash), "developer_token", "token");
  }
  if (isWellFormedToken(token, "mf_admin_")) {
    return async (tx) => ended(await endOperatorTokenByHash(tx, hash), "operator_token", "operator_token");
  }
  if (isWellFormedToken(token, "mf_cons_")) {
    return async (tx) => ended(await endConsoleSessionByHash(tx, hash), "console_session", null);
  }
  if (isWellFormedToken(token, "mf_link_")) {
    return async (tx) => ended(await useUpLink(tx, hash), "sign_in_link", null);
  }
  if (isWellFormedToken(token, "mf_idsec_")) return (tx) => endIdentitySecret(deps, tx, token);
  return null;
}

/** An app's secret is sealed, not hashed: the few that begin alike are opened and compared. */
async function endIdentitySecret(deps: LeakDeps, tx: Tx, token: string): Promise<Ended | null> {
  for (const app of await findAppsBySecretPrefix(tx, token.slice(0, shownPrefixLength))) {
    const keys = await readAppKeys(tx, app.id);
    const isIt = (sealed: string | null, place: SecretPlace) =>
      sealed !== null && opensTo(deps, sealed, place, token);
    const isCurrent = isIt(keys.identityKey, identityKeyPlace(app.id, app.developerId));
    const isPrevious = isIt(keys.previousIdentityKey, previousIdentityKeyPlace(app.id, app.developerId));
    if (!isCurrent && !isPrevious) continue;
    // The one that is not leaked goes on: the app's users are not shut out by a secret that was replaced already.
    await (isCurrent ? forgetIdentitySecret(tx, app.id) : forgetPreviousSecret(tx, app.id));
    return {
      id: app.id,
      appId: app.id,
      developerId: app.developerId,
      name: app.publicAppId,
      action: "app.identity_secret_revoke",
      resourceType: "app",
      resourceId: app.publicAppId,
      announces: ["app", app.id],
    };
  }
  return null;
}

function opensTo(deps: LeakDeps, sealed: string, place: SecretPlace, token: string): boolean {
  try {
    const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
    return timingSafeEqual(digest(deps.secretBox.open(sealed, place)), digest(token));
  } catch (error) {
    deps.onError(error);
    return false;
  }
}
