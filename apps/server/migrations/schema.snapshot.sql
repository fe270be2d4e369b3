-- The schema after all migrations, for reading and for diffs; written by `pnpm generate`, never edited.
-- 0001_foundation aff824b7843e91ee
-- 0002_tenancy 11feaa12c6ce18ca
-- 0003_prices 43c6e54c101766e2
-- 0004_books 35d4a46e79c77561
-- 0005_identity f30fa9cb40caf414
-- 0006_reading 1ecd7916a07268b8
-- 0007_limits 0bbc1a7b7b765c7f
-- 0008_projectors 42444bfa486e1b7d
-- 0009_console 66afa7bbbbf139c3
-- 0010_backups 6172b940a9460926
-- 0011_alerts 84b215290a8b1e48
-- 0012_isolation 1b671989ba110cbc
-- 0013_payers 20f744267b4b26ad
-- 0014_switches ed61b3f0bd992323
-- 0015_identity 6f394da18db98396
-- 0016_key_rotation 797e7e778160d927
-- 0017_debug_log 4a67df306ca61119

create table accounts (
  app_id uuid not null,
  id uuid not null default gen_random_uuid(),
  developer_id uuid not null,
  kind text not null,
  owner_id uuid not null,
  scope_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  set_by text not null default 'app'::text,
  fund text not null default 'none'::text,
  "window" text not null default 'total'::text,
  zone text not null default 'UTC'::text,
  window_start timestamp with time zone not null default '1970-01-01 00:00:00+00'::timestamp with time zone,
  limit_usd numeric(20,8),
  balance_usd numeric(20,8) not null default 0,
  held_usd numeric(20,8) not null default 0,
  debt_usd numeric(20,8) not null default 0,
  wallet_seq bigint not null default 0,
  created_at timestamp with time zone not null default mf_now(),
  stopped_at timestamp with time zone,
  constraint accounts_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint accounts_app_id_kind_owner_id_scope_id_set_by_fund_window_w_key UNIQUE (app_id, kind, owner_id, scope_id, set_by, fund, "window", window_start),
  constraint accounts_check CHECK (((balance_usd - held_usd) >= (- debt_usd))),
  constraint accounts_check1 CHECK (((debt_usd = (0)::numeric) OR (kind = 'wallet'::text))),
  constraint accounts_check2 CHECK (((kind = 'wallet'::text) = (fund <> 'none'::text))),
  constraint accounts_check3 CHECK (((kind = 'wallet'::text) = (limit_usd IS NULL))),
  constraint accounts_debt_usd_check CHECK ((debt_usd >= (0)::numeric)),
  constraint accounts_fund_check CHECK ((fund = ANY (ARRAY['none'::text, 'promo'::text, 'test'::text, 'paid'::text]))),
  constraint accounts_held_usd_check CHECK ((held_usd >= (0)::numeric)),
  constraint accounts_kind_check CHECK ((kind = ANY (ARRAY['wallet'::text, 'session'::text, 'end_user'::text, 'feature'::text, 'app'::text, 'credential'::text, 'allowance'::text, 'developer'::text, 'platform'::text]))),
  constraint accounts_pkey PRIMARY KEY (app_id, id),
  constraint accounts_set_by_check CHECK ((set_by = ANY (ARRAY['user'::text, 'developer'::text, 'app'::text, 'feature'::text, 'operator'::text]))),
  constraint accounts_window_check CHECK (("window" = ANY (ARRAY['day'::text, 'week'::text, 'month'::text, 'total'::text])))
) with (fillfactor=60); -- row security forced

create table alert_notices (
  id uuid not null,
  alert_id uuid not null,
  event text not null,
  body text not null,
  tries integer not null default 0,
  next_at timestamp with time zone not null default mf_now(),
  delivered_at timestamp with time zone,
  given_up_at timestamp with time zone,
  last_failure text,
  created_at timestamp with time zone not null default mf_now(),
  constraint alert_notices_alert_id_event_key UNIQUE (alert_id, event),
  constraint alert_notices_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES alerts(id) ON DELETE CASCADE,
  constraint alert_notices_check CHECK (((delivered_at IS NULL) OR (given_up_at IS NULL))),
  constraint alert_notices_event_check CHECK ((event = ANY (ARRAY['alert.opened'::text, 'alert.closed'::text]))),
  constraint alert_notices_pkey PRIMARY KEY (id),
  constraint alert_notices_tries_check CHECK ((tries >= 0))
); -- row security forced

create table alerts (
  id uuid not null,
  rule text not null,
  kind text not null,
  target text not null,
  details jsonb not null default '{}'::jsonb,
  opened_at timestamp with time zone not null default mf_now(),
  seen_at timestamp with time zone not null default mf_now(),
  closed_at timestamp with time zone,
  acknowledged_by text,
  acknowledged_at timestamp with time zone,
  constraint alerts_check CHECK ((closed_at >= opened_at)),
  constraint alerts_check1 CHECK (((acknowledged_by IS NULL) = (acknowledged_at IS NULL))),
  constraint alerts_details_check CHECK ((jsonb_typeof(details) = 'object'::text)),
  constraint alerts_kind_check CHECK ((kind = ANY (ARRAY['page'::text, 'ticket'::text]))),
  constraint alerts_pkey PRIMARY KEY (id),
  constraint alerts_rule_check CHECK ((rule <> ''::text)),
  constraint alerts_target_check CHECK ((target <> ''::text))
); -- row security forced

create table app_features (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  feature_key text not null,
  display_name text not null,
  version integer not null default 1,
  policy jsonb not null,
  pricing jsonb not null,
  status text not null default 'active'::text,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  constraint app_features_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint app_features_feature_key_check CHECK ((feature_key ~ '^[a-zA-Z0-9_:-]{1,128}$'::text)),
  constraint app_features_pkey PRIMARY KEY (app_id, id),
  constraint app_features_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'archived'::text]))),
  constraint app_features_version_check CHECK ((version > 0))
); -- row security forced

create table apps (
  id uuid not null,
  developer_id uuid not null,
  public_app_id text not null,
  name text not null,
  vertical text,
  status text not null default 'active'::text,
  identity_mode text not null default 'signed'::text,
  identity jsonb not null default '{}'::jsonb,
  identity_key text,
  identity_secret_prefix text,
  user_hash_key text not null,
  allowed_origins text[] not null default '{}'::text[],
  default_developer_share_bps integer not null default 4000,
  sandbox boolean not null default false,
  session_ttl_seconds integer not null default 3600,
  session_max_age_seconds integer not null default 43200,
  session_max_spend_usd numeric(20,8),
  time_zone text not null default 'UTC'::text,
  support_url text,
  support_email text,
  abuse_email text,
  limits jsonb not null default '{}'::jsonb,
  version integer not null default 1,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  rate_limits jsonb not null default '{}'::jsonb,
  wallet_limits jsonb not null default '{}'::jsonb,
  previous_identity_key text,
  previous_identity_secret_prefix text,
  previous_identity_valid_until timestamp with time zone,
  jwks_last_good jsonb,
  debug_log_until timestamp with time zone,
  debug_log_by text,
  debug_log_at timestamp with time zone,
  constraint apps_check CHECK (((previous_identity_key IS NULL) = (previous_identity_valid_until IS NULL))),
  constraint apps_check1 CHECK (((previous_identity_key IS NULL) = (previous_identity_secret_prefix IS NULL))),
  constraint apps_check2 CHECK (((debug_log_until IS NULL) OR ((debug_log_by IS NOT NULL) AND (debug_log_at IS NOT NULL) AND (debug_log_until <= (debug_log_at + '01:00:00'::interval))))),
  constraint apps_default_developer_share_bps_check CHECK (((default_developer_share_bps >= 0) AND (default_developer_share_bps <= 10000))),
  constraint apps_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint apps_id_developer_id_key UNIQUE (id, developer_id),
  constraint apps_identity_key_check CHECK ((identity_key ~~ 'mfenc:%'::text)),
  constraint apps_identity_mode_check CHECK ((identity_mode = ANY (ARRAY['signed'::text, 'server'::text, 'demo'::text]))),
  constraint apps_pkey PRIMARY KEY (id),
  constraint apps_previous_identity_key_check CHECK ((previous_identity_key ~~ 'mfenc:%'::text)),
  constraint apps_public_app_id_check CHECK ((public_app_id ~ '^[a-zA-Z0-9_:-]{1,128}$'::text)),
  constraint apps_public_app_id_key UNIQUE (public_app_id),
  constraint apps_session_max_age_seconds_check CHECK (((session_max_age_seconds >= 60) AND (session_max_age_seconds <= 604800))),
  constraint apps_session_max_spend_usd_check CHECK ((session_max_spend_usd > (0)::numeric)),
  constraint apps_session_ttl_seconds_check CHECK (((session_ttl_seconds >= 60) AND (session_ttl_seconds <= 86400))),
  constraint apps_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'active'::text, 'disabled'::text, 'suspended'::text]))),
  constraint apps_user_hash_key_check CHECK ((user_hash_key ~~ 'mfenc:%'::text))
); -- row security forced

create table audit_logs (
  id uuid not null,
  actor_scope text not null,
  actor_id text,
  actor_name text,
  action text not null,
  resource_type text not null,
  resource_id text not null,
  app_id uuid,
  developer_id uuid,
  reason text,
  before jsonb,
  after jsonb,
  metadata jsonb not null default '{}'::jsonb,
  request_id uuid,
  address_prefix text,
  created_at timestamp with time zone not null default mf_now(),
  constraint audit_logs_action_check CHECK ((action <> ''::text)),
  constraint audit_logs_actor_scope_check CHECK ((actor_scope = ANY (ARRAY['developer'::text, 'end_user'::text, 'admin'::text, 'stripe'::text, 'system'::text, 'bootstrap'::text]))),
  constraint audit_logs_pkey PRIMARY KEY (id)
); -- row security forced

create table backups (
  id uuid not null,
  taken_at timestamp with time zone not null,
  schema_version integer not null,
  environment text not null,
  epoch integer not null,
  sha256 text not null,
  path text not null,
  rows bigint not null,
  bytes bigint not null,
  tested_at timestamp with time zone,
  created_at timestamp with time zone not null default mf_now(),
  constraint backups_bytes_check CHECK ((bytes >= 0)),
  constraint backups_check CHECK ((tested_at >= taken_at)),
  constraint backups_pkey PRIMARY KEY (id),
  constraint backups_rows_check CHECK ((rows >= 0)),
  constraint backups_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
  constraint backups_sha256_key UNIQUE (sha256)
); -- row security forced

create table book_checks (
  name text not null,
  kind text not null,
  violations integer not null,
  off_usd numeric(28,8) not null,
  samples jsonb not null default '[]'::jsonb,
  checked_at timestamp with time zone not null default mf_now(),
  constraint book_checks_kind_check CHECK ((kind = ANY (ARRAY['minute'::text, 'deep'::text]))),
  constraint book_checks_pkey PRIMARY KEY (name),
  constraint book_checks_violations_check CHECK ((violations >= 0))
); -- row security forced

create table budgets (
  level text not null,
  owner_id uuid not null,
  "window" text not null,
  window_start timestamp with time zone not null,
  developer_id uuid,
  limit_usd numeric(20,8) not null,
  leased_usd numeric(20,8) not null default 0,
  constraint budgets_check CHECK (((leased_usd >= (0)::numeric) AND (leased_usd <= limit_usd))),
  constraint budgets_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint budgets_level_check CHECK ((level = ANY (ARRAY['developer'::text, 'platform'::text]))),
  constraint budgets_limit_usd_check CHECK ((limit_usd >= (0)::numeric)),
  constraint budgets_pkey PRIMARY KEY (level, owner_id, "window", window_start),
  constraint budgets_window_check CHECK (("window" = ANY (ARRAY['day'::text, 'week'::text, 'month'::text, 'total'::text])))
); -- row security forced

