-- compatible_with: 6
-- Alerts: which rules hold now, who was told, and the facts that rules are judged by.

create table alerts (
  id uuid primary key,
  rule text not null check (rule <> ''),
  kind text not null check (kind in ('page', 'ticket')),
  -- What it is about, where a rule can hold for several things at once; `platform` is the deployment as a whole.
  target text not null check (target <> ''),
  details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
  opened_at timestamptz not null default mf_now(),
  -- When the rule was last found to hold: an alert that flaps stays open for a while after it.
  seen_at timestamptz not null default mf_now(),
  closed_at timestamptz check (closed_at >= opened_at),
  acknowledged_by text,
  acknowledged_at timestamptz,
  check ((acknowledged_by is null) = (acknowledged_at is null))
);
create unique index alerts_open on alerts (rule, target) where closed_at is null;
create index alerts_by_age on alerts (opened_at desc, id desc);
call mf_protect('alerts', 'false', '{}', '{}');

-- What ALERT_WEBHOOK_URL is told: one row per alert that opened or closed, kept until it was taken or given up.
create table alert_notices (
  -- The `webhook-id`, the same on every try.
  id uuid primary key,
  alert_id uuid not null references alerts on delete cascade,
  event text not null check (event in ('alert.opened', 'alert.closed')),
  -- The very bytes that are signed.
  body text not null,
  tries integer not null default 0 check (tries >= 0),
  next_at timestamptz not null default mf_now(),
  delivered_at timestamptz,
  given_up_at timestamptz,
  last_failure text,
  created_at timestamptz not null default mf_now(),
  unique (alert_id, event),
  check (delivered_at is null or given_up_at is null)
);
create index alert_notices_due on alert_notices (next_at) where delivered_at is null and given_up_at is null;
call mf_protect('alert_notices', 'false', '{}', '{}');

-- What the worker's last run of each check of the books found.
create table book_checks (
  name text primary key,
  kind text not null check (kind in ('minute', 'deep')),
  violations integer not null check (violations >= 0),
  off_usd numeric(28,8) not null,
  samples jsonb not null default '[]',
  checked_at timestamptz not null default mf_now()
);
call mf_protect('book_checks', 'false', '{}', '{}');
call mf_declare('changing', 'alerts', 'alert_notices', 'book_checks');

-- What an instance tells of its last minutes with its heartbeat: counts and ages, never names or content.
alter table instances add column facts jsonb not null default '{}' check (jsonb_typeof(facts) = 'object');

-- The log by time of booking, for what is judged by the last hour: it is appended in nearly that order.
create index usage_events_by_time on usage_events using brin (created_at) with (pages_per_range = 32, autosummarize = on);
