// What binds a row to its owner, said once more in SQL and apart from the keys that enforce it: a row whose owner is not the
// one that its app, its developer or its end user says is counted. Each check reads one kind of row and no content.

export type RowCheck = {
  name: string;
  /** Owned tables whose rows it counts; the catalogue says which have to be named somewhere. */
  tables: readonly string[];
  /** Rows and what they are compared with: joined by unique keys, so that each row is counted once. */
  from: string;
  /** True for a row that points into another tenant, or to an owner that is not there. */
  foreign: string;
};

const nobody = "'00000000-0000-0000-0000-000000000000'";

/** `alias` must be of an app whose developer the row names too. */
const ownApp = (alias: string): string =>
  `left join apps a on a.id = ${alias}.app_id and a.developer_id = ${alias}.developer_id`;

const tenancy: readonly RowCheck[] = [
  {
    name: "developer_tokens",
    tables: ["developer_api_tokens"],
    from: "developer_api_tokens t left join developers d on d.id = t.developer_id",
    foreign: `d.id is null or exists (
      select 1 from apps o where o.public_app_id = any(t.public_app_ids) and o.developer_id <> t.developer_id)`,
  },
  {
    name: "apps",
    tables: ["apps"],
    from: "apps t left join developers d on d.id = t.developer_id",
    foreign: "d.id is null",
  },
  {
    name: "features",
    tables: ["app_features"],
    from: `app_features t ${ownApp("t")}`,
    foreign: "a.id is null",
  },
  {
    name: "feature_versions",
    tables: ["feature_versions"],
    from: `feature_versions t left join app_features f
      on f.app_id = t.app_id and f.id = t.feature_id and f.developer_id = t.developer_id`,
    foreign: "f.id is null",
  },
  {
    name: "end_users",
    tables: ["end_users"],
    from: `end_users t ${ownApp("t")}`,
    foreign: "a.id is null",
  },
  {
    name: "sessions",
    tables: ["virtual_sessions"],
    from: `virtual_sessions t left join end_users e
      on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id`,
    foreign: "e.id is null",
  },
  {
    name: "user_token_uses",
    tables: ["user_token_uses"],
    from: "user_token_uses t left join apps a on a.id = t.app_id",
    foreign: "a.id is null",
  },
  {
    name: "provider_credentials",
    tables: ["provider_credentials"],
    from: `provider_credentials t ${ownApp("t")}
      left join end_users e on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id`,
    foreign: `case t.owner_scope
      when 'platform' then t.app_id <> ${nobody} or t.owner_id <> '00000000-0000-0000-0000-000000000001'
      when 'developer' then a.id is null or t.end_user_id is not null or t.owner_id <> t.developer_id
      else a.id is null or e.id is null or t.owner_id <> t.end_user_id end`,
  },
  {
    // A feature may be gone before what was chosen for it.
    name: "user_modes",
    tables: ["user_modes"],
    from: `user_modes t left join end_users e
      on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id
      left join app_features f on f.id = t.feature_id`,
    foreign: "e.id is null or f.app_id <> t.app_id",
  },
  {
    name: "sign_in_links",
    tables: ["sign_in_links"],
    from: "sign_in_links t left join developers d on d.id = t.developer_id left join operators o on o.id = t.operator_id",
    foreign: "(t.developer_id is not null and d.id is null) or (t.operator_id is not null and o.id is null)",
  },
  {
    name: "console_sessions",
    tables: ["console_sessions"],
    from: `console_sessions t left join developers d on d.id = t.developer_id
      left join developer_api_tokens k on k.id = t.token_id and k.developer_id = t.developer_id`,
    foreign: "(t.developer_id is not null and d.id is null) or (t.token_id is not null and k.id is null)",
  },
  {
    name: "audit_rows",
    tables: ["audit_logs"],
    from: "audit_logs t left join apps a on a.id = t.app_id left join developers d on d.id = t.developer_id",
    foreign: `(t.app_id is not null and a.id is null) or (t.developer_id is not null and d.id is null)
      or (a.id is not null and t.developer_id <> a.developer_id)`,
  },
];