create table change_head (
  one boolean not null default true,
  version bigint not null,
  constraint change_head_one_check CHECK (one),
  constraint change_head_pkey PRIMARY KEY (one)
); -- row security none

create table changes (
  version bigint not null,
  kind text not null,
  target_id text not null,
  created_at timestamp with time zone not null default mf_now(),
  constraint changes_kind_check CHECK ((kind = ANY (ARRAY['app'::text, 'session'::text, 'end_user'::text, 'wallet'::text, 'token'::text, 'prices'::text, 'provider'::text, 'settings'::text, 'credential'::text, 'switch'::text, 'operator_token'::text, 'debug_log'::text]))),
  constraint changes_pkey PRIMARY KEY (version, kind, target_id)
); -- row security none

create table console_sessions (
  id uuid not null,
  cookie_hash text not null,
  kind text not null,
  opened_by text not null,
  developer_id uuid,
  operator_id uuid,
  token_id uuid,
  credential_id text,
  person_name text not null,
  person_email text,
  authenticated_at timestamp with time zone not null default mf_now(),
  last_seen_at timestamp with time zone not null default mf_now(),
  ended_at timestamp with time zone,
  operator_token_id uuid,
  proved_at timestamp with time zone,
  constraint console_sessions_check CHECK (
CASE opened_by
    WHEN 'link'::text THEN ((token_id IS NULL) AND (operator_token_id IS NULL) AND (credential_id IS NULL) AND ((operator_id IS NOT NULL) OR (developer_id IS NOT NULL)))
    WHEN 'token'::text THEN ((credential_id IS NULL) AND
    CASE
        WHEN (operator_token_id IS NULL) THEN ((token_id IS NOT NULL) AND (developer_id IS NOT NULL) AND (operator_id IS NULL) AND (kind = 'developer'::text))
        ELSE ((token_id IS NULL) AND (operator_id IS NOT NULL))
    END)
    ELSE ((credential_id IS NOT NULL) AND (token_id IS NULL) AND (operator_token_id IS NULL) AND (developer_id IS NULL) AND (operator_id IS NULL))
END),
  constraint console_sessions_check1 CHECK (((opened_by = 'bootstrap'::text) OR
CASE kind
    WHEN 'developer'::text THEN (developer_id IS NOT NULL)
    ELSE (operator_id IS NOT NULL)
END)),
  constraint console_sessions_cookie_hash_key UNIQUE (cookie_hash),
  constraint console_sessions_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint console_sessions_kind_check CHECK ((kind = ANY (ARRAY['developer'::text, 'operator'::text]))),
  constraint console_sessions_opened_by_check CHECK ((opened_by = ANY (ARRAY['link'::text, 'token'::text, 'bootstrap'::text]))),
  constraint console_sessions_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operators(id),
  constraint console_sessions_operator_token_id_operator_id_fkey FOREIGN KEY (operator_token_id, operator_id) REFERENCES operator_tokens(id, operator_id),
  constraint console_sessions_pkey PRIMARY KEY (id),
  constraint console_sessions_token_id_developer_id_fkey FOREIGN KEY (token_id, developer_id) REFERENCES developer_api_tokens(id, developer_id)
); -- row security forced

create table debug_logs (
  app_id uuid not null,
  request_id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  sealed_bodies text not null,
  created_at timestamp with time zone not null default mf_now(),
  constraint debug_logs_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint debug_logs_pkey PRIMARY KEY (app_id, request_id),
  constraint debug_logs_sealed_bodies_check CHECK ((sealed_bodies ~~ 'mfenc:%'::text))
); -- row security forced

create table deployment (
  one boolean not null default true,
  environment text not null,
  epoch integer not null default 1,
  key_canary text,
  constraint deployment_epoch_check CHECK ((epoch > 0)),
  constraint deployment_key_canary_check CHECK ((key_canary ~~ 'mfenc:%'::text)),
  constraint deployment_one_check CHECK (one),
  constraint deployment_pkey PRIMARY KEY (one)
); -- row security none

create table detached_charges (
  app_id uuid not null,
  account_id uuid not null,
  month date not null,
  charge_usd numeric(28,8) not null,
  constraint detached_charges_app_id_account_id_fkey FOREIGN KEY (app_id, account_id) REFERENCES accounts(app_id, id) ON DELETE CASCADE,
  constraint detached_charges_month_fkey FOREIGN KEY (month) REFERENCES detached_months(month),
  constraint detached_charges_pkey PRIMARY KEY (app_id, account_id, month)
); -- row security forced

create table detached_months (
  month date not null,
  first_id uuid not null,
  end_id uuid not null,
  rows bigint not null,
  charge_usd numeric(28,8) not null,
  file text not null,
  sha256 text not null,
  detached_at timestamp with time zone not null default mf_now(),
  constraint detached_months_check CHECK ((end_id > first_id)),
  constraint detached_months_first_id_key UNIQUE (first_id),
  constraint detached_months_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
  constraint detached_months_pkey PRIMARY KEY (month),
  constraint detached_months_rows_check CHECK ((rows >= 0)),
  constraint detached_months_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
); -- row security none

create table developer_api_tokens (
  id uuid not null,
  developer_id uuid not null,
  name text not null,
  token_hash text not null,
  token_prefix text not null,
  scopes text[] not null,
  public_app_ids text[],
  models_allowed text[],
  created_by text not null,
  last_used_at timestamp with time zone,
  expires_at timestamp with time zone not null,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  rotated_from uuid,
  constraint developer_api_tokens_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint developer_api_tokens_pkey PRIMARY KEY (id),
  constraint developer_api_tokens_rotated_from_developer_id_fkey FOREIGN KEY (rotated_from, developer_id) REFERENCES developer_api_tokens(id, developer_id),
  constraint developer_api_tokens_scopes_check CHECK ((scopes <@ ARRAY['developer:apps:read'::text, 'developer:apps:write'::text, 'developer:features:read'::text, 'developer:features:write'::text, 'developer:operations:read'::text, 'developer:provider_keys:read'::text, 'developer:provider_keys:write'::text, 'developer:tokens:read'::text, 'developer:tokens:write'::text, 'developer:sessions:write'::text, 'developer:users:read'::text, 'developer:users:write'::text, 'developer:usage:read'::text])),
  constraint developer_api_tokens_token_hash_key UNIQUE (token_hash)
); -- row security forced

create table developers (
  id uuid not null,
  email text not null,
  name text not null,
  status text not null default 'active'::text,
  limits jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  constraint developers_pkey PRIMARY KEY (id),
  constraint developers_status_check CHECK ((status = ANY (ARRAY['active'::text, 'closed'::text])))
); -- row security forced

create table end_users (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  external_user_hash text not null,
  status text not null default 'active'::text,
  own boolean not null default false,
  verified boolean not null default false,
  metadata jsonb not null default '{}'::jsonb,
  last_seen_at timestamp with time zone,
  erased_at timestamp with time zone,
  created_at timestamp with time zone not null default mf_now(),
  constraint end_users_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint end_users_app_id_external_user_hash_key UNIQUE (app_id, external_user_hash),
  constraint end_users_pkey PRIMARY KEY (app_id, id),
  constraint end_users_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'erased'::text])))
); -- row security forced

create table feature_versions (
  app_id uuid not null,
  feature_id uuid not null,
  version integer not null,
  developer_id uuid not null,
  display_name text not null,
  policy jsonb not null,
  pricing jsonb not null,
  changed_by text not null,
  changed_at timestamp with time zone not null default mf_now(),
  constraint feature_versions_app_id_developer_id_feature_id_fkey FOREIGN KEY (app_id, developer_id, feature_id) REFERENCES app_features(app_id, developer_id, id),
  constraint feature_versions_pkey PRIMARY KEY (app_id, feature_id, version)
); -- row security forced

create table granted_tables (
  name text not null,
  rights text not null,
  constraint granted_tables_pkey PRIMARY KEY (name),
  constraint granted_tables_rights_check CHECK ((rights = ANY (ARRAY['append_only'::text, 'changing'::text, 'readable'::text])))
); -- row security none

create table holds (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  session_id uuid not null,
  feature_id uuid not null,
  feature_key text not null,
  feature_version integer not null,
  price_version integer not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  endpoint text not null,
  client_request_id text,
  hold_usd numeric(20,8) not null,
  leg_accounts uuid[] not null,
  leg_amounts_usd numeric(20,8)[] not null,
  lease_until timestamp with time zone not null,
  instance_id uuid not null,
  progress jsonb not null default '{}'::jsonb,
  idempotency_caller text,
  idempotency_route text,
  idempotency_key text,
  created_at timestamp with time zone not null default mf_now(),
  constraint holds_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint holds_app_id_feature_id_feature_version_fkey FOREIGN KEY (app_id, feature_id, feature_version) REFERENCES feature_versions(app_id, feature_id, version),
  constraint holds_check CHECK ((cardinality(leg_accounts) = cardinality(leg_amounts_usd))),
  constraint holds_hold_usd_check CHECK ((hold_usd >= (0)::numeric)),
  constraint holds_leg_amounts_usd_check CHECK (((0)::numeric <= ALL (leg_amounts_usd))),
  constraint holds_pkey PRIMARY KEY (app_id, id),
  constraint holds_price_version_fkey FOREIGN KEY (price_version) REFERENCES price_versions(version),
  constraint holds_route_mode_check CHECK ((route_mode = ANY (ARRAY['platform'::text, 'developer_key'::text, 'byok'::text, 'local'::text])))
) with (fillfactor=80, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000); -- row security forced

create table idempotency_answers (
  app_id uuid not null,
  caller text not null,
  route text not null,
  key text not null,
  request_id uuid not null,
  sealed_answer text not null,
  created_at timestamp with time zone not null default mf_now(),
  constraint idempotency_answers_app_id_caller_route_key_fkey FOREIGN KEY (app_id, caller, route, key) REFERENCES idempotency_keys(app_id, caller, route, key) ON DELETE CASCADE,
  constraint idempotency_answers_pkey PRIMARY KEY (app_id, caller, route, key),
  constraint idempotency_answers_sealed_answer_check CHECK ((sealed_answer ~~ 'mfenc:%'::text))
); -- row security forced

create table idempotency_keys (
  app_id uuid not null,
  caller text not null,
  route text not null,
  key text not null,
  fingerprint text not null,
  state text not null,
  request_id uuid not null,
  status integer,
  answer jsonb,
  created_at timestamp with time zone not null default mf_now(),
  finished_at timestamp with time zone,
  constraint idempotency_keys_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255))),
  constraint idempotency_keys_pkey PRIMARY KEY (app_id, caller, route, key),
  constraint idempotency_keys_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'refused'::text])))
); -- row security forced

create table instances (
  id uuid not null,
  roles text[] not null,
  version_seen bigint not null,
  started_at timestamp with time zone not null default mf_now(),
  heartbeat_at timestamp with time zone not null default mf_now(),
  rate_store text not null default 'memory'::text,
  facts jsonb not null default '{}'::jsonb,
  constraint instances_facts_check CHECK ((jsonb_typeof(facts) = 'object'::text)),
  constraint instances_pkey PRIMARY KEY (id),
  constraint instances_rate_store_check CHECK ((rate_store = ANY (ARRAY['memory'::text, 'shared'::text, 'away'::text])))
); -- row security none

