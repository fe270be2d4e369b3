import type { Tx } from "../../lib/db.ts";

/** Finds and ends what a token opens, whoever shows it. Purpose `operator`; what has ended already is not found. */

export type EndedSecret = {
  id: string;
  appId: string | null;
  developerId: string | null;
  /** What its owner knows it by. */
  name: string | null;
};

export async function endSessionOfToken(tx: Tx, tokenHash: string): Promise<EndedSecret | null> {
  const [row] = await tx`
    update virtual_sessions set revoked_at = mf_now()
    where (token_hash = ${tokenHash} or previous_token_hash = ${tokenHash}) and revoked_at is null
    returning id, app_id, developer_id`;
  return row ? { id: row.id, appId: row.app_id, developerId: row.developer_id, name: null } : null;
}

export async function endDeveloperTokenByHash(tx: Tx, tokenHash: string): Promise<EndedSecret | null> {
  const [row] = await tx`
    update developer_api_tokens set revoked_at = mf_now(), updated_at = mf_now()
    where token_hash = ${tokenHash} and revoked_at is null returning id, developer_id, name`;
  return row ? { id: row.id, appId: null, developerId: row.developer_id, name: row.name } : null;
}

export async function endOperatorTokenByHash(tx: Tx, tokenHash: string): Promise<EndedSecret | null> {
  const [row] = await tx`
    update operator_tokens set revoked_at = mf_now(), updated_at = mf_now()
    where token_hash = ${tokenHash} and revoked_at is null returning id, name`;
  return row ? { id: row.id, appId: null, developerId: null, name: row.name } : null;
}

export async function endConsoleSessionByHash(tx: Tx, cookieHash: string): Promise<EndedSecret | null> {
  const [row] = await tx`
    update console_sessions set ended_at = mf_now()
    where cookie_hash = ${cookieHash} and ended_at is null returning id, developer_id, person_name`;
  return row ? { id: row.id, appId: null, developerId: row.developer_id, name: row.person_name } : null;
}

export async function useUpLink(tx: Tx, codeHash: string): Promise<EndedSecret | null> {
  const [row] = await tx`
    update sign_in_links set used_at = mf_now()
    where code_hash = ${codeHash} and used_at is null returning id, developer_id, email`;
  return row ? { id: row.id, appId: null, developerId: row.developer_id, name: row.email } : null;
}
