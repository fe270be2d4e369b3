-- compatible_with: 6
-- Who signs in to the console: operators by name, one-time links, and the sessions that they open.

create table operators (
  id uuid primary key,
  email text not null check (email <> ''),
  name text not null,
  scopes text[] not null check (scopes <@ array['operator:read', 'operator:support', 'operator:tenants', 'operator:switches',
    'operator:finance', 'operator:platform', 'operator:incidents', 'operator:security']),
  status text not null default 'active' check (status in ('active', 'suspended', 'closed')),
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now()
);
create unique index operators_email on operators (lower(email));
call mf_protect('operators', 'false', '{auth}', '{}');
call mf_declare('changing', 'operators');

-- The code of a link is stored as its hash and opens one session: `used_at` is set by the statement that takes it.
create table sign_in_links (
  id uuid primary key,
  code_hash text not null unique,
  kind text not null check (kind in ('developer', 'operator')),
  developer_id uuid references developers,
  operator_id uuid references operators,
  -- Whom the link was made for; what the session names its person by.
  email text not null,
  created_by text not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  created_at timestamptz not null default mf_now(),
  check (case kind when 'developer' then developer_id is not null and operator_id is null
    else operator_id is not null and developer_id is null end)
);
create index sign_in_links_by_expiry on sign_in_links (expires_at);
call mf_protect('sign_in_links', 'false', '{}', '{auth}');
call mf_declare('changing', 'sign_in_links');

-- A token cannot be named together with another developer than its own.
create unique index developer_api_tokens_owner on developer_api_tokens (id, developer_id);

-- What a session may is not written here: it is read from its person, token or credential each time.
create table console_sessions (
  id uuid primary key,
  cookie_hash text not null unique,
  -- What the session acts as now; an operator may act as the developer with the same e-mail address.
  kind text not null check (kind in ('developer', 'operator')),
  opened_by text not null check (opened_by in ('link', 'token', 'bootstrap')),
  developer_id uuid references developers,
  operator_id uuid references operators,
  token_id uuid,
  -- Tells which bootstrap credential opened it, by a few digits of a one-way hash.
  credential_id text,
  person_name text not null,
  person_email text,
  authenticated_at timestamptz not null default mf_now(),
  -- Moved once a minute at most.
  last_seen_at timestamptz not null default mf_now(),
  ended_at timestamptz,
  foreign key (token_id, developer_id) references developer_api_tokens (id, developer_id),
  check (case opened_by
    when 'link' then token_id is null and credential_id is null and (operator_id is not null or developer_id is not null)
    when 'token' then token_id is not null and developer_id is not null and operator_id is null and kind = 'developer'
      and credential_id is null
    else credential_id is not null and token_id is null and developer_id is null and operator_id is null end),
  check (opened_by = 'bootstrap' or case kind when 'developer' then developer_id is not null else operator_id is not null end)
);
create index console_sessions_by_age on console_sessions (authenticated_at);
call mf_protect('console_sessions', 'false', '{}', '{auth}');
call mf_declare('changing', 'console_sessions');
