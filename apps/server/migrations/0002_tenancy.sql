-- Who exists: developers, their tokens and apps, features, end users, sessions, providers and their keys.

create table developers (
  id uuid primary key,
  email text not null,
  name text not null,
  status text not null default 'active' check (status in ('active', 'closed')),
  limits jsonb not null default '{}',
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now()
);
create unique index developers_email on developers (lower(email));
call mf_protect('developers', 'id = (select mf_developer())', '{auth,cache}', '{}');

create table developer_api_tokens (
  id uuid primary key,
  developer_id uuid not null references developers,
  name text not null,
  token_hash text not null unique,
  token_prefix text not null,
  scopes text[] not null check (scopes <@ array['developer:apps:read', 'developer:apps:write', 'developer:features:read',
    'developer:features:write', 'developer:operations:read', 'developer:tokens:read', 'developer:tokens:write',
    'developer:sessions:write', 'developer:users:read', 'developer:users:write', 'developer:usage:read']),
  public_app_ids text[],
  models_allowed text[],
  created_by text not null,
  last_used_at timestamptz,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now()
);
create index developer_api_tokens_by_developer on developer_api_tokens (developer_id, id);
call mf_protect('developer_api_tokens', 'developer_id = (select mf_developer())', '{cache}', '{auth}');

create table apps (
  id uuid primary key,
  developer_id uuid not null references developers,
  public_app_id text not null unique check (public_app_id ~ '^[a-zA-Z0-9_:-]{1,128}$'),
  name text not null,
  vertical text,
  status text not null default 'active' check (status in ('pending', 'active', 'disabled', 'suspended')),
  identity_mode text not null default 'signed' check (identity_mode in ('signed', 'server', 'demo')),
  identity jsonb not null default '{}',
  identity_key text check (identity_key like 'mfenc:%'),
  identity_secret_prefix text,
  -- Keys the hash of this app's user ids; sealed, so that rotation of the encryption key leaves the hashes alone.
  user_hash_key text not null check (user_hash_key like 'mfenc:%'),
  allowed_origins text[] not null default '{}',
  default_developer_share_bps integer not null default 4000 check (default_developer_share_bps between 0 and 10000),
  sandbox boolean not null default false,
  session_ttl_seconds integer not null default 3600 check (session_ttl_seconds between 60 and 86400),
  session_max_age_seconds integer not null default 43200 check (session_max_age_seconds between 60 and 604800),
  session_max_spend_usd numeric(20,8) check (session_max_spend_usd > 0),
  time_zone text not null default 'UTC',
  support_url text,
  support_email text,
  abuse_email text,
  limits jsonb not null default '{}',
  version integer not null default 1,
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now(),
  unique (id, developer_id)
);
create index apps_by_developer on apps (developer_id, id);
call mf_protect('apps', 'developer_id = (select mf_developer()) or id = (select mf_app())', '{auth,cache}', '{}');

create table app_features (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  feature_key text not null check (feature_key ~ '^[a-zA-Z0-9_:-]{1,128}$'),
  display_name text not null,
  version integer not null default 1 check (version > 0),
  policy jsonb not null,
  pricing jsonb not null,
  status text not null default 'active' check (status in ('active', 'suspended', 'archived')),
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  foreign key (app_id, developer_id) references apps (id, developer_id)
);
create unique index app_features_key on app_features (app_id, feature_key) where status <> 'archived';
call mf_protect('app_features', 'developer_id = (select mf_developer()) or app_id = (select mf_app())', '{auth,cache}', '{}');

create table feature_versions (
  app_id uuid not null,
  feature_id uuid not null,
  version integer not null,
  developer_id uuid not null,
  display_name text not null,
  policy jsonb not null,
  pricing jsonb not null,
  changed_by text not null,
  changed_at timestamptz not null default mf_now(),
  primary key (app_id, feature_id, version),
  foreign key (app_id, feature_id) references app_features (app_id, id)
);
call mf_make_append_only('feature_versions');
call mf_protect('feature_versions', 'developer_id = (select mf_developer()) or app_id = (select mf_app())', '{cache}', '{}');

create table end_users (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  external_user_hash text not null,
  status text not null default 'active' check (status in ('active', 'suspended', 'erased')),
  -- The developer's own account: its charges earn the developer nothing.
  own boolean not null default false,
  verified boolean not null default false,
  metadata jsonb not null default '{}',
  last_seen_at timestamptz,
  erased_at timestamptz,
  created_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  unique (app_id, external_user_hash),
  foreign key (app_id, developer_id) references apps (id, developer_id)
);
call mf_protect('end_users', 'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and id = (select mf_end_user()))',
  '{cache}', '{auth}');

create table virtual_sessions (
  app_id uuid not null,
  id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  token_hash text not null,
  token_expires_at timestamptz not null,
  -- The token before the last refresh; it lives a minute longer, so that calls on their way do not fail.
  previous_token_hash text,
  previous_expires_at timestamptz,
  feature_key text,
  scopes text[] not null,
  modes text[],
  models text[],
  origin text,
  origins text[] not null default '{}',
  max_spend_usd numeric(20,8) check (max_spend_usd > 0),
  metadata jsonb not null default '{}',
  identity_mode text not null,
  verified boolean not null,
  proved_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null default mf_now(),
  primary key (app_id, id),
  unique (app_id, token_hash),
  foreign key (app_id, end_user_id) references end_users (app_id, id),
  foreign key (app_id, developer_id) references apps (id, developer_id)
);
create index virtual_sessions_token on virtual_sessions (token_hash);
create index virtual_sessions_previous_token on virtual_sessions (previous_token_hash) where previous_token_hash is not null;
create index virtual_sessions_by_user on virtual_sessions (app_id, end_user_id);
call mf_protect('virtual_sessions',
  'developer_id = (select mf_developer()) or (app_id = (select mf_app()) and end_user_id = (select mf_end_user()))',
  '{cache}', '{auth}');

-- A user token that names a `jti` is good once; the row may go when the token has expired.
create table user_token_uses (
  app_id uuid not null references apps,
  jti_hash text not null,
  expires_at timestamptz not null,
  primary key (app_id, jti_hash)
);
call mf_protect('user_token_uses', 'false', '{}', '{auth}');

create table providers (
  name text primary key check (name ~ '^[a-z0-9_.-]{1,64}$'),
  base_url text not null,
  dialect text not null default 'openai' check (dialect in ('openai')),
  priority integer not null default 100 check (priority between 1 and 1000),
  weight integer not null default 1 check (weight between 1 and 1000),
  status text not null default 'on' check (status in ('on', 'off')),
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now()
);

create table provider_credentials (
  id uuid primary key,
  owner_scope text not null check (owner_scope in ('platform')),
  owner_id uuid not null,
  provider text not null,
  sealed_secret text check (sealed_secret like 'mfenc:%'),
  key_id text not null,
  masked text not null,
  last_four text not null,
  models_allowed text[],
  priority integer not null default 100,
  weight integer not null default 1,
  status text not null default 'active' check (status in ('active', 'invalid', 'needs_reentry', 'disabled')),
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now()
);
create index provider_credentials_by_provider on provider_credentials (provider, priority);
call mf_protect('provider_credentials', 'false', '{cache}', '{}');
