-- compatible_with: 6
-- Projectors: how far each one has read the log, and the roll-ups that they keep. Everything here can be made again from
-- the log.

-- One row per projector and generation. A rebuild fills a new generation while readers stay with the live one; the
-- cursor names the last transaction that is in the rows, and moves in the transaction that writes them.
create table projectors (
  name text not null check (name in ('usage_rollups', 'ledger_rollups')),
  generation integer not null check (generation > 0),
  state text not null check (state in ('live', 'building', 'retired')),
  epoch integer not null default 0 check (epoch >= 0),
  xid8 xid8 not null default '0',
  updated_at timestamptz not null default mf_now(),
  primary key (name, generation)
);
create unique index projectors_live on projectors (name) where state = 'live';
create unique index projectors_building on projectors (name) where state = 'building';
insert into projectors (name, generation, state) values ('usage_rollups', 1, 'live'), ('ledger_rollups', 1, 'live');
call mf_declare('changing', 'projectors');

-- The generation that is read, and the place below which its rows hold everything.
create view projections with (security_invoker = true) as
  select name, generation, epoch, xid8 from projectors where state = 'live';
call mf_declare('readable', 'projections');

-- A grain is the length of a bucket in minutes: a quarter of an hour, because no zone of today is off by less; three
-- hours; a day of UTC. A range is covered by the longest that fit into it. Times are those at which requests began.
create table usage_rollups (
  app_id uuid not null,
  generation integer not null,
  grain smallint not null check (grain in (15, 180, 1440)),
  bucket timestamptz not null,
  feature_key text not null,
  route_mode text not null,
  provider text not null,
  -- The model that was asked for: what upstream calls the one that answered has no bound.
  model text not null,
  outcome text not null check (outcome in ('succeeded', 'failed', 'aborted', 'flagged')),
  developer_id uuid not null,
  requests bigint not null,
  fallbacks bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  charge_usd numeric(28,8) not null,
  fee_usd numeric(28,8) not null,
  upstream_cost_usd numeric(28,8) not null,
  absorbed_cost_usd numeric(28,8) not null,
  developer_share_usd numeric(28,8) not null,
  platform_share_usd numeric(28,8) not null,
  primary key (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, outcome),
  foreign key (app_id, developer_id) references apps (id, developer_id)
) with (fillfactor = 70);
call mf_protect('usage_rollups', 'developer_id = (select mf_developer())', '{}', '{projection}');

-- How many requests had their first byte after how long. A slot spans 15 %: [1.15^slot, 1.15^(slot + 1)) milliseconds.
create table usage_latencies (
  app_id uuid not null,
  generation integer not null,
  grain smallint not null check (grain in (15, 180, 1440)),
  bucket timestamptz not null,
  feature_key text not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  slot smallint not null,
  developer_id uuid not null,
  requests bigint not null,
  primary key (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, slot),
  foreign key (app_id, developer_id) references apps (id, developer_id)
) with (fillfactor = 70);
call mf_protect('usage_latencies', 'developer_id = (select mf_developer())', '{}', '{projection}');

-- Who made a request in a bucket: counts of users do not add up, so their ids are kept. Hours would hold nearly as many
-- as their quarters. The key is all that is read, so it carries what row security asks for too.
create table usage_active_users (
  app_id uuid not null,
  generation integer not null,
  grain smallint not null check (grain in (15, 1440)),
  bucket timestamptz not null,
  feature_key text not null,
  route_mode text not null,
  provider text not null,
  model text not null,
  end_user_id uuid not null,
  developer_id uuid not null,
  primary key (app_id, generation, grain, bucket, feature_key, route_mode, provider, model, end_user_id) include (developer_id),
  foreign key (app_id, developer_id) references apps (id, developer_id)
);
call mf_protect('usage_active_users', 'developer_id = (select mf_developer())', '{}', '{projection}');

-- A correction does not name the developer whose app it belongs to.
create policy projecting on apps for select using ((select mf_purpose()) = 'projection');

-- New users are counted where they are made.
create index end_users_by_age on end_users (app_id, created_at);

-- What moved, by the time of booking. Each wallet has its sums of all time: a balance that many requests share is stored
-- nowhere else, so that none of them waits for it. The scopes as wholes have hours and days, for the trial balance.
create table ledger_rollups (
  generation integer not null,
  grain smallint not null check (grain in (0, 60, 1440)),
  bucket timestamptz not null,
  scope text not null,
  -- The wallet of a row of all time; of a whole scope it is nobody.
  wallet_id uuid not null,
  fund text not null,
  -- Empty on the sums of an end user's wallet.
  kind text not null,
  reason text not null,
  debits_usd numeric(28,8) not null,
  credits_usd numeric(28,8) not null,
  primary key (generation, grain, bucket, scope, wallet_id, fund, kind, reason),
  check ((grain = 0) = (wallet_id <> '00000000-0000-0000-0000-000000000000'))
) with (fillfactor = 70);
create index ledger_rollups_by_wallet on ledger_rollups (wallet_id, scope) where grain = 0;
call mf_protect('ledger_rollups', 'scope = ''developer'' and wallet_id = (select mf_developer())', '{}', '{projection}');
call mf_declare('changing', 'usage_rollups', 'usage_latencies', 'usage_active_users', 'ledger_rollups');

-- Transfers that the ledger's roll-up does not hold yet. Both ends of each range are named, because a range with one open
-- end counts as a third of the table when the statement is planned, and then all of it is read.
create view unrolled_transfers with (security_invoker = true) as
  select * from transfers
  where epoch = (select epoch from projections where name = 'ledger_rollups')
    and xid8 > (select xid8 from projections where name = 'ledger_rollups') and xid8 < '9223372036854775807'
  union all
  select * from transfers
  where epoch > (select epoch from projections where name = 'ledger_rollups') and epoch < 2147483647;

-- The balance of every wallet by fund: the roll-up and what was booked since.
create view wallet_balances with (security_invoker = true) as
  select scope, wallet_id, fund, sum(amount_usd) as balance_usd from (
    select scope, wallet_id, fund, credits_usd - debits_usd as amount_usd from ledger_rollups
    where grain = 0 and generation = (select generation from projections where name = 'ledger_rollups')
    union all
    select s.scope, s.wallet_id, t.fund, s.amount_usd from unrolled_transfers t
    cross join lateral (values (t.from_scope, t.from_id, -t.amount_usd), (t.to_scope, t.to_id, t.amount_usd))
      as s (scope, wallet_id, amount_usd)
  ) as moved group by scope, wallet_id, fund;
call mf_declare('readable', 'unrolled_transfers', 'wallet_balances');

-- What did not go well is rare, and looked for by itself.
create index usage_events_unserved on usage_events (developer_id, outcome, id) where outcome <> 'succeeded';
-- The log by time: it is appended in nearly that order, so a summary of its blocks is enough.
create index usage_events_by_beginning on usage_events using brin (opened_at) with (pages_per_range = 32, autosummarize = on);
-- The ledger by time of booking, likewise.
create index transfers_by_time on transfers using brin (created_at) with (pages_per_range = 32, autosummarize = on);
-- What is not the use of a model is rare, and looked for by itself.
create index transfers_by_kind on transfers (kind, epoch, xid8) where kind <> 'usage';
