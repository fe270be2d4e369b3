import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd, usdFromStore } from "../../lib/money.ts";
import { columnsOf } from "./columns.ts";
import type { AccountSpec, Fund, KeyClaim } from "./items.ts";
import { type Account, isBudget } from "./rules.ts";

/** An open hold as the books have it locked. */
export type HeldRow = {
  appId: string;
  requestId: string;
  developerId: string;
  endUserId: string;
  holdUsd: Usd;
  legAccountIds: string[];
  legAmountsUsd: Usd[];
  openedAt: string;
  /** The lease ended long enough ago for recovery to take it. */
  isAbandoned: boolean;
};

export type KeyRow = {
  app_id: string;
  caller: string;
  route: string;
  key: string;
  fingerprint: string;
  state: string;
  request_id: string;
  answer: unknown;
};
export type Placed = { appId: string; id: string };

/** Rows travel as one JSON text per statement: one plan, any number of rows. */
const rows = (list: readonly unknown[]): string => JSON.stringify(list);

export const lockHolds = (tx: Tx, ids: readonly Placed[]) => tx`
  select h.app_id, h.id, h.developer_id, h.end_user_id, h.hold_usd::text, h.leg_accounts, h.leg_amounts_usd::text[],
    h.lease_until < mf_now() - interval '15 seconds' as is_abandoned,
    to_char(h.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opened_at
  from (${placedOf(tx, ids)}) w join holds h using (app_id, id) order by h.app_id, h.id for update of h`;

export function heldRowOf(row: Record<string, unknown>): HeldRow {
  const text = (name: string): string => row[name] as string;
  return {
    appId: text("app_id"),
    requestId: text("id"),
    developerId: text("developer_id"),
    endUserId: text("end_user_id"),
    holdUsd: usdFromStore(text("hold_usd")),
    legAccountIds: row.leg_accounts as string[],
    legAmountsUsd: (row.leg_amounts_usd as string[]).map(usdFromStore),
    openedAt: text("opened_at"),
    isAbandoned: row.is_abandoned as boolean,
  };
}

/** Claims keys in sorted order; gives back the rows that were there before. */
export const claimKeys = (tx: Tx, claims: readonly (KeyClaim & { appId: string; requestId: string })[]) => tx`
  with wanted as (
    select * from json_to_recordset(${rows(claims.map((c) => ({ app_id: c.appId, caller: c.caller, route: c.route, key: c.key, fingerprint: c.fingerprint, request_id: c.requestId })))}::text::json)
      as w (app_id uuid, caller text, route text, key text, fingerprint text, request_id uuid))
  insert into idempotency_keys (app_id, caller, route, key, fingerprint, state, request_id)
  select app_id, caller, route, key, fingerprint, 'running', request_id from wanted order by app_id, caller, route, key
  on conflict do nothing`;

export const readKeys = (tx: Tx, claims: readonly (KeyClaim & { appId: string })[]) => tx<KeyRow[]>`
  select k.app_id, k.caller, k.route, k.key, k.fingerprint, k.state, k.request_id, k.answer
  from json_to_recordset(${rows(claims.map((c) => ({ app_id: c.appId, caller: c.caller, route: c.route, key: c.key })))}::text::json)
    as w (app_id uuid, caller text, route text, key text)
  join idempotency_keys k using (app_id, caller, route, key)`;

export type WindowSpec = AccountSpec & { appId: string; developerId: string };

/** Makes the accounts of windows that have just begun: each starts with its limit, an app's part of a budget empty. */
export const addMissingWindows = (tx: Tx, specs: readonly WindowSpec[]) => tx`
  insert into accounts (app_id, developer_id, kind, owner_id, scope_id, set_by, "window", zone, window_start, limit_usd, balance_usd)
  select app_id, developer_id, kind, owner_id, scope_id, set_by, "window", zone, mf_window_start("window", zone, mf_now()), limit_usd, limit_usd
  from json_to_recordset(${rows(specs.map((s) => ({ ...specRow(s), developer_id: s.developerId, limit_usd: isBudget(s) ? "0" : formatUsd(s.limitUsd!) })))}::text::json)
    as w (app_id uuid, developer_id uuid, kind text, owner_id uuid, scope_id uuid, set_by text, "window" text, zone text, limit_usd numeric(20,8))
  order by app_id, kind, owner_id, scope_id, set_by, "window"
  on conflict do nothing`;

