-- The books: accounts that can refuse, holds that are open, the log of what was settled, and the transfers.

create table wallets (
  app_id uuid not null default '00000000-0000-0000-0000-000000000000',
  -- The owner's id: an end user's, a developer's, or one of the system owners 00000000-0000-0000-0000-0000000000NN.
  id uuid not null,
  owner_scope text not null check (owner_scope in ('end_user', 'developer', 'platform', 'provider_cost', 'absorbed_cost',
    'promo', 'bad_debt', 'clearing', 'external')),
  owner_id uuid not null check (owner_id = id),
  developer_id uuid references developers,
  end_user_id uuid,
  status text not null default 'active' check (status in ('active', 'frozen')),
  created_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  unique (app_id, owner_scope, owner_id),
  foreign key (app_id, end_user_id) references end_users (app_id, id),
  check ((owner_scope = 'end_user') = (end_user_id is not null)),
  check (owner_scope <> 'end_user' or end_user_id = owner_id)
);
call mf_protect('wallets', 'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and id = (select mf_end_user()))',
  '{cache,settlement}', '{auth}');
-- Row security binds the owner too: the system's wallets are made as the operator.
select set_config('mf.purpose', 'operator', true);
insert into wallets (id, owner_id, owner_scope)
  select owner.id::uuid, owner.id::uuid, owner.scope from (values
    ('00000000-0000-0000-0000-000000000001', 'platform'), ('00000000-0000-0000-0000-000000000002', 'provider_cost'),
    ('00000000-0000-0000-0000-000000000003', 'absorbed_cost'), ('00000000-0000-0000-0000-000000000004', 'promo'),
    ('00000000-0000-0000-0000-000000000005', 'bad_debt'), ('00000000-0000-0000-0000-000000000006', 'clearing'),
    ('00000000-0000-0000-0000-000000000007', 'clearing'), ('00000000-0000-0000-0000-000000000010', 'external'),
    ('00000000-0000-0000-0000-000000000011', 'external'), ('00000000-0000-0000-0000-000000000012', 'external'),
    ('00000000-0000-0000-0000-000000000013', 'external')) as owner (id, scope);
select set_config('mf.purpose', '', true);

create table accounts (
  app_id uuid not null,
  id uuid not null default gen_random_uuid(),
  developer_id uuid not null,
  kind text not null check (kind in ('wallet', 'session', 'end_user', 'feature', 'app', 'credential', 'allowance', 'developer', 'platform')),
  owner_id uuid not null,
  scope_id uuid not null default '00000000-0000-0000-0000-000000000000',
  set_by text not null default 'app' check (set_by in ('user', 'developer', 'app', 'feature', 'operator')),
  fund text not null default 'none' check (fund in ('none', 'promo', 'test', 'paid')),
  "window" text not null default 'total' check ("window" in ('day', 'week', 'month', 'total')),
  zone text not null default 'UTC',
  window_start timestamptz not null default '1970-01-01T00:00:00Z',
  limit_usd numeric(20,8),
  balance_usd numeric(20,8) not null default 0,
  held_usd numeric(20,8) not null default 0 check (held_usd >= 0),
  debt_usd numeric(20,8) not null default 0 check (debt_usd >= 0),
  -- The number of the wallet's last transaction that touched this fund; the wallet's own is the greatest of its funds.
  wallet_seq bigint not null default 0,
  created_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  unique (app_id, kind, owner_id, scope_id, set_by, fund, "window", window_start),
  foreign key (app_id, developer_id) references apps (id, developer_id),
  check (balance_usd - held_usd >= -debt_usd),
  check (debt_usd = 0 or kind = 'wallet'),
  check ((kind = 'wallet') = (fund <> 'none')),
  check ((kind = 'wallet') = (limit_usd is null))
) with (fillfactor = 60);
call mf_protect('accounts',
  'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and (owner_id = (select mf_end_user()) or scope_id = (select mf_end_user())))',
  '{cache,recovery}', '{auth,settlement}');

