-- compatible_with: 12
-- Identity, completed: the secret before a rotation, key sets of apps, named operator tokens, rotated developer tokens, and an
-- audit log that is read and exported.

alter table apps
  -- The secret before the last rotation: it proves users until its time is over.
  add column previous_identity_key text check (previous_identity_key like 'mfenc:%'),
  add column previous_identity_secret_prefix text,
  add column previous_identity_valid_until timestamptz,
  -- The last key set that `jwks_url` answered with: `{url, keys, fetched_at}`. It serves while that address is away.
  add column jwks_last_good jsonb,
  add check ((previous_identity_key is null) = (previous_identity_valid_until is null)),
  add check ((previous_identity_key is null) = (previous_identity_secret_prefix is null));
-- By what is shown of a secret the app of a leaked one is found.
create index apps_by_identity_secret on apps (identity_secret_prefix) where identity_secret_prefix is not null;
create index apps_by_previous_identity_secret on apps (previous_identity_secret_prefix)
  where previous_identity_secret_prefix is not null;

alter table developer_api_tokens
  add column rotated_from uuid,
  add foreign key (rotated_from, developer_id) references developer_api_tokens (id, developer_id);
-- A token has one successor: the secret of a second one nobody would know to be there.
create unique index developer_api_tokens_rotated on developer_api_tokens (rotated_from) where rotated_from is not null;

create table operator_tokens (
  id uuid primary key,
  -- Two persons are two operators, however many tokens each has.
  operator_id uuid not null references operators,
  name text not null,
  token_hash text not null unique,
  token_prefix text not null,
  scopes text[] not null check (cardinality(scopes) > 0 and scopes <@ array['operator:read', 'operator:support',
    'operator:tenants', 'operator:switches', 'operator:finance', 'operator:platform', 'operator:incidents', 'operator:security']),
  role text check (role in ('viewer', 'support', 'finance', 'admin')),
  created_by text not null,
  rotated_from uuid references operator_tokens,
  last_used_at timestamptz,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  created_at timestamptz not null default mf_now(),
  updated_at timestamptz not null default mf_now(),
  unique (id, operator_id)
);
create index operator_tokens_by_operator on operator_tokens (operator_id, id);
create unique index operator_tokens_rotated on operator_tokens (rotated_from) where rotated_from is not null;
call mf_protect('operator_tokens', 'false', '{}', '{auth}');
call mf_declare('changing', 'operator_tokens');

alter table console_sessions
  add column operator_token_id uuid,
  -- When its person was last proved; the session's life is counted from its beginning all the same.
  add column proved_at timestamptz,
  add foreign key (operator_token_id, operator_id) references operator_tokens (id, operator_id),
  drop constraint console_sessions_check,
  add constraint console_sessions_check check (case opened_by
    when 'link' then token_id is null and operator_token_id is null and credential_id is null
      and (operator_id is not null or developer_id is not null)
    when 'token' then credential_id is null and case when operator_token_id is null
      then token_id is not null and developer_id is not null and operator_id is null and kind = 'developer'
      else token_id is null and operator_id is not null end
    else credential_id is not null and token_id is null and operator_token_id is null and developer_id is null
      and operator_id is null end);

-- A use of a token is told once a day: that row is looked for by its token, and found or not by one look.
create index audit_logs_by_action on audit_logs (action, id);
create index audit_logs_by_actor on audit_logs (actor_id, id) where actor_id is not null;
create index audit_logs_by_request on audit_logs (request_id) where request_id is not null;
-- What was reported as leaked is rare, and looked for each minute.
create index audit_logs_of_leaks on audit_logs (created_at) where (metadata -> 'leaked') = 'true'::jsonb;

-- Users of an app by when they were last seen; who never was comes last.
create index end_users_by_last_seen on end_users (app_id, last_seen_at desc nulls last, id desc);
