-- compatible_with: 12
-- An app's debug log: what was asked and answered, for an hour at most, because its developer switched that on.

alter table apps
  -- Until when calls are recorded; `null`: they are not.
  add column debug_log_until timestamptz,
  -- Who changed that last, and when.
  add column debug_log_by text,
  add column debug_log_at timestamptz,
  add check (debug_log_until is null
    or (debug_log_by is not null and debug_log_at is not null and debug_log_until <= debug_log_at + interval '60 minutes'));

-- The one table beside kept answers that holds content, sealed, for a day.
create table debug_logs (
  app_id uuid not null,
  request_id uuid not null,
  developer_id uuid not null,
  end_user_id uuid not null,
  sealed_bodies text not null check (sealed_bodies like 'mfenc:%'),
  created_at timestamptz not null default mf_now(),
  primary key (app_id, request_id),
  foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id)
);
create index debug_logs_by_age on debug_logs (created_at);
create index debug_logs_of_app on debug_logs (app_id, created_at);
call mf_protect('debug_logs', 'developer_id = (select mf_developer())', '{}', '{settlement}');
call mf_declare('changing', 'debug_logs');