create table key_rotations (
  id uuid not null,
  kind text not null,
  key_id text not null,
  old_key_ids text[] not null,
  status text not null default 'running'::text,
  total integer not null default 0,
  done integer not null default 0,
  unopened jsonb not null default '{}'::jsonb,
  reason text not null,
  started_by text not null,
  started_at timestamp with time zone not null default mf_now(),
  progressed_at timestamp with time zone not null default mf_now(),
  finished_at timestamp with time zone,
  constraint key_rotations_check CHECK (((done >= 0) AND (done <= total))),
  constraint key_rotations_check1 CHECK ((NOT (key_id = ANY (old_key_ids)))),
  constraint key_rotations_check2 CHECK (((status = 'finished'::text) = (finished_at IS NOT NULL))),
  constraint key_rotations_key_id_check CHECK ((key_id ~ '^[0-9a-f]{8}$'::text)),
  constraint key_rotations_kind_check CHECK ((kind = 'encryption'::text)),
  constraint key_rotations_pkey PRIMARY KEY (id),
  constraint key_rotations_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 1000))),
  constraint key_rotations_status_check CHECK ((status = ANY (ARRAY['running'::text, 'overlap'::text, 'finished'::text]))),
  constraint key_rotations_total_check CHECK ((total >= 0))
); -- row security forced

create table ledger_rollups (
  generation integer not null,
  grain smallint not null,
  bucket timestamp with time zone not null,
  scope text not null,
  wallet_id uuid not null,
  fund text not null,
  kind text not null,
  reason text not null,
  debits_usd numeric(28,8) not null,
  credits_usd numeric(28,8) not null,
  constraint ledger_rollups_check CHECK (((grain = 0) = (wallet_id <> '00000000-0000-0000-0000-000000000000'::uuid))),
  constraint ledger_rollups_grain_check CHECK ((grain = ANY (ARRAY[0, 60, 1440]))),
  constraint ledger_rollups_pkey PRIMARY KEY (generation, grain, bucket, scope, wallet_id, fund, kind, reason)
) with (fillfactor=70); -- row security forced

create table limits (
  app_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  developer_id uuid,
  home_app_id uuid default NULLIF(app_id, '00000000-0000-0000-0000-000000000000'::uuid),
  level text not null,
  target_id uuid not null,
  set_by text not null,
  measure text not null,
  "window" text not null,
  limit_usd numeric(20,8),
  limit_count bigint,
  updated_at timestamp with time zone not null default mf_now(),
  constraint limits_check CHECK (((measure = 'usd'::text) = (limit_usd IS NOT NULL))),
  constraint limits_check1 CHECK (((measure = 'usd'::text) = (limit_count IS NULL))),
  constraint limits_check2 CHECK ((((measure = 'usd'::text) AND ("window" <> 'minute'::text)) OR ((measure = ANY (ARRAY['requests'::text, 'tokens'::text])) AND ("window" = 'minute'::text)) OR ((measure = 'concurrency'::text) AND ("window" = 'total'::text)))),
  constraint limits_check3 CHECK (((level = ANY (ARRAY['platform'::text, 'developer'::text])) = (home_app_id IS NULL))),
  constraint limits_check4 CHECK (((level <> 'platform'::text) OR (developer_id IS NULL))),
  constraint limits_check5 CHECK (((level = 'platform'::text) OR (developer_id IS NOT NULL))),
  constraint limits_check6 CHECK (((set_by <> 'user'::text) OR ((level = 'end_user'::text) AND (measure = 'usd'::text)))),
  constraint limits_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint limits_home_app_id_developer_id_fkey FOREIGN KEY (home_app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint limits_level_check CHECK ((level = ANY (ARRAY['platform'::text, 'developer'::text, 'app'::text, 'feature'::text, 'end_user'::text, 'session'::text]))),
  constraint limits_limit_count_check CHECK ((limit_count >= 0)),
  constraint limits_limit_usd_check CHECK ((limit_usd >= (0)::numeric)),
  constraint limits_measure_check CHECK ((measure = ANY (ARRAY['usd'::text, 'requests'::text, 'tokens'::text, 'concurrency'::text]))),
  constraint limits_pkey PRIMARY KEY (app_id, level, target_id, set_by, measure, "window"),
  constraint limits_set_by_check CHECK ((set_by = ANY (ARRAY['user'::text, 'developer'::text, 'operator'::text]))),
  constraint limits_window_check CHECK (("window" = ANY (ARRAY['minute'::text, 'day'::text, 'week'::text, 'month'::text, 'total'::text])))
); -- row security forced

create table model_prices (
  version integer not null,
  provider text not null,
  model text not null,
  unit text not null,
  above_input_tokens integer not null default 0,
  price_per_million_usd numeric(20,8) not null,
  constraint model_prices_above_input_tokens_check CHECK ((above_input_tokens >= 0)),
  constraint model_prices_pkey PRIMARY KEY (version, provider, model, unit, above_input_tokens),
  constraint model_prices_price_per_million_usd_check CHECK ((price_per_million_usd >= (0)::numeric)),
  constraint model_prices_unit_check CHECK ((unit = ANY (ARRAY['input'::text, 'cached_input'::text, 'cache_write'::text, 'output'::text, 'reasoning'::text, 'request'::text]))),
  constraint model_prices_version_provider_model_fkey FOREIGN KEY (version, provider, model) REFERENCES priced_models(version, provider, model)
); -- row security none

create table operator_tokens (
  id uuid not null,
  operator_id uuid not null,
  name text not null,
  token_hash text not null,
  token_prefix text not null,
  scopes text[] not null,
  role text,
  created_by text not null,
  rotated_from uuid,
  last_used_at timestamp with time zone,
  expires_at timestamp with time zone not null,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  constraint operator_tokens_id_operator_id_key UNIQUE (id, operator_id),
  constraint operator_tokens_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operators(id),
  constraint operator_tokens_pkey PRIMARY KEY (id),
  constraint operator_tokens_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'support'::text, 'finance'::text, 'admin'::text]))),
  constraint operator_tokens_rotated_from_fkey FOREIGN KEY (rotated_from) REFERENCES operator_tokens(id),
  constraint operator_tokens_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['operator:read'::text, 'operator:support'::text, 'operator:tenants'::text, 'operator:switches'::text, 'operator:finance'::text, 'operator:platform'::text, 'operator:incidents'::text, 'operator:security'::text]))),
  constraint operator_tokens_token_hash_key UNIQUE (token_hash)
); -- row security forced

create table operators (
  id uuid not null,
  email text not null,
  name text not null,
  scopes text[] not null,
  status text not null default 'active'::text,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  constraint operators_email_check CHECK ((email <> ''::text)),
  constraint operators_pkey PRIMARY KEY (id),
  constraint operators_scopes_check CHECK ((scopes <@ ARRAY['operator:read'::text, 'operator:support'::text, 'operator:tenants'::text, 'operator:switches'::text, 'operator:finance'::text, 'operator:platform'::text, 'operator:incidents'::text, 'operator:security'::text])),
  constraint operators_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text, 'closed'::text])))
); -- row security forced

create table price_publications (
  version integer not null,
  published_by text not null,
  reason text not null,
  published_at timestamp with time zone not null default mf_now(),
  constraint price_publications_pkey PRIMARY KEY (version),
  constraint price_publications_version_fkey FOREIGN KEY (version) REFERENCES price_versions(version)
); -- row security none

create table price_versions (
  version integer not null,
  source text not null,
  effective_from timestamp with time zone not null,
  imported_by text not null,
  diff jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default mf_now(),
  constraint price_versions_pkey PRIMARY KEY (version),
  constraint price_versions_source_check CHECK ((source = ANY (ARRAY['seed'::text, 'litellm'::text, 'csv'::text, 'entries'::text])))
); -- row security none

create table priced_models (
  version integer not null,
  provider text not null,
  model text not null,
  context_length integer not null,
  max_output_tokens integer not null,
  capabilities text[] not null default '{}'::text[],
  constraint priced_models_context_length_check CHECK ((context_length > 0)),
  constraint priced_models_max_output_tokens_check CHECK ((max_output_tokens > 0)),
  constraint priced_models_pkey PRIMARY KEY (version, provider, model),
  constraint priced_models_version_fkey FOREIGN KEY (version) REFERENCES price_versions(version)
); -- row security none

create table projectors (
  name text not null,
  generation integer not null,
  state text not null,
  epoch integer not null default 0,
  xid8 xid8 not null default '0'::xid8,
  updated_at timestamp with time zone not null default mf_now(),
  constraint projectors_epoch_check CHECK ((epoch >= 0)),
  constraint projectors_generation_check CHECK ((generation > 0)),
  constraint projectors_name_check CHECK ((name = ANY (ARRAY['usage_rollups'::text, 'ledger_rollups'::text]))),
  constraint projectors_pkey PRIMARY KEY (name, generation),
  constraint projectors_state_check CHECK ((state = ANY (ARRAY['live'::text, 'building'::text, 'retired'::text])))
); -- row security none

