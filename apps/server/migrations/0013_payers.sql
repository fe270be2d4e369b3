-- compatible_with: 12
-- Three payers: keys of developers and end users beside the platform's, what each user chose, and requests that cost
-- nothing but a printed fee.

alter table changes drop constraint changes_kind_check;
alter table changes add constraint changes_kind_check check (kind in ('app', 'session', 'end_user', 'wallet', 'token', 'prices',
  'provider', 'settings', 'credential', 'switch', 'operator_token', 'debug_log'));

alter table providers drop constraint providers_dialect_check;
alter table providers add constraint providers_dialect_check check (dialect in ('openai', 'anthropic'));

-- A key belongs to the platform, to a developer for one app, or to one end user of an app.
alter table provider_credentials
  add column app_id uuid not null default '00000000-0000-0000-0000-000000000000',
  add column home_app_id uuid generated always as (nullif(app_id, '00000000-0000-0000-0000-000000000000')) stored,
  add column developer_id uuid,
  add column end_user_id uuid,
  add column base_url text,
  add column name text check (length(name) between 1 and 128),
  add column fallback_to_platform boolean not null default false,
  add column budget_limit_usd numeric(20,8) check (budget_limit_usd >= 0),
  add column disclosure_version text check (length(disclosure_version) <= 128),
  add column last_used_at timestamptz,
  add column last_check jsonb;
alter table provider_credentials
  drop constraint provider_credentials_pkey,
  add primary key (app_id, id),
  drop constraint provider_credentials_owner_scope_check,
  add constraint provider_credentials_owner_scope_check check (owner_scope in ('platform', 'developer', 'end_user')),
  add foreign key (home_app_id, developer_id) references apps (id, developer_id),
  add foreign key (home_app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id),
  add check ((owner_scope = 'platform') = (home_app_id is null)),
  add check ((home_app_id is null) = (developer_id is null)),
  add check ((owner_scope = 'end_user') = (end_user_id is not null)),
  add check (owner_scope = 'platform' or owner_id = coalesce(end_user_id, developer_id)),
  add check (owner_scope = 'end_user' or (not fallback_to_platform and disclosure_version is null)),
  add check (priority between 1 and 1000),
  add check (weight between 1 and 1000),
  -- A key that was taken away, or has to be entered again, is not kept.
  add check (sealed_secret is not null or status in ('disabled', 'needs_reentry'));
create index provider_credentials_by_id on provider_credentials (id);
create index provider_credentials_of_users on provider_credentials (app_id, end_user_id) where end_user_id is not null;
create index provider_credentials_of_developers on provider_credentials (developer_id, app_id) where owner_scope = 'developer';

drop policy reading on provider_credentials;
drop policy adding on provider_credentials;
drop policy changing on provider_credentials;
drop policy removing on provider_credentials;
-- An end user's key is that user's alone: its developer sees nothing of it.
call mf_protect('provider_credentials',
  '(owner_scope = ''developer'' and developer_id = (select mf_developer()))
   or (owner_scope = ''end_user'' and app_id = (select mf_app()) and end_user_id = (select mf_end_user()))',
  '{cache}', '{}');

-- What a user chose: for one feature, or for all that have no choice of their own.
create table user_modes (
  app_id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  feature_id uuid not null default '00000000-0000-0000-0000-000000000000',
  home_feature_id uuid generated always as (nullif(feature_id, '00000000-0000-0000-0000-000000000000')) stored,
  mode text not null check (mode in ('auto', 'platform', 'developer_key', 'byok', 'local')),
  fallback_to_platform boolean not null default false,
  -- What the user has agreed to, and when: without it nothing beyond a free own key is used.
  disclosure_version text check (length(disclosure_version) <= 128),
  agreed_at timestamptz,
  updated_at timestamptz not null default mf_now(),
  primary key (app_id, end_user_id, feature_id),
  foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id),
  foreign key (app_id, developer_id, home_feature_id) references app_features (app_id, developer_id, id)
);
call mf_protect('user_modes', 'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and end_user_id = (select mf_end_user()))',
  '{cache}', '{auth}');
call mf_declare('changing', 'user_modes');

-- What an operator's probe of an upstream took.
alter table transfers drop constraint transfers_kind_check;
alter table transfers add constraint transfers_kind_check check (kind in ('usage', 'usage_reversal', 'cost_correction', 'adjustment',
  'test_credit', 'seed', 'probe'));

alter table holds drop constraint holds_route_mode_check;
alter table holds add constraint holds_route_mode_check check (route_mode in ('platform', 'developer_key', 'byok', 'local'));

alter table usage_events
  -- The key that served, and what was taken of its budget.
  add column credential_id uuid,
  add column key_cost_usd numeric(20,8) not null default 0 check (key_cost_usd >= 0),
  -- What an own key's owner pays elsewhere, by the price book.
  add column provider_estimate_usd numeric(20,8) check (provider_estimate_usd >= 0),
  drop constraint usage_events_route_mode_check,
  add constraint usage_events_route_mode_check check (route_mode in ('platform', 'developer_key', 'byok', 'local')),
  add constraint usage_events_hidden_money check (route_mode not in ('byok', 'local') or (upstream_cost_usd = 0 and absorbed_cost_usd = 0
    and charge_usd = fee_usd));
