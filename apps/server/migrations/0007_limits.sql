-- compatible_with: 6
-- Limits and budgets, kept answers of Idempotency-Keys, and who may do what with which table.

-- What the servers' login and the reading login may do, table by table. A migration that makes a table declares it:
-- `call mf_declare('changing', 'limits')`.
create table granted_tables (
  name text primary key,
  rights text not null check (rights in ('append_only', 'changing', 'readable'))
);
create procedure mf_declare(granted text, variadic names text[]) language plpgsql as $$
begin
  insert into granted_tables (name, rights) select unnest(names), granted
  on conflict (name) do update set rights = excluded.rights;
end $$;
call mf_declare('append_only', 'usage_events', 'transfers', 'audit_logs', 'feature_versions', 'price_versions', 'priced_models',
  'model_prices', 'price_publications');
call mf_declare('changing', 'developers', 'developer_api_tokens', 'apps', 'app_features', 'end_users', 'virtual_sessions',
  'user_token_uses', 'providers', 'provider_credentials', 'wallets', 'accounts', 'holds', 'wallet_adjustments', 'idempotency_keys',
  'settings', 'instances', 'changes', 'change_head', 'deployment');
call mf_declare('readable', 'entries', 'receipts', 'schema_migrations');

create or replace procedure mf_grant(runtime name, reader name) language plpgsql as $$
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
end $$;

-- A limit that somebody set on something. What an app or a feature sets for itself stands in its own row.
create table limits (
  app_id uuid not null default '00000000-0000-0000-0000-000000000000',
  developer_id uuid references developers,
  -- Limits of a developer and of the platform belong to no app.
  home_app_id uuid generated always as (nullif(app_id, '00000000-0000-0000-0000-000000000000')) stored,
  level text not null check (level in ('platform', 'developer', 'app', 'feature', 'end_user', 'session')),
  target_id uuid not null,
  set_by text not null check (set_by in ('user', 'developer', 'operator')),
  measure text not null check (measure in ('usd', 'requests', 'tokens', 'concurrency')),
  "window" text not null check ("window" in ('minute', 'day', 'week', 'month', 'total')),
  limit_usd numeric(20,8) check (limit_usd >= 0),
  limit_count bigint check (limit_count >= 0),
  updated_at timestamptz not null default mf_now(),
  primary key (app_id, level, target_id, set_by, measure, "window"),
  foreign key (home_app_id, developer_id) references apps (id, developer_id),
  check ((measure = 'usd') = (limit_usd is not null)),
  check ((measure = 'usd') = (limit_count is null)),
  check ((measure = 'usd' and "window" <> 'minute') or (measure in ('requests', 'tokens') and "window" = 'minute')
    or (measure = 'concurrency' and "window" = 'total')),
  check ((level in ('platform', 'developer')) = (home_app_id is null)),
  check (level <> 'platform' or developer_id is null),
  check (level = 'platform' or developer_id is not null),
  check (set_by <> 'user' or (level = 'end_user' and measure = 'usd'))
);
create index limits_by_target on limits (level, target_id);
call mf_protect('limits', 'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and target_id = (select mf_end_user()))',
  '{cache}', '{auth}');
call mf_declare('changing', 'limits');

-- What is left of a developer's or the platform's budget. Apps lease slices of it, which are accounts like any other, so
-- that no request waits for a row that other apps share.
create table budgets (
  level text not null check (level in ('developer', 'platform')),
  owner_id uuid not null,
  "window" text not null check ("window" in ('day', 'week', 'month', 'total')),
  window_start timestamptz not null,
  developer_id uuid references developers,
  limit_usd numeric(20,8) not null check (limit_usd >= 0),
  leased_usd numeric(20,8) not null default 0 check (leased_usd between 0 and limit_usd),
  primary key (level, owner_id, "window", window_start)
);
call mf_protect('budgets', 'false', '{}', '{settlement}');
call mf_declare('changing', 'budgets');

create index accounts_by_budget on accounts (kind, owner_id, "window", window_start) where kind in ('developer', 'platform');

alter table apps add column rate_limits jsonb not null default '{}';
alter table apps add column wallet_limits jsonb not null default '{}';

-- An account whose stored figures were found to be wrong takes no new hold until they are right again.
alter table accounts add column stopped_at timestamptz;
create index accounts_stopped on accounts (app_id, id) where stopped_at is not null;
-- Every account that a request was charged to, so that a limit can be compared with what was spent under it.
alter table usage_events add column leg_accounts uuid[] not null default '{}';

-- A user's app and feature limits bind that user too, so their owner may see how much is left of them.
alter policy reading on accounts using (
  (developer_id = (select mf_developer())
    or (app_id = (select mf_app()) and (owner_id = (select mf_end_user()) or scope_id = (select mf_end_user())
      or (kind in ('app', 'feature') and (select mf_end_user()) is not null))))
  or (select mf_purpose()) = any ('{cache,recovery,auth,settlement,operator,backup,isolation}'::text[]));

-- Answers kept for their caller's own Idempotency-Key: sealed, and gone after a day.
create table idempotency_answers (
  app_id uuid not null,
  caller text not null,
  route text not null,
  key text not null,
  request_id uuid not null,
  sealed_answer text not null check (sealed_answer like 'mfenc:%'),
  created_at timestamptz not null default mf_now(),
  primary key (app_id, caller, route, key),
  foreign key (app_id, caller, route, key) references idempotency_keys on delete cascade
);
create index idempotency_answers_by_age on idempotency_answers (created_at);
call mf_protect('idempotency_answers', 'false', '{}', '{settlement,recovery}');
call mf_declare('changing', 'idempotency_answers');

-- Whether this instance reaches the store that instances share their rate limits through.
alter table instances add column rate_store text not null default 'memory' check (rate_store in ('memory', 'shared', 'away'));