create table provider_credentials (
  id uuid not null,
  owner_scope text not null,
  owner_id uuid not null,
  provider text not null,
  sealed_secret text,
  key_id text not null,
  masked text not null,
  last_four text not null,
  models_allowed text[],
  priority integer not null default 100,
  weight integer not null default 1,
  status text not null default 'active'::text,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  app_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  home_app_id uuid default NULLIF(app_id, '00000000-0000-0000-0000-000000000000'::uuid),
  developer_id uuid,
  end_user_id uuid,
  base_url text,
  name text,
  fallback_to_platform boolean not null default false,
  budget_limit_usd numeric(20,8),
  disclosure_version text,
  last_used_at timestamp with time zone,
  last_check jsonb,
  constraint provider_credentials_budget_limit_usd_check CHECK ((budget_limit_usd >= (0)::numeric)),
  constraint provider_credentials_check CHECK (((owner_scope = 'platform'::text) = (home_app_id IS NULL))),
  constraint provider_credentials_check1 CHECK (((home_app_id IS NULL) = (developer_id IS NULL))),
  constraint provider_credentials_check2 CHECK (((owner_scope = 'end_user'::text) = (end_user_id IS NOT NULL))),
  constraint provider_credentials_check3 CHECK (((owner_scope = 'platform'::text) OR (owner_id = COALESCE(end_user_id, developer_id)))),
  constraint provider_credentials_check4 CHECK (((owner_scope = 'end_user'::text) OR ((NOT fallback_to_platform) AND (disclosure_version IS NULL)))),
  constraint provider_credentials_check5 CHECK (((sealed_secret IS NOT NULL) OR (status = ANY (ARRAY['disabled'::text, 'needs_reentry'::text])))),
  constraint provider_credentials_disclosure_version_check CHECK ((length(disclosure_version) <= 128)),
  constraint provider_credentials_home_app_id_developer_id_end_user_id_fkey FOREIGN KEY (home_app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint provider_credentials_home_app_id_developer_id_fkey FOREIGN KEY (home_app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint provider_credentials_name_check CHECK (((length(name) >= 1) AND (length(name) <= 128))),
  constraint provider_credentials_owner_scope_check CHECK ((owner_scope = ANY (ARRAY['platform'::text, 'developer'::text, 'end_user'::text]))),
  constraint provider_credentials_pkey PRIMARY KEY (app_id, id),
  constraint provider_credentials_priority_check CHECK (((priority >= 1) AND (priority <= 1000))),
  constraint provider_credentials_sealed_secret_check CHECK ((sealed_secret ~~ 'mfenc:%'::text)),
  constraint provider_credentials_status_check CHECK ((status = ANY (ARRAY['active'::text, 'invalid'::text, 'needs_reentry'::text, 'disabled'::text]))),
  constraint provider_credentials_weight_check CHECK (((weight >= 1) AND (weight <= 1000)))
); -- row security forced

create table providers (
  name text not null,
  base_url text not null,
  dialect text not null default 'openai'::text,
  priority integer not null default 100,
  weight integer not null default 1,
  status text not null default 'on'::text,
  created_at timestamp with time zone not null default mf_now(),
  updated_at timestamp with time zone not null default mf_now(),
  constraint providers_dialect_check CHECK ((dialect = ANY (ARRAY['openai'::text, 'anthropic'::text]))),
  constraint providers_name_check CHECK ((name ~ '^[a-z0-9_.-]{1,64}$'::text)),
  constraint providers_pkey PRIMARY KEY (name),
  constraint providers_priority_check CHECK (((priority >= 1) AND (priority <= 1000))),
  constraint providers_status_check CHECK ((status = ANY (ARRAY['on'::text, 'off'::text]))),
  constraint providers_weight_check CHECK (((weight >= 1) AND (weight <= 1000)))
); -- row security none

create table schema_migrations (
  number integer not null,
  name text not null,
  checksum text not null,
  compatible_with integer not null,
  applied_at timestamp with time zone not null default now(),
  constraint schema_migrations_pkey PRIMARY KEY (number)
); -- row security none

create table settings (
  name text not null,
  value jsonb not null,
  updated_at timestamp with time zone not null default mf_now(),
  constraint settings_pkey PRIMARY KEY (name)
); -- row security none

create table sign_in_links (
  id uuid not null,
  code_hash text not null,
  kind text not null,
  developer_id uuid,
  operator_id uuid,
  email text not null,
  created_by text not null,
  expires_at timestamp with time zone not null,
  used_at timestamp with time zone,
  created_at timestamp with time zone not null default mf_now(),
  constraint sign_in_links_check CHECK (
CASE kind
    WHEN 'developer'::text THEN ((developer_id IS NOT NULL) AND (operator_id IS NULL))
    ELSE ((operator_id IS NOT NULL) AND (developer_id IS NULL))
END),
  constraint sign_in_links_code_hash_key UNIQUE (code_hash),
  constraint sign_in_links_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint sign_in_links_kind_check CHECK ((kind = ANY (ARRAY['developer'::text, 'operator'::text]))),
  constraint sign_in_links_operator_id_fkey FOREIGN KEY (operator_id) REFERENCES operators(id),
  constraint sign_in_links_pkey PRIMARY KEY (id)
); -- row security forced

create table switches (
  kind text not null,
  target_id text not null,
  app_id uuid,
  developer_id uuid,
  end_user_id uuid,
  state text not null,
  throttle_rpm integer,
  reason text not null,
  set_by text not null,
  changed_at timestamp with time zone not null default mf_now(),
  until timestamp with time zone,
  version bigint not null,
  constraint switches_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint switches_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint switches_check CHECK (((state = 'throttled'::text) = (throttle_rpm IS NOT NULL))),
  constraint switches_check1 CHECK (((until IS NULL) OR (state <> 'on'::text))),
  constraint switches_check2 CHECK (((kind <> ALL (ARRAY['platform'::text, 'provider'::text])) OR (COALESCE(app_id, developer_id, end_user_id) IS NULL))),
  constraint switches_check3 CHECK (((kind <> ALL (ARRAY['developer'::text, 'token'::text])) OR ((app_id IS NULL) AND (developer_id IS NOT NULL)))),
  constraint switches_check4 CHECK (((kind <> 'developer'::text) OR (target_id = (developer_id)::text))),
  constraint switches_check5 CHECK (((kind <> ALL (ARRAY['app'::text, 'feature'::text, 'end_user'::text, 'wallet'::text, 'session'::text])) OR ((app_id IS NOT NULL) AND (developer_id IS NOT NULL)))),
  constraint switches_check6 CHECK (((kind = ANY (ARRAY['end_user'::text, 'wallet'::text, 'session'::text])) <= (end_user_id IS NOT NULL))),
  constraint switches_check7 CHECK (((end_user_id IS NULL) OR (kind = ANY (ARRAY['end_user'::text, 'wallet'::text, 'session'::text, 'credential'::text])))),
  constraint switches_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint switches_kind_check CHECK ((kind = ANY (ARRAY['platform'::text, 'developer'::text, 'app'::text, 'feature'::text, 'end_user'::text, 'wallet'::text, 'session'::text, 'token'::text, 'credential'::text, 'provider'::text]))),
  constraint switches_pkey PRIMARY KEY (kind, target_id),
  constraint switches_reason_check CHECK ((btrim(reason) <> ''::text)),
  constraint switches_state_check CHECK ((state = ANY (ARRAY['on'::text, 'off'::text, 'throttled'::text]))),
  constraint switches_target_id_check CHECK ((target_id <> ''::text)),
  constraint switches_throttle_rpm_check CHECK (((throttle_rpm >= 1) AND (throttle_rpm <= 1000000))),
  constraint switches_version_check CHECK ((version > 0)),
  constraint switches_version_key UNIQUE (version)
); -- row security forced

create table transfers (
  app_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  kind text not null,
  source_id text not null,
  line smallint not null,
  developer_id uuid,
  from_scope text not null,
  from_id uuid not null,
  to_scope text not null,
  to_id uuid not null,
  amount_usd numeric(20,8) not null,
  reason text not null,
  fund text not null,
  wallet_seq bigint,
  balance_after_usd numeric(20,8),
  wallet_balance_after_usd numeric(20,8),
  created_at timestamp with time zone not null default mf_now(),
  epoch integer not null,
  xid8 xid8 not null default pg_current_xact_id(),
  constraint transfers_amount_usd_check CHECK (((amount_usd > (0)::numeric) AND (amount_usd <= (10000000)::numeric))),
  constraint transfers_check CHECK (((from_scope <> to_scope) OR (from_id <> to_id))),
  constraint transfers_check1 CHECK (((wallet_seq IS NOT NULL) = (('end_user'::text = from_scope) OR ('end_user'::text = to_scope)))),
  constraint transfers_fund_check CHECK ((fund = ANY (ARRAY['none'::text, 'promo'::text, 'test'::text, 'paid'::text]))),
  constraint transfers_kind_check CHECK ((kind = ANY (ARRAY['usage'::text, 'usage_reversal'::text, 'cost_correction'::text, 'adjustment'::text, 'test_credit'::text, 'seed'::text, 'probe'::text]))),
  constraint transfers_line_check CHECK ((line >= 0)),
  constraint transfers_pkey PRIMARY KEY (app_id, kind, source_id, line),
  constraint transfers_reason_check CHECK ((reason <> ''::text))
); -- row security forced

create table usage_active_users (
  app_id uuid not null,
  generation integer not null,
  grain smallint not null,
  bucket timestamp with time zone not null,
  feature_key text not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  end_user_id uuid not null,
  developer_id uuid not null,
  constraint usage_active_users_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint usage_active_users_grain_check CHECK ((grain = ANY (ARRAY[15, 1440]))),
  constraint usage_active_users_pkey PRIMARY KEY (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, end_user_id) INCLUDE (developer_id)
); -- row security forced

create table usage_events (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  session_id uuid not null,
  feature_id uuid not null,
  feature_key text not null,
  feature_version integer not null,
  price_version integer not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  served_model text not null,
  endpoint text not null,
  client_request_id text,
  input_tokens integer not null,
  cached_input_tokens integer not null,
  cache_write_tokens integer not null,
  output_tokens integer not null,
  reasoning_tokens integer not null,
  requests integer not null,
  usage_source text not null,
  simulated boolean not null,
  lines jsonb not null,
  pricing jsonb not null,
  hold_usd numeric(20,8) not null,
  upstream_cost_usd numeric(20,8) not null,
  absorbed_cost_usd numeric(20,8) not null,
  developer_share_usd numeric(20,8) not null,
  platform_share_usd numeric(20,8) not null,
  fee_usd numeric(20,8) not null,
  charge_usd numeric(20,8) not null,
  paid_usd numeric(20,8) not null default 0,
  promo_usd numeric(20,8) not null default 0,
  test_usd numeric(20,8) not null default 0,
  wallet_balance_usd numeric(20,8),
  outcome text not null,
  error_code text,
  stopped text,
  output_limit jsonb,
  warnings text[] not null default '{}'::text[],
  attempts jsonb not null default '[]'::jsonb,
  first_byte_ms integer,
  duration_ms integer not null,
  clears_at timestamp with time zone,
  opened_at timestamp with time zone not null,
  created_at timestamp with time zone not null default mf_now(),
  epoch integer not null,
  xid8 xid8 not null default pg_current_xact_id(),
  leg_accounts uuid[] not null default '{}'::uuid[],
  credential_id uuid,
  key_cost_usd numeric(20,8) not null default 0,
  provider_estimate_usd numeric(20,8),
  constraint usage_events_absorbed_cost_usd_check CHECK ((absorbed_cost_usd >= (0)::numeric)),
  constraint usage_events_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint usage_events_app_id_feature_id_feature_version_fkey FOREIGN KEY (app_id, feature_id, feature_version) REFERENCES feature_versions(app_id, feature_id, version),
  constraint usage_events_cache_write_tokens_check CHECK (((cache_write_tokens >= 0) AND (cache_write_tokens <= 100000000))),
  constraint usage_events_cached_input_tokens_check CHECK (((cached_input_tokens >= 0) AND (cached_input_tokens <= 100000000))),
  constraint usage_events_check CHECK ((((upstream_cost_usd + developer_share_usd) + platform_share_usd) = charge_usd)),
  constraint usage_events_check1 CHECK ((charge_usd <= hold_usd)),
  constraint usage_events_check2 CHECK (((fee_usd >= (0)::numeric) AND (fee_usd <= charge_usd))),
  constraint usage_events_check3 CHECK ((((paid_usd + promo_usd) + test_usd) = charge_usd)),
  constraint usage_events_check4 CHECK (((outcome <> ALL (ARRAY['failed'::text, 'flagged'::text])) OR (charge_usd = (0)::numeric))),
  constraint usage_events_developer_share_usd_check CHECK ((developer_share_usd >= (0)::numeric)),
  constraint usage_events_hidden_money CHECK (((route_mode <> ALL (ARRAY['byok'::text, 'local'::text])) OR ((upstream_cost_usd = (0)::numeric) AND (absorbed_cost_usd = (0)::numeric) AND (charge_usd = fee_usd)))),
  constraint usage_events_input_tokens_check CHECK (((input_tokens >= 0) AND (input_tokens <= 100000000))),
  constraint usage_events_key_cost_usd_check CHECK ((key_cost_usd >= (0)::numeric)),
  constraint usage_events_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'aborted'::text, 'flagged'::text]))),
  constraint usage_events_output_tokens_check CHECK (((output_tokens >= 0) AND (output_tokens <= 100000000))),
  constraint usage_events_pkey PRIMARY KEY (app_id, id),
  constraint usage_events_platform_share_usd_check CHECK ((platform_share_usd >= (0)::numeric)),
  constraint usage_events_provider_estimate_usd_check CHECK ((provider_estimate_usd >= (0)::numeric)),
  constraint usage_events_reasoning_tokens_check CHECK (((reasoning_tokens >= 0) AND (reasoning_tokens <= 100000000))),
  constraint usage_events_requests_check CHECK ((requests = ANY (ARRAY[0, 1]))),
  constraint usage_events_route_mode_check CHECK ((route_mode = ANY (ARRAY['platform'::text, 'developer_key'::text, 'byok'::text, 'local'::text]))),
  constraint usage_events_upstream_cost_usd_check CHECK ((upstream_cost_usd >= (0)::numeric)),
  constraint usage_events_usage_source_check CHECK ((usage_source = ANY (ARRAY['provider'::text, 'estimated'::text, 'reconciled'::text])))
); -- row security forced

create table usage_latencies (
  app_id uuid not null,
  generation integer not null,
  grain smallint not null,
  bucket timestamp with time zone not null,
  feature_key text not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  slot smallint not null,
  developer_id uuid not null,
  requests bigint not null,
  constraint usage_latencies_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint usage_latencies_grain_check CHECK ((grain = ANY (ARRAY[15, 180, 1440]))),
  constraint usage_latencies_pkey PRIMARY KEY (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, slot)
) with (fillfactor=70); -- row security forced