create table holds (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  session_id uuid not null,
  feature_id uuid not null,
  feature_key text not null,
  feature_version integer not null,
  price_version integer not null references price_versions,
  route_mode text not null check (route_mode in ('platform')),
  provider text not null,
  model text not null,
  endpoint text not null,
  client_request_id text,
  hold_usd numeric(20,8) not null check (hold_usd >= 0),
  leg_accounts uuid[] not null,
  leg_amounts_usd numeric(20,8)[] not null,
  lease_until timestamptz not null,
  instance_id uuid not null,
  progress jsonb not null default '{}',
  idempotency_caller text,
  idempotency_route text,
  idempotency_key text,
  created_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  foreign key (app_id, end_user_id) references end_users (app_id, id),
  foreign key (app_id, feature_id, feature_version) references feature_versions (app_id, feature_id, version),
  check (cardinality(leg_accounts) = cardinality(leg_amounts_usd)),
  check (0 <= all (leg_amounts_usd))
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
create index holds_by_lease on holds (lease_until);
call mf_protect('holds',
  'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and end_user_id = (select mf_end_user()))',
  '{recovery}', '{settlement}');

-- The settlement log. Ids are UUIDv7, so a month is a range of ids.
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
  route_mode text not null check (route_mode in ('platform')),
  provider text not null,
  -- The model that was asked for, whose price holds, and the name that the answer gave.
  model text not null,
  served_model text not null,
  endpoint text not null,
  client_request_id text,
  input_tokens integer not null check (input_tokens between 0 and 100000000),
  cached_input_tokens integer not null check (cached_input_tokens between 0 and 100000000),
  cache_write_tokens integer not null check (cache_write_tokens between 0 and 100000000),
  output_tokens integer not null check (output_tokens between 0 and 100000000),
  reasoning_tokens integer not null check (reasoning_tokens between 0 and 100000000),
  requests integer not null check (requests in (0, 1)),
  usage_source text not null check (usage_source in ('provider', 'estimated', 'reconciled')),
  simulated boolean not null,
  lines jsonb not null,
  pricing jsonb not null,
  hold_usd numeric(20,8) not null,
  upstream_cost_usd numeric(20,8) not null check (upstream_cost_usd >= 0),
  absorbed_cost_usd numeric(20,8) not null check (absorbed_cost_usd >= 0),
  developer_share_usd numeric(20,8) not null check (developer_share_usd >= 0),
  platform_share_usd numeric(20,8) not null check (platform_share_usd >= 0),
  fee_usd numeric(20,8) not null,
  charge_usd numeric(20,8) not null,
  paid_usd numeric(20,8) not null default 0,
  promo_usd numeric(20,8) not null default 0,
  test_usd numeric(20,8) not null default 0,
  wallet_balance_usd numeric(20,8),
  outcome text not null check (outcome in ('succeeded', 'failed', 'aborted', 'flagged')),
  error_code text,
  stopped text,
  output_limit jsonb,
  warnings text[] not null default '{}',
  attempts jsonb not null default '[]',
  first_byte_ms integer,
  duration_ms integer not null,
  clears_at timestamptz,
  opened_at timestamptz not null,
  created_at timestamptz not null default mf_now(),
  epoch integer not null,
  xid8 xid8 not null default pg_current_xact_id(),
  primary key (app_id, id),
  foreign key (app_id, end_user_id) references end_users (app_id, id),
  foreign key (app_id, feature_id, feature_version) references feature_versions (app_id, feature_id, version),
  check (upstream_cost_usd + developer_share_usd + platform_share_usd = charge_usd),
  check (charge_usd <= hold_usd),
  check (fee_usd between 0 and charge_usd),
  check (paid_usd + promo_usd + test_usd = charge_usd),
  check (outcome not in ('failed', 'flagged') or charge_usd = 0)
) partition by range (id);
create index usage_events_by_user on usage_events (app_id, end_user_id, id);
create index usage_events_by_developer on usage_events (developer_id, id);
create index usage_events_by_insertion on usage_events (epoch, xid8);
call mf_make_append_only('usage_events');
call mf_protect('usage_events',
  'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and end_user_id = (select mf_end_user()))',
  '{projection,recovery}', '{settlement}');

create function mf_uuid_at(at timestamptz) returns uuid language sql immutable as $$
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid
$$;

-- Makes the partitions of this month and of three months ahead; the worker calls it, the owner's rights are lent.
create function mf_ensure_usage_partitions() returns void language plpgsql security definer set search_path = public as $$
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
    end if;
    month := following;
  end loop;
end $$;
select mf_ensure_usage_partitions();
create table usage_events_default partition of usage_events default;
alter table usage_events_default enable row level security;
alter table usage_events_default force row level security;

