import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, isWellFormedToken, newToken, uuidV7 } from "../lib/ids.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  type BootstrapCredentials,
  type ConsoleSession,
  changeConsoleSession as changeSession,
  credentialIdOf,
  type DeveloperTokens,
  endConsoleSession as endSession,
  insertConsoleSession,
  type NewConsoleSession,
  noteProof,
  type OperatorTokens,
  suspended,
  suspendedOperator,
  useLink,
} from "../modules/identity/identity.ts";
import { readDeveloper, readDeveloperByEmail } from "../modules/tenancy/tenancy.ts";

type Deps = { database: Pick<Database, "write"> };
/** Whose call it is, before anybody is known: the request and the network that it came from. */
type Caller = Pick<AuditActor, "requestId" | "addressPrefix">;
type Opening = Omit<NewConsoleSession, "id" | "cookieHash">;
type TokenDeps = {
  developerTokens: DeveloperTokens;
  operatorTokens: OperatorTokens;
  bootstrap: BootstrapCredentials;
};

const auth = { purpose: "auth" } as const;

/**
 * Opens a session by the code of a link, which is used up by it: of two at once one is let in.
 * @returns the value of the new session's cookie
 * @throws ApiError invalid_session for an unknown, used or expired code, suspended
 */
export async function signInByLink(deps: Deps, caller: Caller, code: string): Promise<string> {
  if (!isWellFormedToken(code, "mf_link_")) throw deadLink();
  return deps.database.write(auth, async (tx) => {
    const link = await useLink(tx, hashToken(code));
    const person = link?.developer ?? link?.operator;
    if (!link || !person || person.status === "closed") throw deadLink();
    if (person.status === "suspended") throw link.developer ? suspended("developer") : suspendedOperator();
    return openSession(
      tx,
      caller,
      {
        kind: link.kind,
        openedBy: "link",
        developerId: link.developer?.id ?? null,
        operatorId: link.operator?.id ?? null,
        tokenId: null,
        operatorTokenId: null,
        credentialId: null,
        personName: person.name,
        personEmail: link.operator?.email ?? link.email,
      },
      { link_id: link.linkId },
    );
  });
}

/**
 * Opens a session with what a token may; it ends with the token.
 * @returns the value of the new session's cookie
 * @throws ApiError invalid_session for an unknown token, suspended, rate_limited
 */
export async function signInByToken(
  deps: Deps & TokenDeps,
  caller: Caller,
  token: string,
  address: string,
): Promise<string> {
  const opening = await openingOf(deps, token, address);
  return deps.database.write(auth, async (tx) => {
    if (opening.developerId !== null) {
      const developer = await readDeveloper(tx, opening.developerId);
      opening.personEmail = developer?.email ?? null;
    }
    const tokenId = opening.tokenId ?? opening.operatorTokenId;
    return openSession(tx, caller, opening, tokenId === null ? {} : { token_id: tokenId });
  });
}

async function openingOf(deps: TokenDeps, token: string, address: string): Promise<Opening> {
  const nobody = {
    operatorId: null,
    developerId: null,
    tokenId: null,
    operatorTokenId: null,
    credentialId: null,
    personEmail: null,
  };
  if (token.startsWith("mf_dev_")) {
    const found = await deps.developerTokens.find(token, address);
    if (!found || found.developerStatus === "closed") throw unknownToken();
    if (found.developerStatus === "suspended") throw suspended("developer");
    const { developerId, tokenId, name } = found;
    return { ...nobody, kind: "developer", openedBy: "token", developerId, tokenId, personName: name };
  }
  if (token.startsWith("mf_admin_")) {
    const found = await deps.operatorTokens.find(token, address);
    if (found && found.operatorStatus !== "closed") {
      if (found.operatorStatus === "suspended") throw suspendedOperator();
      const { operatorId, tokenId: operatorTokenId, personName, email: personEmail } = found;
      return {
        ...nobody,
        kind: "operator",
        openedBy: "token",
        operatorId,
        operatorTokenId,
        personName,
        personEmail,
      };
    }
  }
  const kind = deps.bootstrap.match(token);
  if (kind === null) throw unknownToken();
  return {
    ...nobody,
    kind,
    openedBy: "bootstrap",
    credentialId: credentialIdOf(token),
    personName: "bootstrap",
  };
}

/**
 * Proves the session's person anew by a credential of the kind that opened it: a link for the same person, the same token,
 * the same bootstrap credential; an operator's own named token does for a link too. What a session could make for itself, such
 * as a developer token, is no proof.
 * @throws ApiError invalid_session, rate_limited
 */
export async function stepUp(
  deps: Deps & TokenDeps,
  actor: AuditActor,
  session: ConsoleSession,
  proof: { code: string } | { token: string },
  address: string,
): Promise<ConsoleSession> {
  const provedBy = "code" in proof ? "link" : "token";
  const isProof = "code" in proof || (await provesByToken(deps, session, proof.token, address));
  if (!isProof) throw otherPerson();
  return deps.database.write(auth, async (tx) => {
    if ("code" in proof) await useLinkOf(tx, session, proof.code);
    const provedAt = await noteProof(tx, session.id);
    if (provedAt === null) throw endedSession();
    await append(tx, {
      ...actor,
      ...resourceOf(session),
      action: `${session.kind}.step_up`,
      metadata: { by: provedBy },
    });
    return { ...session, provedAtMs: provedAt.getTime() };
  });
}

