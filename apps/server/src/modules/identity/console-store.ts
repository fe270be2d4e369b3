import type { OperatorScope } from "@modelfaucet/contract/scopes.ts";
import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";
import { developerStatus } from "../../lib/switched.ts";

/** All SQL of the console: operators, one-time links, sessions. Purposes `auth` and `operator`. */

export type Operator = {
  id: string;
  email: string;
  name: string;
  scopes: OperatorScope[];
  status: "active" | "suspended" | "closed";
};

export async function readOperatorByEmail(tx: Tx, email: string): Promise<Operator | null> {
  const [row] = await tx<Operator[]>`
    select id, email, name, scopes, status from operators where lower(email) = lower(${email})`;
  return row ?? null;
}

/** False when somebody made that operator at the same time. */
export async function insertOperator(tx: Tx, operator: Omit<Operator, "status">): Promise<boolean> {
  const rows = await tx`
    insert into operators (id, email, name, scopes)
    values (${operator.id}, ${operator.email}, ${operator.name}, ${operator.scopes})
    on conflict do nothing returning id`;
  return rows.length > 0;
}

export type NewLink = {
  id: string;
  codeHash: string;
  kind: "developer" | "operator";
  developerId: string | null;
  operatorId: string | null;
  email: string;
  createdBy: string;
  lifeSeconds: number;
};

export async function insertLink(tx: Tx, link: NewLink): Promise<{ expiresAt: Date }> {
  const [row] = await tx`
    insert into sign_in_links (id, code_hash, kind, developer_id, operator_id, email, created_by, expires_at)
    values (${link.id}, ${link.codeHash}, ${link.kind}, ${link.developerId}, ${link.operatorId}, ${link.email},
      ${link.createdBy}, mf_now() + make_interval(secs => ${link.lifeSeconds}))
    returning expires_at`;
  return { expiresAt: row!.expires_at };
}

export type UsedLink = {
  linkId: string;
  kind: "developer" | "operator";
  email: string;
  developer: { id: string; name: string; status: "active" | "suspended" | "closed" } | null;
  operator: Operator | null;
};

/**
 * Takes a link: of any number of callers at once one gets it. `null`: unknown, used or expired. A link whose person is
 * suspended is not taken, so that it works when the suspension is lifted.
 */
export async function useLink(tx: Tx, codeHash: string): Promise<UsedLink | null> {
  const [link] = await tx`
    select id, kind, email, developer_id, operator_id from sign_in_links
    where code_hash = ${codeHash} and used_at is null and expires_at > mf_now() for update`;
  if (!link) return null;
  const [developer] = await tx`
    select d.id, d.name, ${developerStatus(tx)} as status from developers d where d.id = ${link.developer_id}`;
  const [operator] = await tx`
    select id, email, name, scopes, status from operators where id = ${link.operator_id}`;
  const person = developer ?? operator;
  if (person?.status === "active")
    await tx`update sign_in_links set used_at = mf_now() where id = ${link.id}`;
  return {
    linkId: link.id,
    kind: link.kind,
    email: link.email,
    developer: (developer as NonNullable<UsedLink["developer"]>) ?? null,
    operator: (operator as Operator) ?? null,
  };
}

export type NewConsoleSession = {
  id: string;
  cookieHash: string;
  kind: "developer" | "operator";
  openedBy: "link" | "token" | "bootstrap";
  developerId: string | null;
  operatorId: string | null;
  tokenId: string | null;
  operatorTokenId: string | null;
  credentialId: string | null;
  personName: string;
  personEmail: string | null;
};

export async function insertConsoleSession(tx: Tx, session: NewConsoleSession): Promise<void> {
  // Long ended sessions and links go little by little, with whoever signs in.
  await tx`delete from console_sessions where id in (
    select id from console_sessions where authenticated_at < mf_now() - interval '37 days' limit 50)`;
  await tx`delete from sign_in_links where id in (
    select id from sign_in_links where expires_at < mf_now() - interval '30 days' limit 50)`;
  await tx`
    insert into console_sessions (id, cookie_hash, kind, opened_by, developer_id, operator_id, token_id, credential_id,
      person_name, person_email, operator_token_id)
    values (${session.id}, ${session.cookieHash}, ${session.kind}, ${session.openedBy}, ${session.developerId},
      ${session.operatorId}, ${session.tokenId}, ${session.credentialId}, ${session.personName}, ${session.personEmail},
      ${session.operatorTokenId})`;
}

