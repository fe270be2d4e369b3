import type { OperatorScope } from "@modelfaucet/contract/scopes.ts";
import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import { type Database, isUniqueViolation, type Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, newToken, uuidV7 } from "../lib/ids.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  endOperatorTokenIn,
  insertOperatorToken,
  isLastSecurityToken,
  lockOperatorToken,
  type Operator,
  type OperatorRole,
  type OperatorTokenItem,
  readOperatorByEmail,
  readOperatorTokenItem,
  revokeOperatorToken as revokeToken,
  suspendedOperator,
} from "../modules/identity/identity.ts";
import { makeOperator } from "./console-links.ts";
import { alreadyRotated, refuseEnded } from "./developer-tokens.ts";

/** Who does it, and why where they say so. */
type ActorWithReason = AuditActor & { reason?: string | undefined };
type Deps = { database: Pick<Database, "write">; feed: Pick<ChangeFeed, "waitUntilSeen"> };

export type CreateOperatorTokenInput = {
  name: string;
  /** The person: whoever it is for acts under this name, and two tokens of it are one person. */
  email: string;
  scopes: readonly OperatorScope[];
  role: OperatorRole | null;
  /** Absent: after `lifeDays`. */
  expiresAt?: string | undefined;
  /** Absent: 30. */
  lifeDays?: number | undefined;
  reason?: string | undefined;
};

/** A token, told once, with everything that may be shown of it. */
export type MadeOperatorToken = { token: string; item: OperatorTokenItem };

const dayMs = 86_400_000;
const usualLifeDays = 30;
const longestLifeMs = 90 * dayMs;
const prefixCharacters = 15;
const operating = { purpose: "operator" } as const;

/**
 * Makes a named operator token that holds nothing its creator lacks. A person who is not known yet is made, with the token's
 * scopes. @throws ApiError forbidden with `details.reason: "scope_escalation"`, suspended, conflict for a closed person
 */
export async function createOperatorToken(
  deps: Deps,
  creator: { person: string; scopes: ReadonlySet<OperatorScope> },
  actor: AuditActor,
  input: CreateOperatorTokenInput,
): Promise<MadeOperatorToken> {
  refuseEscalation(creator.scopes, input.scopes);
  return deps.database.write(operating, async (tx) => {
    const operator = await operatorFor(tx, actor, input);
    const made = await writeToken(tx, {
      operatorId: operator.id,
      name: input.name,
      scopes: [...new Set(input.scopes)],
      role: input.role,
      createdBy: creator.person,
      rotatedFrom: null,
      expiresAt: await expiryOf(tx, input),
    });
    await appendMade(tx, { ...actor, reason: input.reason }, "operator_token.create", made.item, {});
    return made;
  });
}

/**
 * Gives a token a successor with the same person, name and scopes, and as long a life from now on; the old one holds for
 * `overlapSeconds` more, 0 ends it. @throws ApiError not_found, forbidden with `details.reason: "scope_escalation"`, conflict
 */
export async function rotateOperatorToken(
  deps: Deps,
  creator: { person: string; scopes: ReadonlySet<OperatorScope> },
  actor: AuditActor,
  input: { id: string; overlapSeconds: number },
): Promise<MadeOperatorToken> {
  const { made, version } = await deps.database
    .write(operating, async (tx) => {
      const old = await requireToken(tx, input.id);
      refuseEnded(old.status);
      refuseEscalation(creator.scopes, old.scopes);
      const lifeMs = Math.min(old.expiresAt.getTime() - old.createdAt.getTime(), longestLifeMs);
      const made = await writeToken(tx, {
        ...old,
        createdBy: creator.person,
        rotatedFrom: old.id,
        expiresAt: new Date((await nowOf(tx)) + lifeMs),
      });
      await endOperatorTokenIn(tx, old.id, input.overlapSeconds);
      const metadata = { rotated_from: old.id, overlap_seconds: input.overlapSeconds };
      await appendMade(tx, actor, "operator_token.rotate", made.item, metadata);
      return { made, version: await announce(tx, "operator_token", old.id) };
    })
    .catch((error: unknown) => {
      throw isUniqueViolation(error, "operator_tokens_rotated") ? alreadyRotated() : error;
    });
  await deps.feed.waitUntilSeen(version);
  return made;
}