create table transfers (
  app_id uuid not null default '00000000-0000-0000-0000-000000000000',
  kind text not null check (kind in ('usage', 'usage_reversal', 'cost_correction', 'adjustment', 'test_credit', 'seed')),
  source_id text not null,
  line smallint not null check (line >= 0),
  developer_id uuid,
  from_scope text not null,
  from_id uuid not null,
  to_scope text not null,
  to_id uuid not null,
  amount_usd numeric(20,8) not null check (amount_usd > 0 and amount_usd <= 10000000),
  reason text not null check (reason <> ''),
  fund text not null check (fund in ('none', 'promo', 'test', 'paid')),
  wallet_seq bigint,
  balance_after_usd numeric(20,8),
  wallet_balance_after_usd numeric(20,8),
  created_at timestamptz not null default mf_now(),
  epoch integer not null,
  xid8 xid8 not null default pg_current_xact_id(),
  primary key (app_id, kind, source_id, line),
  check ((from_scope, from_id) <> (to_scope, to_id)),
  check ((wallet_seq is not null) = ('end_user' in (from_scope, to_scope)))
);
create index transfers_by_wallet_from on transfers (app_id, from_id, wallet_seq) where from_scope = 'end_user';
create index transfers_by_wallet_to on transfers (app_id, to_id, wallet_seq) where to_scope = 'end_user';
create index transfers_by_insertion on transfers (epoch, xid8);
call mf_make_append_only('transfers');
call mf_protect('transfers',
  'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and (select mf_end_user()) in (from_id, to_id))',
  '{projection,recovery}', '{settlement}');

create table wallet_adjustments (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  wallet_id uuid not null,
  kind text not null check (kind in ('adjustment', 'test_credit')),
  direction text not null check (direction in ('credit', 'debit')),
  amount_usd numeric(20,8) not null check (amount_usd > 0),
  reason text not null check (btrim(reason) <> ''),
  actor_id text not null,
  reverses_id uuid,
  created_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  unique (app_id, reverses_id),
  foreign key (app_id, wallet_id) references wallets (app_id, id)
);
call mf_protect('wallet_adjustments',
  'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and wallet_id = (select mf_end_user()))', '{}', '{settlement}');

create table idempotency_keys (
  app_id uuid not null,
  caller text not null,
  route text not null,
  key text not null check (length(key) between 1 and 255),
  fingerprint text not null,
  state text not null check (state in ('running', 'done', 'refused')),
  request_id uuid not null,
  status integer,
  answer jsonb,
  created_at timestamptz not null default mf_now(),
  finished_at timestamptz,
  primary key (app_id, caller, route, key)
);
call mf_protect('idempotency_keys', 'false', '{}', '{settlement,recovery}');

-- Both sides of every transfer: what leaves is negative. The payer's side of a use reads as its charge.
create view entries with (security_invoker = true) as
  select app_id, kind, source_id, line, from_scope as scope, from_id as wallet_id, -amount_usd as amount_usd,
    case when kind = 'usage' and from_scope = 'end_user' then 'usage_charge' else reason end as reason, fund,
    case when from_scope = 'end_user' then wallet_seq end as wallet_seq, balance_after_usd, wallet_balance_after_usd,
    developer_id, created_at
  from transfers
  union all
  select app_id, kind, source_id, line, to_scope, to_id, amount_usd,
    case when kind = 'usage_reversal' and to_scope = 'end_user' then 'usage_charge' else reason end, fund,
    case when to_scope = 'end_user' then wallet_seq end, balance_after_usd, wallet_balance_after_usd,
    developer_id, created_at
  from transfers;

-- Until the worker signs them, receipts are read from the log: one per request that was served.
create view receipts with (security_invoker = true) as
  select app_id, id as request_id, 'rcpt_req_' || id as receipt_id, developer_id, end_user_id, 'pending'::text as signature, created_at
  from usage_events where outcome in ('succeeded', 'aborted');

-- What the servers' login and the reading login may do. Append-only tables give INSERT and SELECT alone.
create procedure mf_grant(runtime name, reader name) language plpgsql as $$
declare
  append_only text := 'usage_events, transfers, audit_logs, feature_versions, price_versions, priced_models, model_prices, price_publications';
  changing text := 'developers, developer_api_tokens, apps, app_features, end_users, virtual_sessions, user_token_uses, providers,
    provider_credentials, wallets, accounts, holds, wallet_adjustments, idempotency_keys, settings, instances, changes, change_head, deployment';
  readable text := append_only || ', ' || changing || ', entries, receipts, schema_migrations';
begin
  if runtime is not null then
    execute format('grant usage on schema public to %I', runtime);
    execute format('grant select on %s to %I', readable, runtime);
    execute format('grant insert on %s to %I', append_only, runtime);
    execute format('grant insert, update, delete on %s to %I', changing, runtime);
    execute format('grant execute on function mf_ensure_usage_partitions() to %I', runtime);
  end if;
  if reader is not null then
    execute format('grant usage on schema public to %I', reader);
    execute format('grant select on %s to %I', readable, reader);
  end if;
end $$;
