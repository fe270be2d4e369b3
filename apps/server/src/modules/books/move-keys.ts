import { createHash } from "node:crypto";
import type { Tx } from "../../lib/db.ts";
import type { KeyClaim } from "./items.ts";
import { nobody } from "./items.ts";

/** What a money move under an Idempotency-Key came to, as it is told again. */
export type KeptAnswer =
  /** The answer as JSON text: `jsonb` would bring its fields into another order. */
  | { outcome: "done"; text: string }
  | { outcome: "refused"; message: string; details: Record<string, unknown> };

export type ClaimedKey =
  | { state: "ours" }
  | { state: "running" }
  | { state: "mismatch" }
  | { state: "kept"; kept: KeptAnswer };

// A move gives up after ten seconds, so an older claim that is still running was left behind by a crash.
const abandonedAfterSeconds = 30;

/** The move's source id: the same for each repeat of a key, so the books themselves move its money once. */
export function sourceIdOf(claim: Pick<KeyClaim, "caller" | "route" | "key">): string {
  const hex = createHash("sha256")
    .update(JSON.stringify(["money move", claim.caller, claim.route, claim.key]))
    .digest("hex");
  // Version 8 of RFC 9562: a UUID whose bits are the application's own.
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Claims the key for this try, or says what became of the earlier one. A key belongs to caller and route, to no app. */
export async function claimMoveKey(tx: Tx, claim: KeyClaim, requestId: string): Promise<ClaimedKey> {
  const { caller, route, key, fingerprint } = claim;
  const made = await tx`
    insert into idempotency_keys (app_id, caller, route, key, fingerprint, state, request_id)
    values (${nobody}, ${caller}, ${route}, ${key}, ${fingerprint}, 'running', ${requestId})
    on conflict do nothing returning 1`;
  if (made.length > 0) return { state: "ours" };
  const [row] = await tx<
    { fingerprint: string; state: string; status: number | null; answer: unknown; abandoned: boolean }[]
  >`select fingerprint, state, status, answer,
      created_at < mf_now() - make_interval(secs => ${abandonedAfterSeconds}) as abandoned
    from idempotency_keys
    where app_id = ${nobody} and caller = ${caller} and route = ${route} and key = ${key} for update`;
  // Freed between the two statements: the next try claims it.
  if (!row) return { state: "running" };
  if (row.fingerprint !== fingerprint) return { state: "mismatch" };
  if (row.state !== "running") return { state: "kept", kept: row.answer as KeptAnswer };
  if (!row.abandoned) return { state: "running" };
  await tx`update idempotency_keys set created_at = mf_now(), request_id = ${requestId}
    where app_id = ${nobody} and caller = ${caller} and route = ${route} and key = ${key}`;
  return { state: "ours" };
}

export async function finishMoveKey(tx: Tx, claim: KeyClaim, kept: KeptAnswer): Promise<void> {
  const state = kept.outcome;
  await tx`update idempotency_keys set state = ${state}, answer = ${tx.json(kept as never)}, finished_at = mf_now()
    where app_id = ${nobody} and caller = ${claim.caller} and route = ${claim.route} and key = ${claim.key}`;
}

/** After a failure that may be tried again. */
export async function freeMoveKey(tx: Tx, claim: KeyClaim): Promise<void> {
  await tx`delete from idempotency_keys where app_id = ${nobody} and caller = ${claim.caller} and route = ${claim.route}
    and key = ${claim.key} and state = 'running'`;
}

/** The move that a source id made earlier; `null` when it made none. */
export async function readAdjustment(
  tx: Tx,
  appId: string,
  id: string,
): Promise<{ walletId: string; direction: string; amountUsd: string } | null> {
  const [row] = await tx`
    select wallet_id, direction, amount_usd::text from wallet_adjustments where app_id = ${appId} and id = ${id}`;
  return row ? { walletId: row.wallet_id, direction: row.direction, amountUsd: row.amount_usd } : null;
}
