-- Time, tenant settings, and the tools that later statements of this schema use.

-- SQL says mf_now(), never bare now(): only the testkit's template database redefines it, with an offset.
create function mf_now() returns timestamptz language sql stable parallel safe as $$ select now() $$;

create function mf_setting(name text) returns text language sql stable parallel safe
  as $$ select nullif(current_setting(name, true), '') $$;
create function mf_app() returns uuid language sql stable parallel safe as $$ select mf_setting('mf.app_id')::uuid $$;
create function mf_developer() returns uuid language sql stable parallel safe
  as $$ select mf_setting('mf.developer_id')::uuid $$;
create function mf_end_user() returns uuid language sql stable parallel safe
  as $$ select mf_setting('mf.end_user_id')::uuid $$;

-- The list of purposes is closed: a word that is not on it opens nothing.
create function mf_purpose() returns text language sql stable parallel safe as $$
  select case when mf_setting('mf.purpose') in
    ('auth', 'cache', 'settlement', 'recovery', 'projection', 'operator', 'backup', 'isolation')
    then mf_setting('mf.purpose') end
$$;

-- The instant at which the window that contains `at` began, by the calendar of a stored zone.
create function mf_window_start("window" text, zone text, at timestamptz) returns timestamptz
  language sql immutable parallel safe as $$
  select case "window" when 'total' then '1970-01-01T00:00:00Z'::timestamptz
    else date_trunc("window", at at time zone zone) at time zone zone end
$$;
create function mf_window_end("window" text, zone text, started timestamptz) returns timestamptz
  language sql immutable parallel safe as $$
  select case "window" when 'total' then null
    else ((started at time zone zone) + ('1 ' || "window")::interval) at time zone zone end
$$;

create function mf_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;

create procedure mf_make_append_only(target regclass) language plpgsql as $$
begin
  execute format('create trigger append_only before update or delete on %s for each row execute function mf_refuse_change()', target);
  execute format('create trigger append_only_whole before truncate on %s for each statement execute function mf_refuse_change()', target);
end $$;

-- Row security of one table. A row opens to a tenant whose rule holds, and to the purposes named; an unset setting is
-- NULL, and NULL opens nothing. The sub-selects make PostgreSQL ask for each setting once per statement.
create procedure mf_protect(target regclass, tenant_rule text, readers text[], writers text[]) language plpgsql as $$
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
end $$;

-- Facts of this deployment: one row. A restore raises the epoch, and with it every projector's cursor.
create table deployment (
  one boolean primary key default true check (one),
  environment text not null,
  epoch integer not null default 1 check (epoch > 0),
  -- A known word sealed with the encryption key: a server with the wrong key ring does not start.
  key_canary text
);

-- The change feed: its version grows by one in each writing transaction, so versions commit in order.
create table change_head (one boolean primary key default true check (one), version bigint not null);
insert into change_head (version) values (0);
create table changes (
  version bigint not null,
  kind text not null check (kind in ('app', 'session', 'end_user', 'wallet', 'token', 'prices', 'provider', 'settings')),
  target_id text not null,
  created_at timestamptz not null default mf_now(),
  primary key (version, kind, target_id)
);

create table instances (
  id uuid primary key,
  roles text[] not null,
  version_seen bigint not null,
  started_at timestamptz not null default mf_now(),
  heartbeat_at timestamptz not null default mf_now()
);

create table settings (
  name text primary key,
  value jsonb not null,
  updated_at timestamptz not null default mf_now()
);

create table audit_logs (
  id uuid primary key,
  actor_scope text not null check (actor_scope in ('developer', 'end_user', 'admin', 'stripe', 'system', 'bootstrap')),
  actor_id text,
  actor_name text,
  action text not null check (action <> ''),
  resource_type text not null,
  resource_id text not null,
  app_id uuid,
  developer_id uuid,
  reason text,
  before jsonb,
  after jsonb,
  metadata jsonb not null default '{}',
  request_id uuid,
  address_prefix text,
  created_at timestamptz not null default mf_now()
);
create index audit_logs_by_resource on audit_logs (resource_type, resource_id);
create index audit_logs_by_developer on audit_logs (developer_id, id);
call mf_make_append_only('audit_logs');
call mf_protect('audit_logs', 'developer_id = (select mf_developer())', '{}', '{auth,settlement,recovery}');
