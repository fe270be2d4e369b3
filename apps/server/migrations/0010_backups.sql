-- compatible_with: 6
-- Backups that were taken, and which of them a drill has restored.

create table backups (
  id uuid primary key,
  -- The instant of the snapshot that was dumped.
  taken_at timestamptz not null,
  schema_version integer not null,
  environment text not null,
  epoch integer not null,
  -- Of the manifest, which names the checksum of every file.
  sha256 text not null unique check (sha256 ~ '^[0-9a-f]{64}$'),
  path text not null,
  rows bigint not null check (rows >= 0),
  bytes bigint not null check (bytes >= 0),
  -- Set by a restore drill that passed, and by nothing else.
  tested_at timestamptz check (tested_at >= taken_at),
  created_at timestamptz not null default mf_now()
);
create index backups_by_age on backups (taken_at desc, id desc);
call mf_protect('backups', 'false', '{}', '{}');
call mf_declare('readable', 'backups');

-- `pg_dump` and `pg_restore` work with an empty search path, so what row security calls must name its schema.
create or replace function mf_app() returns uuid language sql stable parallel safe
  as $$ select public.mf_setting('mf.app_id')::uuid $$;
create or replace function mf_developer() returns uuid language sql stable parallel safe
  as $$ select public.mf_setting('mf.developer_id')::uuid $$;
create or replace function mf_end_user() returns uuid language sql stable parallel safe
  as $$ select public.mf_setting('mf.end_user_id')::uuid $$;
create or replace function mf_purpose() returns text language sql stable parallel safe as $$
  select case when public.mf_setting('mf.purpose') in
    ('auth', 'cache', 'settlement', 'recovery', 'projection', 'operator', 'backup', 'isolation')
    then public.mf_setting('mf.purpose') end
$$;

-- `pg_dump` reads each partition by its own name, and a partition asks its own policies, not its parent's: without one it
-- is dumped empty.
create procedure mf_open_to_backup(partition regclass) language plpgsql as $$
begin
  execute format('create policy dumping on %s for select using ((select mf_purpose()) = ''backup'')', partition);
end $$;
do $$
declare
  child regclass;
begin
  for child in select inhrelid::regclass from pg_inherits where inhparent = 'usage_events'::regclass loop
    call mf_open_to_backup(child);
  end loop;
end $$;

create or replace function mf_ensure_usage_partitions() returns void language plpgsql security definer set search_path = public as $$
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
end $$;

-- What holds a sealed value says so by a constraint: a restore finds all of them by it, and opens every value.
alter table deployment add constraint deployment_key_canary_check check (key_canary like 'mfenc:%');