create table usage_rollups (
  app_id uuid not null,
  generation integer not null,
  grain smallint not null,
  bucket timestamp with time zone not null,
  feature_key text not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  outcome text not null,
  developer_id uuid not null,
  requests bigint not null,
  fallbacks bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  charge_usd numeric(28,8) not null,
  fee_usd numeric(28,8) not null,
  upstream_cost_usd numeric(28,8) not null,
  absorbed_cost_usd numeric(28,8) not null,
  developer_share_usd numeric(28,8) not null,
  platform_share_usd numeric(28,8) not null,
  constraint usage_rollups_app_id_developer_id_fkey FOREIGN KEY (app_id, developer_id) REFERENCES apps(id, developer_id),
  constraint usage_rollups_grain_check CHECK ((grain = ANY (ARRAY[15, 180, 1440]))),
  constraint usage_rollups_outcome_check CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'aborted'::text, 'flagged'::text]))),
  constraint usage_rollups_pkey PRIMARY KEY (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, outcome)
) with (fillfactor=70); -- row security forced

create table user_modes (
  app_id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  feature_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  home_feature_id uuid default NULLIF(feature_id, '00000000-0000-0000-0000-000000000000'::uuid),
  mode text not null,
  fallback_to_platform boolean not null default false,
  disclosure_version text,
  agreed_at timestamp with time zone,
  updated_at timestamp with time zone not null default mf_now(),
  constraint user_modes_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint user_modes_app_id_developer_id_home_feature_id_fkey FOREIGN KEY (app_id, developer_id, home_feature_id) REFERENCES app_features(app_id, developer_id, id),
  constraint user_modes_disclosure_version_check CHECK ((length(disclosure_version) <= 128)),
  constraint user_modes_mode_check CHECK ((mode = ANY (ARRAY['auto'::text, 'platform'::text, 'developer_key'::text, 'byok'::text, 'local'::text]))),
  constraint user_modes_pkey PRIMARY KEY (app_id, end_user_id, feature_id)
); -- row security forced

create table user_token_uses (
  app_id uuid not null,
  jti_hash text not null,
  expires_at timestamp with time zone not null,
  constraint user_token_uses_app_id_fkey FOREIGN KEY (app_id) REFERENCES apps(id),
  constraint user_token_uses_pkey PRIMARY KEY (app_id, jti_hash)
); -- row security forced

create table virtual_sessions (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  token_hash text not null,
  token_expires_at timestamp with time zone not null,
  previous_token_hash text,
  previous_expires_at timestamp with time zone,
  feature_key text,
  scopes text[] not null,
  modes text[],
  models text[],
  origin text,
  origins text[] not null default '{}'::text[],
  max_spend_usd numeric(20,8),
  metadata jsonb not null default '{}'::jsonb,
  identity_mode text not null,
  verified boolean not null,
  proved_at timestamp with time zone not null,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone not null default mf_now(),
  features text[],
  constraint virtual_sessions_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint virtual_sessions_app_id_token_hash_key UNIQUE (app_id, token_hash),
  constraint virtual_sessions_max_spend_usd_check CHECK ((max_spend_usd > (0)::numeric)),
  constraint virtual_sessions_pkey PRIMARY KEY (app_id, id)
); -- row security forced

create table wallet_adjustments (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  wallet_id uuid not null,
  kind text not null,
  direction text not null,
  amount_usd numeric(20,8) not null,
  reason text not null,
  actor_id text not null,
  reverses_id uuid,
  created_at timestamp with time zone not null default mf_now(),
  constraint wallet_adjustments_amount_usd_check CHECK ((amount_usd > (0)::numeric)),
  constraint wallet_adjustments_app_id_developer_id_wallet_id_fkey FOREIGN KEY (app_id, developer_id, wallet_id) REFERENCES wallets(app_id, developer_id, id),
  constraint wallet_adjustments_app_id_reverses_id_key UNIQUE (app_id, reverses_id),
  constraint wallet_adjustments_direction_check CHECK ((direction = ANY (ARRAY['credit'::text, 'debit'::text]))),
  constraint wallet_adjustments_kind_check CHECK ((kind = ANY (ARRAY['adjustment'::text, 'test_credit'::text]))),
  constraint wallet_adjustments_pkey PRIMARY KEY (app_id, id),
  constraint wallet_adjustments_reason_check CHECK ((btrim(reason) <> ''::text))
); -- row security forced

create table wallets (
  app_id uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  id uuid not null,
  owner_scope text not null,
  owner_id uuid not null,
  developer_id uuid,
  end_user_id uuid,
  status text not null default 'active'::text,
  created_at timestamp with time zone not null default mf_now(),
  constraint wallets_app_id_developer_id_end_user_id_fkey FOREIGN KEY (app_id, developer_id, end_user_id) REFERENCES end_users(app_id, developer_id, id),
  constraint wallets_app_id_owner_scope_owner_id_key UNIQUE (app_id, owner_scope, owner_id),
  constraint wallets_check CHECK ((owner_id = id)),
  constraint wallets_check1 CHECK (((owner_scope = 'end_user'::text) = (end_user_id IS NOT NULL))),
  constraint wallets_check2 CHECK (((owner_scope <> 'end_user'::text) OR (end_user_id = owner_id))),
  constraint wallets_check3 CHECK (((owner_scope <> 'end_user'::text) OR (developer_id IS NOT NULL))),
  constraint wallets_developer_id_fkey FOREIGN KEY (developer_id) REFERENCES developers(id),
  constraint wallets_owner_scope_check CHECK ((owner_scope = ANY (ARRAY['end_user'::text, 'developer'::text, 'platform'::text, 'provider_cost'::text, 'absorbed_cost'::text, 'promo'::text, 'bad_debt'::text, 'clearing'::text, 'external'::text]))),
  constraint wallets_pkey PRIMARY KEY (app_id, id),
  constraint wallets_status_check CHECK ((status = ANY (ARRAY['active'::text, 'frozen'::text])))
); -- row security forced

CREATE UNIQUE INDEX accounts_app_id_kind_owner_id_scope_id_set_by_fund_window_w_key ON public.accounts USING btree (app_id, kind, owner_id, scope_id, set_by, fund, "window", window_start);

CREATE INDEX accounts_by_budget ON public.accounts USING btree (kind, owner_id, "window", window_start) WHERE (kind = ANY (ARRAY['developer'::text, 'platform'::text]));

CREATE INDEX accounts_by_window ON public.accounts USING btree (window_start) WHERE (kind <> 'wallet'::text);

CREATE UNIQUE INDEX accounts_pkey ON public.accounts USING btree (app_id, id);

CREATE INDEX accounts_stopped ON public.accounts USING btree (app_id, id) WHERE (stopped_at IS NOT NULL);

CREATE UNIQUE INDEX alert_notices_alert_id_event_key ON public.alert_notices USING btree (alert_id, event);

CREATE INDEX alert_notices_due ON public.alert_notices USING btree (next_at) WHERE ((delivered_at IS NULL) AND (given_up_at IS NULL));

CREATE UNIQUE INDEX alert_notices_pkey ON public.alert_notices USING btree (id);

CREATE INDEX alerts_by_age ON public.alerts USING btree (opened_at DESC, id DESC);

CREATE UNIQUE INDEX alerts_open ON public.alerts USING btree (rule, target) WHERE (closed_at IS NULL);

CREATE UNIQUE INDEX alerts_pkey ON public.alerts USING btree (id);

CREATE UNIQUE INDEX app_features_key ON public.app_features USING btree (app_id, feature_key) WHERE (status <> 'archived'::text);

CREATE UNIQUE INDEX app_features_owner ON public.app_features USING btree (app_id, developer_id, id);

CREATE UNIQUE INDEX app_features_pkey ON public.app_features USING btree (app_id, id);

CREATE INDEX apps_by_developer ON public.apps USING btree (developer_id, id);

CREATE INDEX apps_by_identity_secret ON public.apps USING btree (identity_secret_prefix) WHERE (identity_secret_prefix IS NOT NULL);

CREATE INDEX apps_by_previous_identity_secret ON public.apps USING btree (previous_identity_secret_prefix) WHERE (previous_identity_secret_prefix IS NOT NULL);

CREATE UNIQUE INDEX apps_id_developer_id_key ON public.apps USING btree (id, developer_id);

CREATE UNIQUE INDEX apps_pkey ON public.apps USING btree (id);

CREATE UNIQUE INDEX apps_public_app_id_key ON public.apps USING btree (public_app_id);

CREATE INDEX audit_logs_by_action ON public.audit_logs USING btree (action, id);

CREATE INDEX audit_logs_by_actor ON public.audit_logs USING btree (actor_id, id) WHERE (actor_id IS NOT NULL);

CREATE INDEX audit_logs_by_developer ON public.audit_logs USING btree (developer_id, id);

CREATE INDEX audit_logs_by_request ON public.audit_logs USING btree (request_id) WHERE (request_id IS NOT NULL);

CREATE INDEX audit_logs_by_resource ON public.audit_logs USING btree (resource_type, resource_id);

CREATE INDEX audit_logs_of_leaks ON public.audit_logs USING btree (created_at) WHERE ((metadata -> 'leaked'::text) = 'true'::jsonb);

CREATE UNIQUE INDEX audit_logs_pkey ON public.audit_logs USING btree (id);

CREATE INDEX backups_by_age ON public.backups USING btree (taken_at DESC, id DESC);

CREATE UNIQUE INDEX backups_pkey ON public.backups USING btree (id);

CREATE UNIQUE INDEX backups_sha256_key ON public.backups USING btree (sha256);

CREATE UNIQUE INDEX book_checks_pkey ON public.book_checks USING btree (name);

CREATE UNIQUE INDEX budgets_pkey ON public.budgets USING btree (level, owner_id, "window", window_start);

CREATE UNIQUE INDEX change_head_pkey ON public.change_head USING btree (one);

CREATE UNIQUE INDEX changes_pkey ON public.changes USING btree (version, kind, target_id);

CREATE INDEX console_sessions_by_age ON public.console_sessions USING btree (authenticated_at);

CREATE UNIQUE INDEX console_sessions_cookie_hash_key ON public.console_sessions USING btree (cookie_hash);

CREATE UNIQUE INDEX console_sessions_pkey ON public.console_sessions USING btree (id);

CREATE INDEX debug_logs_by_age ON public.debug_logs USING btree (created_at);

CREATE INDEX debug_logs_of_app ON public.debug_logs USING btree (app_id, created_at);

CREATE UNIQUE INDEX debug_logs_pkey ON public.debug_logs USING btree (app_id, request_id);

CREATE UNIQUE INDEX deployment_pkey ON public.deployment USING btree (one);

CREATE UNIQUE INDEX detached_charges_pkey ON public.detached_charges USING btree (app_id, account_id, month);

CREATE UNIQUE INDEX detached_months_first_id_key ON public.detached_months USING btree (first_id);

CREATE UNIQUE INDEX detached_months_pkey ON public.detached_months USING btree (month);

CREATE INDEX developer_api_tokens_by_developer ON public.developer_api_tokens USING btree (developer_id, id);

CREATE UNIQUE INDEX developer_api_tokens_owner ON public.developer_api_tokens USING btree (id, developer_id);

CREATE UNIQUE INDEX developer_api_tokens_pkey ON public.developer_api_tokens USING btree (id);

CREATE UNIQUE INDEX developer_api_tokens_rotated ON public.developer_api_tokens USING btree (rotated_from) WHERE (rotated_from IS NOT NULL);

CREATE UNIQUE INDEX developer_api_tokens_token_hash_key ON public.developer_api_tokens USING btree (token_hash);

CREATE UNIQUE INDEX developers_email ON public.developers USING btree (lower(email));

CREATE UNIQUE INDEX developers_pkey ON public.developers USING btree (id);

CREATE UNIQUE INDEX end_users_app_id_external_user_hash_key ON public.end_users USING btree (app_id, external_user_hash);

CREATE INDEX end_users_by_age ON public.end_users USING btree (app_id, created_at);

CREATE INDEX end_users_by_last_seen ON public.end_users USING btree (app_id, last_seen_at DESC NULLS LAST, id DESC);

CREATE UNIQUE INDEX end_users_owner ON public.end_users USING btree (app_id, developer_id, id);