/**
 * Dead on every instance when this answers; may be repeated. The last token that could make others stays.
 * @throws ApiError not_found, conflict
 */
export async function revokeOperatorToken(deps: Deps, actor: ActorWithReason, id: string): Promise<void> {
  const version = await deps.database.write(operating, async (tx) => {
    // Asked first, because it locks in an order of its own.
    const isLast = await isLastSecurityToken(tx, id);
    const item = await requireToken(tx, id);
    if (item.status !== "active") return null;
    if (isLast) {
      throw new ApiError(
        "conflict",
        "This is the last token with operator:security; make another one first, so that somebody can still revoke.",
        { details: { reason: "last_security_holder" } },
      );
    }
    await revokeToken(tx, id);
    await append(tx, {
      ...withReason(actor),
      action: "operator_token.revoke",
      resourceType: "operator_token",
      resourceId: id,
      metadata: { name: item.name, email: item.email, token_prefix: item.tokenPrefix },
    });
    return announce(tx, "operator_token", id);
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
}

function refuseEscalation(held: ReadonlySet<OperatorScope>, asked: readonly OperatorScope[]): void {
  // Every operator scope includes reading.
  const missing = asked.find((scope) => !held.has(scope) && scope !== "operator:read");
  if (missing === undefined) return;
  throw new ApiError("forbidden", `A token cannot give what it lacks itself: the scope ${missing}.`, {
    param: "scopes",
    details: { reason: "scope_escalation" },
  });
}

async function operatorFor(tx: Tx, actor: AuditActor, input: CreateOperatorTokenInput): Promise<Operator> {
  const known = await readOperatorByEmail(tx, input.email);
  if (known) {
    if (known.status === "suspended") throw suspendedOperator();
    if (known.status === "active") return known;
    throw new ApiError("conflict", "This operator is closed; name another person.", {
      param: "email",
      details: { reason: "closed" },
    });
  }
  return makeOperator(tx, actor, input.email, [...new Set(input.scopes)]);
}

async function requireToken(tx: Tx, id: string): Promise<OperatorTokenItem> {
  const item = await lockOperatorToken(tx, id);
  if (!item) throw new ApiError("not_found", "There is no such token.");
  return item;
}

async function writeToken(
  tx: Tx,
  facts: Omit<Parameters<typeof insertOperatorToken>[1], "id" | "tokenHash" | "tokenPrefix">,
): Promise<MadeOperatorToken> {
  const token = newToken("mf_admin_");
  const id = uuidV7();
  await insertOperatorToken(tx, {
    ...facts,
    id,
    tokenHash: hashToken(token),
    tokenPrefix: token.slice(0, prefixCharacters),
  });
  return { token, item: (await readOperatorTokenItem(tx, id))! };
}

async function appendMade(
  tx: Tx,
  actor: ActorWithReason,
  action: string,
  item: OperatorTokenItem,
  metadata: Record<string, unknown>,
): Promise<void> {
  const resource = { resourceType: "operator_token", resourceId: item.id };
  await append(tx, { ...withReason(actor), ...resource, action, after: item, metadata });
}

function withReason({ reason, ...actor }: ActorWithReason) {
  return { ...actor, reason: reason ?? null };
}

/** Judged by the database's clock, as every expiry. */
async function expiryOf(
  tx: Tx,
  { expiresAt: text, lifeDays = usualLifeDays }: CreateOperatorTokenInput,
): Promise<Date> {
  const now = await nowOf(tx);
  const expiresAt = text === undefined ? new Date(now + lifeDays * dayMs) : new Date(text);
  const lifeMs = expiresAt.getTime() - now;
  if (lifeMs > 0 && lifeMs <= longestLifeMs) return expiresAt;
  throw new ApiError("invalid_request", "expires_at must lie in the future, at most 90 days from now.", {
    param: "expires_at",
  });
}

async function nowOf(tx: Tx): Promise<number> {
  const [row] = await tx<{ now: Date }[]>`select mf_now() as now`;
  return row!.now.getTime();
}
