-- compatible_with: 12
-- Turning the encryption key while everything runs, and the scopes by which developers manage provider keys.

create table key_rotations (
  id uuid primary key,
  kind text not null check (kind in ('encryption')),
  -- What seals from now on, and what sealed before: ids that are one-way hashes of keys.
  key_id text not null check (key_id ~ '^[0-9a-f]{8}$'),
  old_key_ids text[] not null,
  status text not null default 'running' check (status in ('running', 'overlap', 'finished')),
  -- Sealed values that there are, and those that no longer need an old key.
  total integer not null default 0 check (total >= 0),
  done integer not null default 0 check (done between 0 and total),
  -- Values that did not open, by column: what has to be looked at, never what it is.
  unopened jsonb not null default '{}',
  reason text not null check (length(reason) between 1 and 1000),
  started_by text not null,
  started_at timestamptz not null default mf_now(),
  progressed_at timestamptz not null default mf_now(),
  finished_at timestamptz,
  check (not key_id = any (old_key_ids)),
  check ((status = 'finished') = (finished_at is not null))
);
create unique index key_rotations_open on key_rotations (kind) where status <> 'finished';
call mf_protect('key_rotations', 'false', '{cache}', '{}');
call mf_declare('changing', 'key_rotations');

alter table developer_api_tokens drop constraint developer_api_tokens_scopes_check;
alter table developer_api_tokens add constraint developer_api_tokens_scopes_check check (scopes <@ array[
  'developer:apps:read', 'developer:apps:write', 'developer:features:read', 'developer:features:write',
  'developer:operations:read', 'developer:provider_keys:read', 'developer:provider_keys:write', 'developer:tokens:read',
  'developer:tokens:write', 'developer:sessions:write', 'developer:users:read', 'developer:users:write',
  'developer:usage:read']);
