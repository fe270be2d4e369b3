-- compatible_with: 6
-- Keys that bind a row to its app, its developer and its end user at once; the environment, once stamped; and which months
-- of the log were exported and detached.

-- Row security binds the owner too: existing rows are compared with their new keys as the operator.
select set_config('mf.purpose', 'operator', true);

create unique index end_users_owner on end_users (app_id, developer_id, id);
create unique index app_features_owner on app_features (app_id, developer_id, id);
create unique index wallets_owner on wallets (app_id, developer_id, id);

alter table feature_versions
  drop constraint feature_versions_app_id_feature_id_fkey,
  add foreign key (app_id, developer_id, feature_id) references app_features (app_id, developer_id, id);
alter table virtual_sessions
  drop constraint virtual_sessions_app_id_end_user_id_fkey, drop constraint virtual_sessions_app_id_developer_id_fkey,
  add foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id);
alter table wallets
  drop constraint wallets_app_id_end_user_id_fkey,
  add foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id),
  add check (owner_scope <> 'end_user' or developer_id is not null);
alter table holds
  drop constraint holds_app_id_end_user_id_fkey,
  add foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id);
alter table usage_events
  drop constraint usage_events_app_id_end_user_id_fkey,
  add foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id);
alter table wallet_adjustments
  drop constraint wallet_adjustments_app_id_wallet_id_fkey,
  add foreign key (app_id, developer_id, wallet_id) references wallets (app_id, developer_id, id);

select set_config('mf.purpose', '', true);

create function mf_keep_environment() returns trigger language plpgsql as $$
begin
  raise exception 'the environment of a database is set once' using errcode = 'restrict_violation';
end $$;
create trigger environment_once before update of environment on deployment
  for each row when (old.environment <> new.environment) execute function mf_keep_environment();

-- Months of the log that the owner exported and detached: what the books know of requests that are gone.
create table detached_months (
  month date primary key check (extract(day from month) = 1),
  first_id uuid not null,
  end_id uuid not null check (end_id > first_id),
  rows bigint not null check (rows >= 0),
  charge_usd numeric(28,8) not null,
  -- The exported file, and the checksum by which it is known again.
  file text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  detached_at timestamptz not null default mf_now(),
  unique (first_id)
);
call mf_make_append_only('detached_months');
call mf_declare('readable', 'detached_months');

-- What was charged in those months under limits that are still there, so that a limit can be compared with it.
create table detached_charges (
  app_id uuid not null,
  account_id uuid not null,
  month date not null references detached_months,
  charge_usd numeric(28,8) not null,
  primary key (app_id, account_id, month),
  foreign key (app_id, account_id) references accounts (app_id, id) on delete cascade
);
call mf_protect('detached_charges', 'false', '{}', '{}');
call mf_declare('readable', 'detached_charges');

-- A request that found no month of its own is looked for by the partition's name, and a partition asks its own policies.
create policy watching on usage_events_default for select
  using ((select mf_purpose()) = any ('{operator,isolation}'::text[]));
call mf_declare('readable', 'usage_events_default');

-- It lends the owner's rights, so it is for the servers' login alone; `mf_grant` gives it to that.
revoke execute on function mf_ensure_usage_partitions() from public;

-- What retention looks for, by age.
create index virtual_sessions_by_expiry on virtual_sessions (token_expires_at);
create index idempotency_keys_by_age on idempotency_keys (created_at);
create index user_token_uses_by_expiry on user_token_uses (expires_at);
create index accounts_by_window on accounts (window_start) where kind <> 'wallet';