async function provesByToken(
  deps: TokenDeps,
  session: ConsoleSession,
  token: string,
  address: string,
): Promise<boolean> {
  const opening = await openingOf(deps, token, address);
  if (opening.operatorTokenId !== null) {
    return session.openedBy !== "bootstrap" && opening.operatorId === session.operator?.id;
  }
  if (opening.tokenId !== null) return opening.tokenId === session.openedByTokenId;
  return session.openedBy === "bootstrap" && opening.credentialId === session.credentialId;
}

async function useLinkOf(tx: Tx, session: ConsoleSession, code: string): Promise<void> {
  const link = isWellFormedToken(code, "mf_link_") ? await useLink(tx, hashToken(code)) : null;
  const person = link?.developer ?? link?.operator;
  if (!link || !person || person.status !== "active" || session.openedBy !== "link") throw deadLink();
  const isSame = session.operator
    ? link.operator?.id === session.operator.id
    : link.developer?.id === session.developer?.id &&
      link.email.toLowerCase() === session.person.email?.toLowerCase();
  if (!isSame) throw otherPerson();
}

/** Ends the session; may be repeated. */
export async function signOut(deps: Deps, actor: AuditActor, session: ConsoleSession): Promise<void> {
  await deps.database.write(auth, async (tx) => {
    if (!(await endSession(tx, session.id))) return;
    await append(tx, { ...actor, ...resourceOf(session), action: `${session.kind}.sign_out` });
  });
}

/**
 * Goes on as the developer that has the operator's own e-mail address, or as the operator again. Whoever signed in as a
 * developer does not become an operator by it: a developer's link can be made by operators with fewer rights.
 * @throws ApiError forbidden, not_found for a developer that is somebody else, suspended
 */
export async function switchSession(
  deps: Deps,
  actor: AuditActor,
  session: ConsoleSession,
  to: { developerId: string } | "operator",
): Promise<ConsoleSession> {
  // A token's session has what the token has, and nothing of its person besides.
  if (session.operator === null || session.openedBy !== "link") {
    throw new ApiError(
      "forbidden",
      "Only who signed in as an operator can switch; sign in by an operator's link.",
      {
        details: { reason: "not_operator" },
      },
    );
  }
  return deps.database.write(auth, async (tx) => {
    const developerId = to === "operator" ? null : await ownDeveloper(tx, session, to.developerId);
    const kind = developerId === null ? "operator" : "developer";
    const expiresAt = await changeSession(tx, session.id, { kind, developerId });
    if (expiresAt === null) throw endedSession();
    const metadata = developerId === null ? { to: kind } : { to: kind, developer_id: developerId };
    await append(tx, { ...actor, ...resourceOf(session), action: "operator.switch", metadata });
    const developer = developerId === null ? null : ({ id: developerId, status: "active" } as const);
    return { ...session, kind, developer, expiresAtMs: expiresAt.getTime() };
  });
}

async function ownDeveloper(tx: Tx, session: ConsoleSession, developerId: string): Promise<string> {
  const developer = await readDeveloperByEmail(tx, session.person.email ?? "");
  if (developer?.id !== developerId || developer.status === "closed") {
    throw new ApiError("not_found", "There is no such developer.");
  }
  if (developer.status !== "active") throw suspended("developer");
  return developer.id;
}

/** Tells the audit log that an address has been guessing. */
export async function recordFailedBurst(deps: Deps, addressPrefix: string | null): Promise<void> {
  await deps.database.write(auth, (tx) =>
    append(tx, {
      actorScope: "system",
      addressPrefix,
      action: "auth.failed_burst",
      resourceType: "console",
      resourceId: "sign-in",
    }),
  );
}

async function openSession(
  tx: Tx,
  caller: Caller,
  opening: Opening,
  metadata: Record<string, unknown>,
): Promise<string> {
  const cookie = newToken("mf_cons_");
  const session = { ...opening, id: uuidV7(), cookieHash: hashToken(cookie) };
  await insertConsoleSession(tx, session);
  const isBootstrap = opening.openedBy === "bootstrap";
  await append(tx, {
    ...caller,
    actorScope: isBootstrap ? "bootstrap" : opening.kind === "operator" ? "admin" : "developer",
    actorId: opening.operatorTokenId ?? opening.operatorId ?? opening.tokenId ?? opening.developerId,
    actorName: opening.personEmail ?? opening.personName,
    action: `${opening.kind}.sign_in`,
    resourceType: "console_session",
    resourceId: session.id,
    developerId: opening.developerId,
    metadata: { by: opening.openedBy, ...metadata },
  });
  return cookie;
}

function resourceOf(session: ConsoleSession) {
  return {
    resourceType: "console_session",
    resourceId: session.id,
    developerId: session.developer?.id ?? null,
  };
}

/** The same words for every code that opens nothing: whoever guesses learns nothing by them. */
const deadLink = (): ApiError =>
  new ApiError(
    "invalid_session",
    "This sign-in link does not work: it was used already, has expired, or never was one. Ask for a new one.",
  );

const otherPerson = (): ApiError =>
  new ApiError(
    "invalid_session",
    "This does not prove who opened the session: use a new link for the same person, or the token that it was opened with.",
  );

const endedSession = (): ApiError =>
  new ApiError("invalid_session", "This console session has ended; sign in again.");

const unknownToken = (): ApiError =>
  new ApiError("invalid_session", "This token is not known here, or it was revoked.");
