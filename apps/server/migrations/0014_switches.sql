-- compatible_with: 12
-- What operators have switched off or slowed down. A row here is the whole truth of it: the columns `status` of apps, users
-- and wallets say what their owners set, and readers lay the switch over them. So lifting a switch, or its end at `until`,
-- gives back what was there before without another write.

create table switches (
  kind text not null check (kind in ('platform', 'developer', 'app', 'feature', 'end_user', 'wallet', 'session', 'token',
    'credential', 'provider')),
  -- An id; a provider's name; `platform`. A feature's is its app's id and its key: a feature that is deleted and made again
  -- under the same key stays off.
  target_id text not null check (target_id <> ''),
  -- Whom it concerns: nobody in particular for the platform, a provider and the platform's keys.
  app_id uuid,
  developer_id uuid references developers,
  end_user_id uuid,
  state text not null check (state in ('on', 'off', 'throttled')),
  throttle_rpm integer check (throttle_rpm between 1 and 1000000),
  reason text not null check (btrim(reason) <> ''),
  set_by text not null,
  changed_at timestamptz not null default mf_now(),
  -- From then on it is as if it were `on`, by the database's clock, whether or not anybody has written so.
  until timestamptz,
  -- Of the change feed, in the same transaction.
  version bigint not null unique check (version > 0),
  primary key (kind, target_id),
  foreign key (app_id, developer_id) references apps (id, developer_id),
  foreign key (app_id, developer_id, end_user_id) references end_users (app_id, developer_id, id),
  check ((state = 'throttled') = (throttle_rpm is not null)),
  check (until is null or state <> 'on'),
  check (kind not in ('platform', 'provider') or coalesce(app_id, developer_id, end_user_id) is null),
  check (kind not in ('developer', 'token') or (app_id is null and developer_id is not null)),
  check (kind <> 'developer' or target_id = developer_id::text),
  check (kind not in ('app', 'feature', 'end_user', 'wallet', 'session') or (app_id is not null and developer_id is not null)),
  check ((kind in ('end_user', 'wallet', 'session')) <= (end_user_id is not null)),
  check (end_user_id is null or kind in ('end_user', 'wallet', 'session', 'credential'))
);
create index switches_in_force on switches (until) where state <> 'on';
create index switches_by_developer on switches (developer_id) where developer_id is not null;
-- A developer is told why an app does not serve; of an end user's own key nobody but that user is told.
call mf_protect('switches', '(developer_id = (select mf_developer()) and (kind <> ''credential'' or end_user_id is null))
  or (app_id = (select mf_app()) and end_user_id = (select mf_end_user()))', '{auth,cache}', '{}');
call mf_declare('changing', 'switches');