/**
 * Locks every account that the batch may change, by natural key, so that batches of several processes cannot deadlock:
 * what the specs name, and what the legs of the holds to be closed name. Wallets come with all their funds.
 */
export const lockAccounts = (
  tx: Tx,
  specs: readonly (AccountSpec & { appId: string })[],
  closing: readonly Placed[],
) => tx`
  with named as (
    select a.app_id, a.id, true as current
    from (${specsOf(tx, specs)}) w
    join accounts a on a.app_id = w.app_id and a.kind = w.kind and a.owner_id = w.owner_id and a.scope_id = w.scope_id
      and a.set_by = w.set_by and a."window" = w."window" and a.window_start = mf_window_start(w."window", w.zone, mf_now())
    union all
    select h.app_id, a.id, a.is_wallet
    from (${placedOf(tx, closing)}) c
    join holds h using (app_id, id)
    cross join lateral (
      select leg as id, false as is_wallet from unnest(h.leg_accounts) leg
      union all
      select w.id, true from accounts w where w.app_id = h.app_id and w.kind = 'wallet' and w.owner_id = h.end_user_id) a),
  wanted as materialized (select app_id, id, bool_or(current) as current from named group by app_id, id)
  select a.app_id, a.id, a.kind, a.owner_id, a.scope_id, a.set_by, a.fund, a."window", a.zone, a.limit_usd::text,
    a.balance_usd::text, a.held_usd::text, a.debt_usd::text, a.wallet_seq::text,
    a.stopped_at is not null as is_stopped, wanted.current,
    case when a."window" <> 'total' then mf_window_end(a."window", a.zone, a.window_start) end as reset_at
  from wanted join accounts a using (app_id, id)
  order by a.app_id, a.kind, a.owner_id, a.scope_id, a.set_by, a.fund, a."window", a.window_start
  for update of a`;

export function accountOf(row: Record<string, unknown>): Account {
  return {
    appId: row.app_id as string,
    id: row.id as string,
    kind: row.kind as Account["kind"],
    ownerId: row.owner_id as string,
    scopeId: row.scope_id as string,
    setBy: row.set_by as Account["setBy"],
    fund: row.fund as Fund | "none",
    window: row.window as Account["window"],
    zone: row.zone as string,
    current: row.current as boolean,
    resetAt: row.reset_at === null ? null : (row.reset_at as Date).toISOString(),
    limitUsd: row.limit_usd === null ? null : usdFromStore(row.limit_usd as string),
    balanceUsd: usdFromStore(row.balance_usd as string),
    heldUsd: usdFromStore(row.held_usd as string),
    debtUsd: usdFromStore(row.debt_usd as string),
    walletSeq: BigInt(row.wallet_seq as string),
    isStopped: row.is_stopped as boolean,
    changed: false,
  };
}

export type KeyEnd = KeyClaim & { appId: string; state: "done" | "refused" | "free"; answer: unknown };

export const finishKeys = (tx: Tx, ends: readonly KeyEnd[]) => tx`
  update idempotency_keys k set state = w.state, answer = w.answer, finished_at = mf_now()
  from json_to_recordset(${rows(ends.map((e) => ({ app_id: e.appId, caller: e.caller, route: e.route, key: e.key, state: e.state, answer: e.answer })))}::text::json)
    as w (app_id uuid, caller text, route text, key text, state text, answer jsonb)
  where (k.app_id, k.caller, k.route, k.key) = (w.app_id, w.caller, w.route, w.key)`;

export const freeKeys = (tx: Tx, ends: readonly KeyEnd[]) => tx`
  delete from idempotency_keys k
  using json_to_recordset(${rows(ends.map((e) => ({ app_id: e.appId, caller: e.caller, route: e.route, key: e.key })))}::text::json)
    as w (app_id uuid, caller text, route text, key text)
  where (k.app_id, k.caller, k.route, k.key) = (w.app_id, w.caller, w.route, w.key)`;