CREATE UNIQUE INDEX end_users_pkey ON public.end_users USING btree (app_id, id);

CREATE UNIQUE INDEX feature_versions_pkey ON public.feature_versions USING btree (app_id, feature_id, version);

CREATE UNIQUE INDEX granted_tables_pkey ON public.granted_tables USING btree (name);

CREATE INDEX holds_by_lease ON public.holds USING btree (lease_until);

CREATE UNIQUE INDEX holds_pkey ON public.holds USING btree (app_id, id);

CREATE INDEX idempotency_answers_by_age ON public.idempotency_answers USING btree (created_at);

CREATE UNIQUE INDEX idempotency_answers_pkey ON public.idempotency_answers USING btree (app_id, caller, route, key);

CREATE INDEX idempotency_keys_by_age ON public.idempotency_keys USING btree (created_at);

CREATE UNIQUE INDEX idempotency_keys_pkey ON public.idempotency_keys USING btree (app_id, caller, route, key);

CREATE UNIQUE INDEX instances_pkey ON public.instances USING btree (id);

CREATE UNIQUE INDEX key_rotations_open ON public.key_rotations USING btree (kind) WHERE (status <> 'finished'::text);

CREATE UNIQUE INDEX key_rotations_pkey ON public.key_rotations USING btree (id);

CREATE INDEX ledger_rollups_by_wallet ON public.ledger_rollups USING btree (wallet_id, scope) WHERE (grain = 0);

CREATE UNIQUE INDEX ledger_rollups_pkey ON public.ledger_rollups USING btree (generation, grain, bucket, scope, wallet_id, fund, kind, reason);

CREATE INDEX limits_by_target ON public.limits USING btree (level, target_id);

CREATE UNIQUE INDEX limits_pkey ON public.limits USING btree (app_id, level, target_id, set_by, measure, "window");

CREATE UNIQUE INDEX model_prices_pkey ON public.model_prices USING btree (version, provider, model, unit, above_input_tokens);

CREATE INDEX operator_tokens_by_operator ON public.operator_tokens USING btree (operator_id, id);

CREATE UNIQUE INDEX operator_tokens_id_operator_id_key ON public.operator_tokens USING btree (id, operator_id);

CREATE UNIQUE INDEX operator_tokens_pkey ON public.operator_tokens USING btree (id);

CREATE UNIQUE INDEX operator_tokens_rotated ON public.operator_tokens USING btree (rotated_from) WHERE (rotated_from IS NOT NULL);

CREATE UNIQUE INDEX operator_tokens_token_hash_key ON public.operator_tokens USING btree (token_hash);

CREATE UNIQUE INDEX operators_email ON public.operators USING btree (lower(email));

CREATE UNIQUE INDEX operators_pkey ON public.operators USING btree (id);

CREATE UNIQUE INDEX price_publications_pkey ON public.price_publications USING btree (version);

CREATE UNIQUE INDEX price_versions_pkey ON public.price_versions USING btree (version);

CREATE UNIQUE INDEX priced_models_pkey ON public.priced_models USING btree (version, provider, model);

CREATE UNIQUE INDEX projectors_building ON public.projectors USING btree (name) WHERE (state = 'building'::text);

CREATE UNIQUE INDEX projectors_live ON public.projectors USING btree (name) WHERE (state = 'live'::text);

CREATE UNIQUE INDEX projectors_pkey ON public.projectors USING btree (name, generation);

CREATE INDEX provider_credentials_by_id ON public.provider_credentials USING btree (id);

CREATE INDEX provider_credentials_by_provider ON public.provider_credentials USING btree (provider, priority);

CREATE INDEX provider_credentials_of_developers ON public.provider_credentials USING btree (developer_id, app_id) WHERE (owner_scope = 'developer'::text);

CREATE INDEX provider_credentials_of_users ON public.provider_credentials USING btree (app_id, end_user_id) WHERE (end_user_id IS NOT NULL);

CREATE UNIQUE INDEX provider_credentials_pkey ON public.provider_credentials USING btree (app_id, id);

CREATE UNIQUE INDEX providers_pkey ON public.providers USING btree (name);

CREATE UNIQUE INDEX schema_migrations_pkey ON public.schema_migrations USING btree (number);

CREATE UNIQUE INDEX settings_pkey ON public.settings USING btree (name);

CREATE INDEX sign_in_links_by_expiry ON public.sign_in_links USING btree (expires_at);

CREATE UNIQUE INDEX sign_in_links_code_hash_key ON public.sign_in_links USING btree (code_hash);

CREATE UNIQUE INDEX sign_in_links_pkey ON public.sign_in_links USING btree (id);

CREATE INDEX switches_by_developer ON public.switches USING btree (developer_id) WHERE (developer_id IS NOT NULL);

CREATE INDEX switches_in_force ON public.switches USING btree (until) WHERE (state <> 'on'::text);

CREATE UNIQUE INDEX switches_pkey ON public.switches USING btree (kind, target_id);

CREATE UNIQUE INDEX switches_version_key ON public.switches USING btree (version);

CREATE INDEX transfers_by_insertion ON public.transfers USING btree (epoch, xid8);

CREATE INDEX transfers_by_kind ON public.transfers USING btree (kind, epoch, xid8) WHERE (kind <> 'usage'::text);

CREATE INDEX transfers_by_time ON public.transfers USING brin (created_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX transfers_by_wallet_from ON public.transfers USING btree (app_id, from_id, wallet_seq) WHERE (from_scope = 'end_user'::text);

CREATE INDEX transfers_by_wallet_to ON public.transfers USING btree (app_id, to_id, wallet_seq) WHERE (to_scope = 'end_user'::text);

CREATE UNIQUE INDEX transfers_pkey ON public.transfers USING btree (app_id, kind, source_id, line);

CREATE UNIQUE INDEX usage_active_users_pkey ON public.usage_active_users USING btree (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, end_user_id) INCLUDE (developer_id);

CREATE INDEX usage_events_by_beginning ON ONLY public.usage_events USING brin (opened_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX usage_events_by_developer ON ONLY public.usage_events USING btree (developer_id, id);

CREATE INDEX usage_events_by_insertion ON ONLY public.usage_events USING btree (epoch, xid8);

CREATE INDEX usage_events_by_time ON ONLY public.usage_events USING brin (created_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX usage_events_by_user ON ONLY public.usage_events USING btree (app_id, end_user_id, id);

CREATE UNIQUE INDEX usage_events_pkey ON ONLY public.usage_events USING btree (app_id, id);

CREATE INDEX usage_events_unserved ON ONLY public.usage_events USING btree (developer_id, outcome, id) WHERE (outcome <> 'succeeded'::text);

CREATE UNIQUE INDEX usage_latencies_pkey ON public.usage_latencies USING btree (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, slot);

CREATE UNIQUE INDEX usage_rollups_pkey ON public.usage_rollups USING btree (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, outcome);

CREATE UNIQUE INDEX user_modes_pkey ON public.user_modes USING btree (app_id, end_user_id, feature_id);

CREATE INDEX user_token_uses_by_expiry ON public.user_token_uses USING btree (expires_at);

CREATE UNIQUE INDEX user_token_uses_pkey ON public.user_token_uses USING btree (app_id, jti_hash);

CREATE UNIQUE INDEX virtual_sessions_app_id_token_hash_key ON public.virtual_sessions USING btree (app_id, token_hash);

CREATE INDEX virtual_sessions_by_expiry ON public.virtual_sessions USING btree (token_expires_at);

CREATE INDEX virtual_sessions_by_user ON public.virtual_sessions USING btree (app_id, end_user_id);

CREATE UNIQUE INDEX virtual_sessions_pkey ON public.virtual_sessions USING btree (app_id, id);

CREATE INDEX virtual_sessions_previous_token ON public.virtual_sessions USING btree (previous_token_hash) WHERE (previous_token_hash IS NOT NULL);

CREATE INDEX virtual_sessions_token ON public.virtual_sessions USING btree (token_hash);

CREATE UNIQUE INDEX wallet_adjustments_app_id_reverses_id_key ON public.wallet_adjustments USING btree (app_id, reverses_id);

CREATE UNIQUE INDEX wallet_adjustments_pkey ON public.wallet_adjustments USING btree (app_id, id);

CREATE UNIQUE INDEX wallets_app_id_owner_scope_owner_id_key ON public.wallets USING btree (app_id, owner_scope, owner_id);

CREATE INDEX wallets_by_id ON public.wallets USING btree (id);

CREATE UNIQUE INDEX wallets_owner ON public.wallets USING btree (app_id, developer_id, id);

CREATE UNIQUE INDEX wallets_pkey ON public.wallets USING btree (app_id, id);

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.audit_logs FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.detached_months FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.feature_versions FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.model_prices FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.price_publications FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.price_versions FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.priced_models FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.transfers FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON public.usage_events FOR EACH ROW EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.audit_logs FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.detached_months FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.feature_versions FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.model_prices FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.price_publications FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.price_versions FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.priced_models FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.transfers FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON public.usage_events FOR EACH STATEMENT EXECUTE FUNCTION mf_refuse_change();

CREATE TRIGGER environment_once BEFORE UPDATE OF environment ON public.deployment FOR EACH ROW WHEN ((old.environment <> new.environment)) EXECUTE FUNCTION mf_keep_environment();

create view entries with (security_invoker=true) as SELECT transfers.app_id,
    transfers.kind,
    transfers.source_id,
    transfers.line,
    transfers.from_scope AS scope,
    transfers.from_id AS wallet_id,
    (- transfers.amount_usd) AS amount_usd,
        CASE
            WHEN ((transfers.kind = 'usage'::text) AND (transfers.from_scope = 'end_user'::text)) THEN 'usage_charge'::text
            ELSE transfers.reason
        END AS reason,
    transfers.fund,
        CASE
            WHEN (transfers.from_scope = 'end_user'::text) THEN transfers.wallet_seq
            ELSE NULL::bigint
        END AS wallet_seq,
    transfers.balance_after_usd,
    transfers.wallet_balance_after_usd,
    transfers.developer_id,
    transfers.created_at
   FROM transfers
UNION ALL
 SELECT transfers.app_id,
    transfers.kind,
    transfers.source_id,
    transfers.line,
    transfers.to_scope AS scope,
    transfers.to_id AS wallet_id,
    transfers.amount_usd,
        CASE
            WHEN ((transfers.kind = 'usage_reversal'::text) AND (transfers.to_scope = 'end_user'::text)) THEN 'usage_charge'::text
            ELSE transfers.reason
        END AS reason,
    transfers.fund,
        CASE
            WHEN (transfers.to_scope = 'end_user'::text) THEN transfers.wallet_seq
            ELSE NULL::bigint
        END AS wallet_seq,
    transfers.balance_after_usd,
    transfers.wallet_balance_after_usd,
    transfers.developer_id,
    transfers.created_at
   FROM transfers;

create view projections with (security_invoker=true) as SELECT name,
    generation,
    epoch,
    xid8
   FROM projectors
  WHERE (state = 'live'::text);

create view receipts with (security_invoker=true) as SELECT app_id,
    id AS request_id,
    ('rcpt_req_'::text || id) AS receipt_id,
    developer_id,
    end_user_id,
    'pending'::text AS signature,
    created_at
   FROM usage_events
  WHERE (outcome = ANY (ARRAY['succeeded'::text, 'aborted'::text]));

create view unrolled_transfers with (security_invoker=true) as SELECT transfers.app_id,
    transfers.kind,
    transfers.source_id,
    transfers.line,
    transfers.developer_id,
    transfers.from_scope,
    transfers.from_id,
    transfers.to_scope,
    transfers.to_id,
    transfers.amount_usd,
    transfers.reason,
    transfers.fund,
    transfers.wallet_seq,
    transfers.balance_after_usd,
    transfers.wallet_balance_after_usd,
    transfers.created_at,
    transfers.epoch,
    transfers.xid8
   FROM transfers
  WHERE ((transfers.epoch = ( SELECT projections.epoch
           FROM projections
          WHERE (projections.name = 'ledger_rollups'::text))) AND (transfers.xid8 > ( SELECT projections.xid8
           FROM projections
          WHERE (projections.name = 'ledger_rollups'::text))) AND (transfers.xid8 < '9223372036854775807'::xid8))
UNION ALL
 SELECT transfers.app_id,
    transfers.kind,
    transfers.source_id,
    transfers.line,
    transfers.developer_id,
    transfers.from_scope,
    transfers.from_id,
    transfers.to_scope,
    transfers.to_id,
    transfers.amount_usd,
    transfers.reason,
    transfers.fund,
    transfers.wallet_seq,
    transfers.balance_after_usd,
    transfers.wallet_balance_after_usd,
    transfers.created_at,
    transfers.epoch,
    transfers.xid8
   FROM transfers
  WHERE ((transfers.epoch > ( SELECT projections.epoch
           FROM projections
          WHERE (projections.name = 'ledger_rollups'::text))) AND (transfers.epoch < 2147483647));

create view wallet_balances with (security_invoker=true) as SELECT scope,
    wallet_id,
    fund,
    sum(amount_usd) AS balance_usd
   FROM ( SELECT ledger_rollups.scope,
            ledger_rollups.wallet_id,
            ledger_rollups.fund,
            (ledger_rollups.credits_usd - ledger_rollups.debits_usd) AS amount_usd
           FROM ledger_rollups
          WHERE ((ledger_rollups.grain = 0) AND (ledger_rollups.generation = ( SELECT projections.generation
                   FROM projections
                  WHERE (projections.name = 'ledger_rollups'::text))))
        UNION ALL
         SELECT s.scope,
            s.wallet_id,
            t.fund,
            s.amount_usd
           FROM (unrolled_transfers t
             CROSS JOIN LATERAL ( VALUES (t.from_scope,t.from_id,(- t.amount_usd)), (t.to_scope,t.to_id,t.amount_usd)) s(scope, wallet_id, amount_usd))) moved
  GROUP BY scope, wallet_id, fund;

create policy adding on accounts for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((owner_id = ( SELECT mf_end_user() AS mf_end_user)) OR (scope_id = ( SELECT mf_end_user() AS mf_end_user)))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,operator}'::text[])));

create policy changing on accounts for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((owner_id = ( SELECT mf_end_user() AS mf_end_user)) OR (scope_id = ( SELECT mf_end_user() AS mf_end_user)))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((owner_id = ( SELECT mf_end_user() AS mf_end_user)) OR (scope_id = ( SELECT mf_end_user() AS mf_end_user)))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,operator}'::text[])));

create policy reading on accounts for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((owner_id = ( SELECT mf_end_user() AS mf_end_user)) OR (scope_id = ( SELECT mf_end_user() AS mf_end_user)) OR ((kind = ANY (ARRAY['app'::text, 'feature'::text])) AND (( SELECT mf_end_user() AS mf_end_user) IS NOT NULL)))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,recovery,auth,settlement,operator,backup,isolation}'::text[])));