const money: readonly RowCheck[] = [
  {
    name: "wallets",
    tables: ["wallets"],
    from: `wallets t left join end_users e on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id
      left join developers d on d.id = t.developer_id`,
    foreign: `case t.owner_scope when 'end_user' then e.id is null
      when 'developer' then t.app_id <> ${nobody} or d.id is null or t.owner_id <> t.developer_id
      else t.app_id <> ${nobody} or t.developer_id is not null end`,
  },
  {
    // A session may be gone before its cap, a feature's limit outlives the feature: what is there must be the app's own.
    name: "accounts",
    tables: ["accounts"],
    from: `accounts t ${ownApp("t")}
      left join wallets w on w.app_id = t.app_id and w.id = t.owner_id and w.owner_scope = 'end_user' and t.kind = 'wallet'
      left join end_users e on e.id = t.owner_id and e.app_id <> t.app_id
      left join end_users es on es.id = t.scope_id and es.app_id <> t.app_id
      left join app_features f on f.id = t.owner_id and f.app_id <> t.app_id
      left join app_features fs on fs.id = t.scope_id and fs.app_id <> t.app_id
      left join virtual_sessions s on s.id = t.owner_id and s.app_id <> t.app_id`,
    foreign: `a.id is null or (t.kind = 'wallet' and w.id is null) or (t.kind = 'developer' and t.owner_id <> t.developer_id)
      or (t.kind = 'app' and t.owner_id <> t.app_id) or coalesce(e.id, es.id, f.id, fs.id, s.id) is not null`,
  },
  {
    name: "holds",
    tables: ["holds"],
    from: `holds t left join end_users e on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id
      left join feature_versions f on f.app_id = t.app_id and f.feature_id = t.feature_id and f.version = t.feature_version
      left join virtual_sessions s on s.id = t.session_id`,
    foreign: `e.id is null or f.app_id is null or (s.app_id, s.end_user_id) <> (t.app_id, t.end_user_id)
      or exists (select 1 from unnest(t.leg_accounts) leg left join accounts c on c.app_id = t.app_id and c.id = leg
        where c.id is null or (c.kind = 'wallet' and c.owner_id <> t.end_user_id))`,
  },
  {
    name: "usage_events",
    tables: ["usage_events"],
    from: `usage_events t left join end_users e
      on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id
      left join feature_versions f on f.app_id = t.app_id and f.feature_id = t.feature_id and f.version = t.feature_version
      left join virtual_sessions s on s.id = t.session_id`,
    foreign: "e.id is null or f.app_id is null or (s.app_id, s.end_user_id) <> (t.app_id, t.end_user_id)",
  },
  {
    // Until receipts are rows of their own, a receipt is bound to its user by whose wallet paid it.
    name: "receipts",
    tables: ["receipts"],
    from: "receipts t",
    foreign: `exists (select 1 from transfers p where p.app_id = t.app_id and p.kind = 'usage'
      and p.source_id = t.request_id::text and p.from_scope = 'end_user' and p.from_id <> t.end_user_id)`,
  },
  {
    name: "ledger_entries",
    tables: ["transfers", "entries"],
    from: `transfers t ${ownApp("t")}
      left join wallets wf on wf.app_id = t.app_id and wf.id = t.from_id and wf.owner_scope = t.from_scope and t.from_scope = 'end_user'
      left join wallets wt on wt.app_id = t.app_id and wt.id = t.to_id and wt.owner_scope = t.to_scope and t.to_scope = 'end_user'`,
    foreign: `(t.app_id <> ${nobody} and a.id is null)
      or (t.from_scope = 'end_user' and wf.id is null) or (t.to_scope = 'end_user' and wt.id is null)
      or (t.from_scope = 'developer' and t.from_id is distinct from t.developer_id)
      or (t.to_scope = 'developer' and t.to_id is distinct from t.developer_id)`,
  },
  {
    name: "wallet_adjustments",
    tables: ["wallet_adjustments"],
    from: `wallet_adjustments t left join wallets w
      on w.app_id = t.app_id and w.id = t.wallet_id and w.developer_id = t.developer_id and w.owner_scope = 'end_user'`,
    foreign: "w.id is null",
  },
  {
    name: "idempotency_keys",
    tables: ["idempotency_keys"],
    from: `idempotency_keys t left join apps a on a.id = t.app_id
      left join end_users e on e.app_id = t.app_id and t.caller = 'end_user:' || e.id`,
    foreign: `(t.app_id <> ${nobody} and a.id is null)
      or (t.app_id <> ${nobody} and starts_with(t.caller, 'end_user:') and e.id is null)`,
  },
  {
    name: "kept_answers",
    tables: ["idempotency_answers"],
    from: `idempotency_answers t left join idempotency_keys k
      on (k.app_id, k.caller, k.route, k.key) = (t.app_id, t.caller, t.route, t.key)`,
    foreign: "k.app_id is null or k.request_id <> t.request_id",
  },
  {
    name: "debug_logs",
    tables: ["debug_logs"],
    from: `debug_logs t left join end_users e
      on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id
      left join usage_events u on u.app_id = t.app_id and u.id = t.request_id`,
    foreign: "e.id is null or u.end_user_id <> t.end_user_id",
  },
];