export const readSettled = (tx: Tx, ids: readonly Placed[]) => tx`
  select u.app_id, u.id, u.outcome, u.charge_usd::text, u.upstream_cost_usd::text, u.absorbed_cost_usd::text,
    u.developer_share_usd::text, u.platform_share_usd::text, u.fee_usd::text, u.wallet_balance_usd::text, u.provider,
    exists (select 1 from transfers t where t.app_id = u.app_id and t.kind = 'cost_correction' and t.source_id = u.id::text) as corrected
  from json_to_recordset(${rows(ids.map((i) => ({ app_id: i.appId, id: i.id })))}::text::json) as w (app_id uuid, id uuid)
  join usage_events u using (app_id, id)`;

export const readMoved = (
  tx: Tx,
  sources: readonly { appId: string; kind: string; sourceId: string }[],
) => tx`
  select distinct t.app_id, t.kind, t.source_id, t.wallet_balance_after_usd::text
  from json_to_recordset(${rows(sources.map((s) => ({ app_id: s.appId, kind: s.kind, source_id: s.sourceId })))}::text::json)
    as w (app_id uuid, kind text, source_id text) join transfers t using (app_id, kind, source_id)`;

export const insertAdjustments = (tx: Tx, adjustments: readonly Record<string, unknown>[]) => tx`
  insert into wallet_adjustments (app_id, id, developer_id, wallet_id, kind, direction, amount_usd, reason, actor_id)
  select * from json_to_recordset(${rows(adjustments)}::text::json) as w (app_id uuid, id uuid, developer_id uuid, wallet_id uuid,
    kind text, direction text, amount_usd numeric(20,8), reason text, actor_id text)`;

export const insertAudits = (tx: Tx, audits: readonly Record<string, unknown>[]) => tx`
  insert into audit_logs (id, actor_scope, actor_id, actor_name, action, resource_type, resource_id, app_id, developer_id, reason, metadata, request_id, address_prefix)
  select id, actor_scope, actor_id, actor_name, action, resource_type, resource_id, app_id, developer_id, reason, coalesce(metadata, '{}'), request_id, address_prefix
  from json_to_recordset(${rows(audits)}::text::json) as w (id uuid, actor_scope text, actor_id text, actor_name text, action text,
    resource_type text, resource_id text, app_id uuid, developer_id uuid, reason text, metadata jsonb, request_id uuid, address_prefix text)`;

export type ProgressRow = { appId: string; id: string; progress: Record<string, unknown> };

/** Renews leases and notes how far each request has come; what does not come back has been closed by somebody else. */
export const renewHolds = (tx: Tx, progress: readonly ProgressRow[], ttlSeconds: number) => tx`
  update holds h set lease_until = mf_now() + make_interval(secs => ${ttlSeconds}::float8), progress = w.progress
  from json_to_recordset(${rows(progress.map((p) => ({ app_id: p.appId, id: p.id, progress: p.progress })))}::text::json) as w (app_id uuid, id uuid, progress jsonb)
  where h.app_id = w.app_id and h.id = w.id returning h.app_id, h.id`;

const placedOf = (tx: Tx, ids: readonly Placed[]) => {
  const column = columnsOf(ids);
  return tx`select unnest(${column("appId")}::text::uuid[]) as app_id, unnest(${column("id")}::text::uuid[]) as id`;
};

const specsOf = (tx: Tx, specs: readonly (AccountSpec & { appId: string })[]) => {
  const column = columnsOf(specs);
  return tx`select
      unnest(${column("appId")}::text::uuid[]) as app_id,
      unnest(${column("kind")}::text::text[]) as kind,
      unnest(${column("ownerId")}::text::uuid[]) as owner_id,
      unnest(${column("scopeId")}::text::uuid[]) as scope_id,
      unnest(${column("setBy")}::text::text[]) as set_by,
      unnest(${column("window")}::text::text[]) as "window",
      unnest(${column("zone")}::text::text[]) as zone`;
};

function specRow(spec: AccountSpec & { appId: string }): Record<string, unknown> {
  return {
    app_id: spec.appId,
    kind: spec.kind,
    owner_id: spec.ownerId,
    scope_id: spec.scopeId,
    set_by: spec.setBy,
    window: spec.window,
    zone: spec.zone,
  };
}