create policy removing on accounts for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((owner_id = ( SELECT mf_end_user() AS mf_end_user)) OR (scope_id = ( SELECT mf_end_user() AS mf_end_user)))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,operator}'::text[])));

create policy adding on alert_notices for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on alert_notices for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on alert_notices for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator,backup,isolation}'::text[])));

create policy removing on alert_notices for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on alerts for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on alerts for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on alerts for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator,backup,isolation}'::text[])));

create policy removing on alerts for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on app_features for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on app_features for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on app_features for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,cache,operator,backup,isolation}'::text[])));

create policy removing on app_features for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on apps for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on apps for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy projecting on apps for select
  using (( SELECT mf_purpose() AS mf_purpose) = 'projection'::text);

create policy reading on apps for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,cache,operator,backup,isolation}'::text[])));

create policy removing on apps for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on audit_logs for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,recovery,operator}'::text[])));

create policy changing on audit_logs for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,recovery,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,recovery,operator}'::text[])));

create policy reading on audit_logs for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,recovery,operator,backup,isolation}'::text[])));

create policy removing on audit_logs for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,settlement,recovery,operator}'::text[])));

create policy adding on backups for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on backups for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on backups for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator,backup,isolation}'::text[])));

create policy removing on backups for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on book_checks for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on book_checks for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on book_checks for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator,backup,isolation}'::text[])));

create policy removing on book_checks for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on budgets for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy changing on budgets for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy reading on budgets for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator,backup,isolation}'::text[])));

create policy removing on budgets for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy adding on console_sessions for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on console_sessions for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on console_sessions for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator,backup,isolation}'::text[])));

create policy removing on console_sessions for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on debug_logs for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy changing on debug_logs for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy reading on debug_logs for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator,backup,isolation}'::text[])));

create policy removing on debug_logs for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy adding on detached_charges for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on detached_charges for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on detached_charges for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator,backup,isolation}'::text[])));

create policy removing on detached_charges for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on developer_api_tokens for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on developer_api_tokens for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on developer_api_tokens for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,auth,operator,backup,isolation}'::text[])));

create policy removing on developer_api_tokens for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on developers for insert
  with check ((id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on developers for update
  using ((id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check ((id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on developers for select
  using ((id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,cache,operator,backup,isolation}'::text[])));

create policy removing on developers for delete
  using ((id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on end_users for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on end_users for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on end_users for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,auth,operator,backup,isolation}'::text[])));

create policy removing on end_users for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on feature_versions for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on feature_versions for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on feature_versions for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,operator,backup,isolation}'::text[])));

create policy removing on feature_versions for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (app_id = ( SELECT mf_app() AS mf_app)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on holds for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy changing on holds for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy reading on holds for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{recovery,settlement,operator,backup,isolation}'::text[])));

create policy removing on holds for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy adding on idempotency_answers for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])));

create policy changing on idempotency_answers for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])));

create policy reading on idempotency_answers for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator,backup,isolation}'::text[])));

create policy removing on idempotency_answers for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])));

create policy adding on idempotency_keys for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])));

create policy changing on idempotency_keys for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])));

create policy reading on idempotency_keys for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator,backup,isolation}'::text[])));

create policy removing on idempotency_keys for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,recovery,operator}'::text[])));

create policy adding on key_rotations for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on key_rotations for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on key_rotations for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,operator,backup,isolation}'::text[])));