/** A session as one read finds it, with what it hangs on. */
export type ConsoleSessionRow = {
  id: string;
  kind: "developer" | "operator";
  openedBy: "link" | "token" | "bootstrap";
  person: { name: string; email: string | null };
  authenticatedAtMs: number;
  /** When its person was last proved, by signing in or by stepping up. */
  provedAtMs: number;
  /** The exchanged tokens' ids, whether they hold or not. */
  openedByTokenId: string | null;
  openedByOperatorTokenId: string | null;
  /** The end of its idle time or of its whole time, whichever comes first. */
  expiresAtMs: number;
  expired: boolean;
  credentialId: string | null;
  developer: { id: string; status: "active" | "suspended" | "closed" } | null;
  operator: {
    id: string;
    status: "active" | "suspended" | "closed";
    scopes: readonly OperatorScope[];
  } | null;
  /** The exchanged token while it holds; `null` also when it was revoked or has expired. */
  token: {
    id: string;
    scopes: readonly string[];
    publicAppIds: readonly string[] | null;
    modelsAllowed: readonly string[] | null;
  } | null;
  /** Likewise of an operator. */
  operatorToken: { id: string; scopes: readonly OperatorScope[] } | null;
};

/**
 * Purpose `auth`: one read by the cookie's hash, over the session and everything that can end it. `null`: unknown or
 * signed out. Being seen is noted once a minute at most, so an idle time is exact within one.
 */
export async function readConsoleSession(tx: Tx, cookieHash: string): Promise<ConsoleSessionRow | null> {
  const [row] = await tx`
    select s.*, s.expires_at <= mf_now() as expired, s.last_seen_at < mf_now() - interval '1 minute' as worth_noting,
      ${developerStatus(tx)} as developer_status, o.status as operator_status, o.scopes as operator_scopes,
      t.id as live_token_id, t.scopes as token_scopes, t.public_app_ids, t.models_allowed,
      p.id as live_operator_token_id, p.scopes as operator_token_scopes
    from (
      select id, kind, opened_by, person_name, person_email, authenticated_at, last_seen_at, developer_id, operator_id,
        token_id, operator_token_id, credential_id, coalesce(proved_at, authenticated_at) as proved_at,
        ${endOfLife(tx)} as expires_at
      from console_sessions where cookie_hash = ${cookieHash} and ended_at is null
    ) s
    left join developers d on d.id = s.developer_id
    left join operators o on o.id = s.operator_id
    left join developer_api_tokens t on t.id = s.token_id and t.revoked_at is null and t.expires_at > mf_now()
    left join operator_tokens p on p.id = s.operator_token_id and p.revoked_at is null and p.expires_at > mf_now()`;
  if (!row) return null;
  if (row.worth_noting && !row.expired) {
    await tx`update console_sessions set last_seen_at = mf_now() where id = ${row.id}`;
  }
  return rowOf(row);
}

/** Its person was proved again just now; gives when. `null` when the session has ended meanwhile. */
export async function noteProof(tx: Tx, id: string): Promise<Date | null> {
  const [row] = await tx`
    update console_sessions set proved_at = mf_now(), last_seen_at = mf_now()
    where id = ${id} and ended_at is null returning proved_at`;
  return row?.proved_at ?? null;
}

export async function endConsoleSession(tx: Tx, id: string): Promise<boolean> {
  const rows = await tx`
    update console_sessions set ended_at = mf_now() where id = ${id} and ended_at is null returning id`;
  return rows.length > 0;
}

/** What the session acts as from now on; gives its new end. `null` when it has ended meanwhile. */
export async function changeConsoleSession(
  tx: Tx,
  id: string,
  to: { kind: "developer" | "operator"; developerId: string | null },
): Promise<Date | null> {
  const [row] = await tx`
    update console_sessions set kind = ${to.kind}, developer_id = ${to.developerId}
    where id = ${id} and ended_at is null returning ${endOfLife(tx)} as expires_at`;
  return row?.expires_at ?? null;
}

/** Unused for so long, or so long after the proof, whichever comes first. */
const endOfLife = (tx: Tx) => tx`
  case kind when 'operator' then least(last_seen_at + interval '1 hour', authenticated_at + interval '12 hours')
    else least(last_seen_at + interval '12 hours', authenticated_at + interval '7 days') end`;

function rowOf(row: postgres.Row): ConsoleSessionRow {
  return {
    id: row.id,
    kind: row.kind,
    openedBy: row.opened_by,
    person: { name: row.person_name, email: row.person_email },
    authenticatedAtMs: row.authenticated_at.getTime(),
    provedAtMs: row.proved_at.getTime(),
    openedByTokenId: row.token_id,
    openedByOperatorTokenId: row.operator_token_id,
    expiresAtMs: row.expires_at.getTime(),
    expired: row.expired,
    credentialId: row.credential_id,
    developer: row.developer_id === null ? null : { id: row.developer_id, status: row.developer_status },
    operator:
      row.operator_id === null
        ? null
        : { id: row.operator_id, status: row.operator_status, scopes: row.operator_scopes },
    token:
      row.live_token_id === null
        ? null
        : {
            id: row.live_token_id,
            scopes: row.token_scopes,
            publicAppIds: row.public_app_ids,
            modelsAllowed: row.models_allowed,
          },
    operatorToken:
      row.live_operator_token_id === null
        ? null
        : { id: row.live_operator_token_id, scopes: row.operator_token_scopes },
  };
}