const limits: readonly RowCheck[] = [
  {
    name: "limits",
    tables: ["limits"],
    from: `limits t ${ownApp("t")} left join developers d on d.id = t.developer_id
      left join app_features f on f.id = t.target_id and t.level = 'feature'
      left join end_users e on e.id = t.target_id and t.level = 'end_user'
      left join virtual_sessions s on s.id = t.target_id and t.level = 'session'`,
    foreign: `case when t.level = 'platform' then t.app_id <> ${nobody}
      when t.level = 'developer' then t.app_id <> ${nobody} or d.id is null or t.target_id <> t.developer_id
      else a.id is null or (t.level = 'app' and t.target_id <> t.app_id)
        or coalesce(f.app_id, e.app_id, s.app_id, t.app_id) <> t.app_id end`,
  },
  {
    name: "budgets",
    tables: ["budgets"],
    from: "budgets t left join developers d on d.id = t.developer_id",
    foreign:
      "case t.level when 'developer' then d.id is null or t.owner_id <> t.developer_id else t.developer_id is not null end",
  },
];

const switched: readonly RowCheck[] = [
  {
    // A session or a key may be gone before its switch: what is there must belong to whom the switch names.
    name: "switches",
    tables: ["switches"],
    from: `switches t ${ownApp("t")} left join developers d on d.id = t.developer_id
      left join end_users e on e.app_id = t.app_id and e.id = t.end_user_id and e.developer_id = t.developer_id
      left join virtual_sessions s on s.id::text = t.target_id and t.kind = 'session'
      left join developer_api_tokens k on k.id::text = t.target_id and t.kind = 'token'`,
    foreign: `(t.developer_id is not null and d.id is null) or (t.app_id is not null and a.id is null)
      or (t.end_user_id is not null and e.id is null) or (t.kind = 'app' and t.target_id <> t.app_id::text)
      or (t.kind = 'feature' and not starts_with(t.target_id, t.app_id || '/'))
      or (t.kind in ('end_user', 'wallet') and t.target_id <> t.end_user_id::text)
      or (s.app_id, s.end_user_id) <> (t.app_id, t.end_user_id) or k.developer_id <> t.developer_id`,
  },
];

const projected: readonly RowCheck[] = [
  {
    name: "usage_rollups",
    tables: ["usage_rollups"],
    from: `usage_rollups t ${ownApp("t")}`,
    foreign: "a.id is null",
  },
  {
    name: "usage_latencies",
    tables: ["usage_latencies"],
    from: `usage_latencies t ${ownApp("t")}`,
    foreign: "a.id is null",
  },
  {
    name: "usage_active_users",
    tables: ["usage_active_users"],
    from: `usage_active_users t ${ownApp("t")} left join end_users e on e.app_id = t.app_id and e.id = t.end_user_id`,
    foreign: "a.id is null or e.id is null",
  },
  {
    name: "ledger_rollups",
    tables: ["ledger_rollups"],
    from: "ledger_rollups t left join developers d on d.id = t.wallet_id",
    foreign: "t.scope = 'developer' and t.grain = 0 and d.id is null",
  },
];

const retained: readonly RowCheck[] = [
  {
    name: "detached_charges",
    tables: ["detached_charges"],
    from: "detached_charges t left join accounts c on c.app_id = t.app_id and c.id = t.account_id",
    foreign: "c.id is null",
  },
];

export const rowChecks: readonly RowCheck[] = [
  ...tenancy,
  ...money,
  ...limits,
  ...switched,
  ...projected,
  ...retained,
];