create policy removing on key_rotations for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on ledger_rollups for insert
  with check (((scope = 'developer'::text) AND (wallet_id = ( SELECT mf_developer() AS mf_developer))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy changing on ledger_rollups for update
  using (((scope = 'developer'::text) AND (wallet_id = ( SELECT mf_developer() AS mf_developer))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])))
  with check (((scope = 'developer'::text) AND (wallet_id = ( SELECT mf_developer() AS mf_developer))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy reading on ledger_rollups for select
  using (((scope = 'developer'::text) AND (wallet_id = ( SELECT mf_developer() AS mf_developer))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator,backup,isolation}'::text[])));

create policy removing on ledger_rollups for delete
  using (((scope = 'developer'::text) AND (wallet_id = ( SELECT mf_developer() AS mf_developer))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy adding on limits for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (target_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on limits for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (target_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (target_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on limits for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (target_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,auth,operator,backup,isolation}'::text[])));

create policy removing on limits for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (target_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on operator_tokens for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on operator_tokens for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on operator_tokens for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator,backup,isolation}'::text[])));

create policy removing on operator_tokens for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on operators for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on operators for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on operators for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator,backup,isolation}'::text[])));

create policy removing on operators for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on provider_credentials for insert
  with check (((owner_scope = 'developer'::text) AND (developer_id = ( SELECT mf_developer() AS mf_developer))) OR ((owner_scope = 'end_user'::text) AND (app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on provider_credentials for update
  using (((owner_scope = 'developer'::text) AND (developer_id = ( SELECT mf_developer() AS mf_developer))) OR ((owner_scope = 'end_user'::text) AND (app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (((owner_scope = 'developer'::text) AND (developer_id = ( SELECT mf_developer() AS mf_developer))) OR ((owner_scope = 'end_user'::text) AND (app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on provider_credentials for select
  using (((owner_scope = 'developer'::text) AND (developer_id = ( SELECT mf_developer() AS mf_developer))) OR ((owner_scope = 'end_user'::text) AND (app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,operator,backup,isolation}'::text[])));

create policy removing on provider_credentials for delete
  using (((owner_scope = 'developer'::text) AND (developer_id = ( SELECT mf_developer() AS mf_developer))) OR ((owner_scope = 'end_user'::text) AND (app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on sign_in_links for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on sign_in_links for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on sign_in_links for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator,backup,isolation}'::text[])));

create policy removing on sign_in_links for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on switches for insert
  with check (((developer_id = ( SELECT mf_developer() AS mf_developer)) AND ((kind <> 'credential'::text) OR (end_user_id IS NULL))) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy changing on switches for update
  using (((developer_id = ( SELECT mf_developer() AS mf_developer)) AND ((kind <> 'credential'::text) OR (end_user_id IS NULL))) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])))
  with check (((developer_id = ( SELECT mf_developer() AS mf_developer)) AND ((kind <> 'credential'::text) OR (end_user_id IS NULL))) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy reading on switches for select
  using (((developer_id = ( SELECT mf_developer() AS mf_developer)) AND ((kind <> 'credential'::text) OR (end_user_id IS NULL))) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,cache,operator,backup,isolation}'::text[])));

create policy removing on switches for delete
  using (((developer_id = ( SELECT mf_developer() AS mf_developer)) AND ((kind <> 'credential'::text) OR (end_user_id IS NULL))) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator}'::text[])));

create policy adding on transfers for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((( SELECT mf_end_user() AS mf_end_user) = from_id) OR (( SELECT mf_end_user() AS mf_end_user) = to_id))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy changing on transfers for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((( SELECT mf_end_user() AS mf_end_user) = from_id) OR (( SELECT mf_end_user() AS mf_end_user) = to_id))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((( SELECT mf_end_user() AS mf_end_user) = from_id) OR (( SELECT mf_end_user() AS mf_end_user) = to_id))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy reading on transfers for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((( SELECT mf_end_user() AS mf_end_user) = from_id) OR (( SELECT mf_end_user() AS mf_end_user) = to_id))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,recovery,settlement,operator,backup,isolation}'::text[])));

create policy removing on transfers for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND ((( SELECT mf_end_user() AS mf_end_user) = from_id) OR (( SELECT mf_end_user() AS mf_end_user) = to_id))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy adding on usage_active_users for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy changing on usage_active_users for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy reading on usage_active_users for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator,backup,isolation}'::text[])));

create policy removing on usage_active_users for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy adding on usage_events for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy changing on usage_events for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy reading on usage_events for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,recovery,settlement,operator,backup,isolation}'::text[])));

create policy removing on usage_events for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy dumping on usage_events_2026_11 for select
  using (( SELECT mf_purpose() AS mf_purpose) = 'backup'::text);

create policy dumping on usage_events_2026_12 for select
  using (( SELECT mf_purpose() AS mf_purpose) = 'backup'::text);

create policy dumping on usage_events_2027_01 for select
  using (( SELECT mf_purpose() AS mf_purpose) = 'backup'::text);

create policy dumping on usage_events_2027_02 for select
  using (( SELECT mf_purpose() AS mf_purpose) = 'backup'::text);

create policy dumping on usage_events_default for select
  using (( SELECT mf_purpose() AS mf_purpose) = 'backup'::text);

create policy watching on usage_events_default for select
  using (( SELECT mf_purpose() AS mf_purpose) = ANY ('{operator,isolation}'::text[]));

create policy adding on usage_latencies for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy changing on usage_latencies for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy reading on usage_latencies for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator,backup,isolation}'::text[])));

create policy removing on usage_latencies for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy adding on usage_rollups for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy changing on usage_rollups for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy reading on usage_rollups for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator,backup,isolation}'::text[])));

create policy removing on usage_rollups for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{projection,operator}'::text[])));

create policy adding on user_modes for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on user_modes for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on user_modes for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,auth,operator,backup,isolation}'::text[])));

create policy removing on user_modes for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on user_token_uses for insert
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on user_token_uses for update
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on user_token_uses for select
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator,backup,isolation}'::text[])));

create policy removing on user_token_uses for delete
  using (false OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on virtual_sessions for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on virtual_sessions for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on virtual_sessions for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,auth,operator,backup,isolation}'::text[])));

create policy removing on virtual_sessions for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (end_user_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy adding on wallet_adjustments for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (wallet_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy changing on wallet_adjustments for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (wallet_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (wallet_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy reading on wallet_adjustments for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (wallet_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator,backup,isolation}'::text[])));

create policy removing on wallet_adjustments for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (wallet_id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{settlement,operator}'::text[])));

create policy adding on wallets for insert
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy changing on wallets for update
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])))
  with check ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

create policy reading on wallets for select
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{cache,settlement,auth,operator,backup,isolation}'::text[])));

create policy removing on wallets for delete
  using ((developer_id = ( SELECT mf_developer() AS mf_developer)) OR ((app_id = ( SELECT mf_app() AS mf_app)) AND (id = ( SELECT mf_end_user() AS mf_end_user))) OR (( SELECT mf_purpose() AS mf_purpose) = ANY ('{auth,operator}'::text[])));

grant select on accounts to mf_read;

grant select on alert_notices to mf_read;

grant select on alerts to mf_read;

grant select on app_features to mf_read;

grant select on apps to mf_read;

grant select on audit_logs to mf_read;

grant select on backups to mf_read;

grant select on book_checks to mf_read;

grant select on budgets to mf_read;

grant select on change_head to mf_read;

grant select on changes to mf_read;

grant select on console_sessions to mf_read;

grant select on debug_logs to mf_read;

grant select on deployment to mf_read;

grant select on detached_charges to mf_read;

grant select on detached_months to mf_read;

grant select on developer_api_tokens to mf_read;

grant select on developers to mf_read;

grant select on end_users to mf_read;

grant select on entries to mf_read;

grant select on feature_versions to mf_read;

grant select on holds to mf_read;

grant select on idempotency_answers to mf_read;

grant select on idempotency_keys to mf_read;

grant select on instances to mf_read;

grant select on key_rotations to mf_read;

grant select on ledger_rollups to mf_read;

grant select on limits to mf_read;

grant select on model_prices to mf_read;

grant select on operator_tokens to mf_read;

grant select on operators to mf_read;

grant select on price_publications to mf_read;

grant select on price_versions to mf_read;

grant select on priced_models to mf_read;

grant select on projections to mf_read;

grant select on projectors to mf_read;

grant select on provider_credentials to mf_read;

grant select on providers to mf_read;

grant select on receipts to mf_read;

grant select on schema_migrations to mf_read;

grant select on settings to mf_read;

grant select on sign_in_links to mf_read;

grant select on switches to mf_read;

grant select on transfers to mf_read;

grant select on unrolled_transfers to mf_read;

grant select on usage_active_users to mf_read;

grant select on usage_events to mf_read;

grant select on usage_latencies to mf_read;

grant select on usage_rollups to mf_read;

grant select on user_modes to mf_read;

grant select on user_token_uses to mf_read;

grant select on virtual_sessions to mf_read;

grant select on wallet_adjustments to mf_read;

grant select on wallet_balances to mf_read;

grant select on wallets to mf_read;

grant delete, insert, select, update on accounts to mf_runtime;

grant delete, insert, select, update on alert_notices to mf_runtime;

grant delete, insert, select, update on alerts to mf_runtime;

grant delete, insert, select, update on app_features to mf_runtime;

grant delete, insert, select, update on apps to mf_runtime;

grant insert, select on audit_logs to mf_runtime;

grant select on backups to mf_runtime;

grant delete, insert, select, update on book_checks to mf_runtime;

grant delete, insert, select, update on budgets to mf_runtime;

grant delete, insert, select, update on change_head to mf_runtime;

grant delete, insert, select, update on changes to mf_runtime;

grant delete, insert, select, update on console_sessions to mf_runtime;

grant delete, insert, select, update on debug_logs to mf_runtime;

grant delete, insert, select, update on deployment to mf_runtime;

grant select on detached_charges to mf_runtime;

grant select on detached_months to mf_runtime;

grant delete, insert, select, update on developer_api_tokens to mf_runtime;

grant delete, insert, select, update on developers to mf_runtime;

grant delete, insert, select, update on end_users to mf_runtime;

grant select on entries to mf_runtime;

grant insert, select on feature_versions to mf_runtime;

grant delete, insert, select, update on holds to mf_runtime;

grant delete, insert, select, update on idempotency_answers to mf_runtime;

grant delete, insert, select, update on idempotency_keys to mf_runtime;

grant delete, insert, select, update on instances to mf_runtime;

grant delete, insert, select, update on key_rotations to mf_runtime;

grant delete, insert, select, update on ledger_rollups to mf_runtime;

grant delete, insert, select, update on limits to mf_runtime;

grant insert, select on model_prices to mf_runtime;

grant delete, insert, select, update on operator_tokens to mf_runtime;

grant delete, insert, select, update on operators to mf_runtime;

grant insert, select on price_publications to mf_runtime;

grant insert, select on price_versions to mf_runtime;

grant insert, select on priced_models to mf_runtime;

grant select on projections to mf_runtime;

grant delete, insert, select, update on projectors to mf_runtime;

grant delete, insert, select, update on provider_credentials to mf_runtime;

grant delete, insert, select, update on providers to mf_runtime;

grant select on receipts to mf_runtime;

grant select on schema_migrations to mf_runtime;

grant delete, insert, select, update on settings to mf_runtime;

grant delete, insert, select, update on sign_in_links to mf_runtime;

grant delete, insert, select, update on switches to mf_runtime;

grant insert, select on transfers to mf_runtime;

grant select on unrolled_transfers to mf_runtime;

grant delete, insert, select, update on usage_active_users to mf_runtime;

grant insert, select on usage_events to mf_runtime;

grant delete, insert, select, update on usage_latencies to mf_runtime;

grant delete, insert, select, update on usage_rollups to mf_runtime;

grant delete, insert, select, update on user_modes to mf_runtime;

grant delete, insert, select, update on user_token_uses to mf_runtime;

grant delete, insert, select, update on virtual_sessions to mf_runtime;

grant delete, insert, select, update on wallet_adjustments to mf_runtime;

grant select on wallet_balances to mf_runtime;

grant delete, insert, select, update on wallets to mf_runtime;

CREATE OR REPLACE FUNCTION public.mf_app()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select public.mf_setting('mf.app_id')::uuid $function$;

CREATE OR REPLACE PROCEDURE public.mf_declare(IN granted text, VARIADIC names text[])
 LANGUAGE plpgsql
AS $procedure$
begin
  insert into granted_tables (name, rights) select unnest(names), granted
  on conflict (name) do update set rights = excluded.rights;
end $procedure$;

CREATE OR REPLACE FUNCTION public.mf_developer()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select public.mf_setting('mf.developer_id')::uuid $function$;

CREATE OR REPLACE FUNCTION public.mf_end_user()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select public.mf_setting('mf.end_user_id')::uuid $function$;

CREATE OR REPLACE FUNCTION public.mf_ensure_usage_partitions()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public'
AS $function$
declare
  month timestamptz := date_trunc('month', mf_now() at time zone 'UTC') at time zone 'UTC';
  following timestamptz;
  child text;
begin
  for step in 0..3 loop
    following := ((month at time zone 'UTC') + interval '1 month') at time zone 'UTC';
    child := 'usage_events_' || to_char(month at time zone 'UTC', 'YYYY_MM');
    if to_regclass(child) is null then
      execute format('create table %I partition of usage_events for values from (%L) to (%L)', child, mf_uuid_at(month), mf_uuid_at(following));
      execute format('alter table %I enable row level security', child);
      execute format('alter table %I force row level security', child);
      call mf_open_to_backup(child::regclass);
    end if;
    month := following;
  end loop;
end $function$;

CREATE OR REPLACE PROCEDURE public.mf_grant(IN runtime name, IN reader name)
 LANGUAGE plpgsql
AS $procedure$
declare
  declared record;
begin
  if runtime is not null then execute format('grant usage on schema public to %I', runtime); end if;
  if reader is not null then execute format('grant usage on schema public to %I', reader); end if;
  for declared in select name, rights from granted_tables order by name loop
    if runtime is not null then
      execute format('grant %s on %I to %I', case declared.rights
        when 'append_only' then 'select, insert' when 'changing' then 'select, insert, update, delete' else 'select' end,
        declared.name, runtime);
    end if;
    if reader is not null then execute format('grant select on %I to %I', declared.name, reader); end if;
  end loop;
  if runtime is not null then
    execute format('grant execute on function mf_ensure_usage_partitions() to %I', runtime);
  end if;
end $procedure$;

CREATE OR REPLACE FUNCTION public.mf_keep_environment()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'the environment of a database is set once' using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE PROCEDURE public.mf_make_append_only(IN target regclass)
 LANGUAGE plpgsql
AS $procedure$
begin
  execute format('create trigger append_only before update or delete on %s for each row execute function mf_refuse_change()', target);
  execute format('create trigger append_only_whole before truncate on %s for each statement execute function mf_refuse_change()', target);
end $procedure$;

CREATE OR REPLACE FUNCTION public.mf_now()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select now() $function$;

CREATE OR REPLACE PROCEDURE public.mf_open_to_backup(IN partition regclass)
 LANGUAGE plpgsql
AS $procedure$
begin
  execute format('create policy dumping on %s for select using ((select mf_purpose()) = ''backup'')', partition);
end $procedure$;

CREATE OR REPLACE PROCEDURE public.mf_protect(IN target regclass, IN tenant_rule text, IN readers text[], IN writers text[])
 LANGUAGE plpgsql
AS $procedure$
declare
  may_read text := format('(%s) or (select mf_purpose()) = any (%L::text[])', tenant_rule,
    readers || writers || '{operator,backup,isolation}'::text[]);
  may_write text := format('(%s) or (select mf_purpose()) = any (%L::text[])', tenant_rule, writers || '{operator}'::text[]);
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format('create policy reading on %s for select using (%s)', target, may_read);
  execute format('create policy adding on %s for insert with check (%s)', target, may_write);
  execute format('create policy changing on %s for update using (%s) with check (%s)', target, may_write, may_write);
  execute format('create policy removing on %s for delete using (%s)', target, may_write);
end $procedure$;

CREATE OR REPLACE FUNCTION public.mf_purpose()
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
  select case when public.mf_setting('mf.purpose') in
    ('auth', 'cache', 'settlement', 'recovery', 'projection', 'operator', 'backup', 'isolation')
    then public.mf_setting('mf.purpose') end
$function$;

CREATE OR REPLACE FUNCTION public.mf_refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $function$;

CREATE OR REPLACE FUNCTION public.mf_setting(name text)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select nullif(current_setting(name, true), '') $function$;

CREATE OR REPLACE FUNCTION public.mf_uuid_at(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$function$;

CREATE OR REPLACE FUNCTION public.mf_window_end("window" text, zone text, started timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case "window" when 'total' then null
    else ((started at time zone zone) + ('1 ' || "window")::interval) at time zone zone end
$function$;

CREATE OR REPLACE FUNCTION public.mf_window_start("window" text, zone text, at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  select case "window" when 'total' then '1970-01-01T00:00:00Z'::timestamptz
    else date_trunc("window", at at time zone zone) at time zone zone end
$function$;
