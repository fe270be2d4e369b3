// A settlement log of any size, made by SQL in seconds: books that agree, as if that many requests had been served.
import type postgres from "postgres";

export type SeededLog = {
  developerIds: string[];
  /** Of the first developer. */
  appIds: string[];
};

export type LogSize = {
  requests: number;
  developers?: number;
  appsPerDeveloper?: number;
  featuresPerApp?: number;
  usersPerApp?: number;
  /** The requests begin evenly spread over so many days up to `until`. */
  days?: number;
  until?: Date;
  /** Rows of the log that came in by one transaction. */
  perTransaction?: number;
};

/**
 * Adds developers, apps, users, requests and all that they moved. A user makes eight requests in a sitting, with the
 * model of a feature nine times out of ten. Three of a hundred failed, one was left by its client, two fell back. The rows are of the present epoch, which is then raised as a restore
 * raises it, so that their transactions' numbers may be any. `sql` is a superuser's.
 */
export async function seedSettlementLog(sql: postgres.Sql, size: LogSize): Promise<SeededLog> {
  const developers = size.developers ?? 2;
  const apps = size.appsPerDeveloper ?? 2;
  const features = size.featuresPerApp ?? 2;
  const users = size.usersPerApp ?? 50;
  const until = size.until ?? new Date();
  const from = new Date(until.getTime() - (size.days ?? 30) * 86_400_000);
  await makePartitions(sql, from, until);
  await sql.begin(async (tx) => {
    // Nothing of this is checked row by row: a million rows would take minutes, and the books' checks look at them all.
    await tx`set local session_replication_role = replica`;
    await tx`insert into price_versions (source, effective_from, imported_by) values ('entries', ${from}, 'seed')`;
    await tx`create temp table made_apps on commit drop as
      select d.n as developer, d.id as developer_id, a.n as number, gen_random_uuid() as id, (d.n - 1) * ${apps} + a.n - 1 as place
      from (select n, gen_random_uuid() as id from generate_series(1, ${developers}) n) d, generate_series(1, ${apps}) a (n)`;
    await tx`insert into developers (id, email, name)
      select distinct developer_id, 'seeded-' || developer || '-' || developer_id || '@example.com', 'Developer ' || developer from made_apps`;
    await tx`insert into wallets (id, owner_id, owner_scope, developer_id)
      select distinct developer_id, developer_id, 'developer', developer_id from made_apps`;
    await tx`insert into apps (id, developer_id, public_app_id, name, user_hash_key)
      select id, developer_id, 'seeded_' || place || '_' || left(id::text, 8), 'App ' || place, 'mfenc:none' from made_apps`;
    await tx`create temp table made_features on commit drop as
      select a.place * ${features} + f - 1 as place, a.id as app_id, a.developer_id, gen_random_uuid() as id, 'feature_' || f as key
      from made_apps a, generate_series(1, ${features}) f`;
    await tx`insert into app_features (app_id, id, developer_id, feature_key, display_name, policy, pricing)
      select app_id, id, developer_id, key, initcap(replace(key, '_', ' ')), '{}', '{}' from made_features`;
    await tx`insert into feature_versions (app_id, feature_id, version, developer_id, display_name, policy, pricing, changed_by)
      select app_id, id, 1, developer_id, key, '{}', '{}', 'seed' from made_features`;
    await tx`create temp table made_users on commit drop as
      select a.place * ${users} + u - 1 as place, a.id as app_id, a.developer_id, gen_random_uuid() as id
      from made_apps a, generate_series(1, ${users}) u`;
    await tx`insert into end_users (app_id, id, developer_id, external_user_hash, created_at)
      select app_id, id, developer_id, 'sha256:' || id, ${from}::timestamptz + (place % 1000) * (${until}::timestamptz - ${from}::timestamptz) / 1000 from made_users`;
    await tx`insert into wallets (app_id, id, owner_id, owner_scope, developer_id, end_user_id)
      select app_id, id, id, 'end_user', developer_id, id from made_users`;
    await makeRequests(tx, { ...size, apps: developers * apps, features, users, from, until });
    await moveMoney(tx);
    await tx`update deployment set epoch = epoch + 1`;
  });
  await sql`vacuum analyze`;
  const made = await sql<{ id: string; developer_id: string }[]>`
    select id, developer_id from apps where public_app_id like 'seeded_%' order by split_part(public_app_id, '_', 2)::int`;
  const developerIds = [...new Set(made.map(({ developer_id }) => developer_id))];
  return {
    developerIds,
    appIds: made.filter(({ developer_id }) => developer_id === developerIds[0]).map(({ id }) => id),
  };
}

async function makePartitions(sql: postgres.Sql, from: Date, until: Date): Promise<void> {
  for (let at = monthOf(from); at <= until; at = nextMonth(at)) {
    const name = `usage_events_${at.getUTCFullYear()}_${String(at.getUTCMonth() + 1).padStart(2, "0")}`;
    const [there] = await sql`select to_regclass(${name}) as found`;
    if (there!.found !== null) continue;
    const [first] = await sql`select mf_uuid_at(${at}) as low, mf_uuid_at(${nextMonth(at)}) as high`;
    await sql.unsafe(
      `create table ${name} partition of usage_events for values from ('${first!.low}') to ('${first!.high}');
       alter table ${name} enable row level security; alter table ${name} force row level security`,
    );
  }
}

const monthOf = (at: Date): Date => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1));
const nextMonth = (at: Date): Date => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1));

/** A number below `below` that looks random and is the same each time: of each request, or of each sitting of a user. */
const pick = (tx: postgres.TransactionSql, below: number, salt: number, of = tx`i`) =>
  tx`(abs(hashint8extended(${of}, ${salt}::bigint)) % ${below}::bigint)`;

async function makeRequests(
  tx: postgres.TransactionSql,
  made: LogSize & { apps: number; features: number; users: number; from: Date; until: Date },
): Promise<void> {
  await tx`create temp table made_requests on commit drop as
    with drawn as (
      select i, ${pick(tx, made.apps, 1, tx`i / 8`)} as app, ${pick(tx, made.features, 2, tx`i / 8`)} as feature,
        ${pick(tx, made.users, 3, tx`i / 8`)} as "user",
        case when ${pick(tx, 10, 4)} = 0 then 1 else 0 end as other_model, ${pick(tx, 100, 5)} as fate, 50 + ${pick(tx, 4_000, 6)} as input, 10 + ${pick(tx, 900, 7)} as output,
        120 + ${pick(tx, 900, 8)} * ${pick(tx, 4, 9)} as first_byte,
        ${made.from}::timestamptz + i * (${made.until}::timestamptz - ${made.from}::timestamptz) / ${made.requests}::bigint as at
      from generate_series(0, ${made.requests - 1}::bigint) i),
    priced as (
      select *, case when fate < 3 then 'failed' when fate < 4 then 'aborted' else 'succeeded' end as outcome,
        round((input * 1.0 + output * 2.0) / 1000000, 8) as cost from drawn),
    split as (
      select *, case when fate < 3 then 0 else cost end as upstream, case when fate < 3 then 0 else round(cost * 1.25, 8) end as charge
      from priced)
    select s.i, f.app_id, f.developer_id, f.id as feature_id, f.key as feature_key, u.id as end_user_id,
      (lpad(to_hex((extract(epoch from s.at) * 1000)::bigint), 12, '0') || '7' || substr(md5(s.i::text), 1, 3) || '8' || substr(md5(s.i::text), 4, 15))::uuid as id,
      'model-' || (s.feature + s.other_model) % 3 as model, s.outcome, s.input, s.output, s.first_byte, s.at, s.fate in (4, 5) as fell_back,
      s.upstream, s.charge, trunc((s.charge - s.upstream) * 0.4, 8) as developer_share,
      1 + s.i / ${made.perTransaction ?? 20}::bigint as transaction,
      case when s.charge > 0 then sum(s.charge) over (partition by s.app, s."user" order by s.i) end as spent,
      case when s.charge > 0 then 1 + count(*) filter (where s.charge > 0) over (partition by s.app, s."user" order by s.i) end as wallet_seq
    from split s join made_features f on f.place = s.app * ${made.features}::bigint + s.feature
    join made_users u on u.place = s.app * ${made.users}::bigint + s."user"`;
  await tx`insert into usage_events (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version,
      price_version, route_mode, provider, model, served_model, endpoint, input_tokens, cached_input_tokens, cache_write_tokens,
      output_tokens, reasoning_tokens, requests, usage_source, simulated, lines, pricing, hold_usd, upstream_cost_usd,
      absorbed_cost_usd, developer_share_usd, platform_share_usd, fee_usd, charge_usd, paid_usd, outcome, error_code, attempts,
      first_byte_ms, duration_ms, opened_at, created_at, epoch, xid8)
    select app_id, id, developer_id, end_user_id, end_user_id, feature_id, feature_key, 1, (select max(version) from price_versions),
      'platform', 'stub', model, model, 'chat/completions', input, 0, 0, output, 0, 1, 'provider', true,
      jsonb_build_array(jsonb_build_object('unit', 'input', 'quantity', input, 'price_per_million_usd', '1.00000000', 'amount_usd', '0.00000000')),
      '{"mode": "usage_markup", "markup_percent": "25.00", "developer_share_bps": 4000}', charge, upstream, 0, developer_share,
      charge - upstream - developer_share, 0, charge, charge, outcome, case when outcome = 'failed' then 'provider_error' end,
      case when fell_back then '[{"number": 1, "provider": "stub", "model": "first", "outcome": "provider_error", "status_class": "5xx", "first_byte_ms": null, "duration_ms": 3}, {"number": 2, "provider": "stub", "model": "second", "outcome": "ok", "status_class": "2xx", "first_byte_ms": 9, "duration_ms": 9}]'::jsonb
        else '[{"number": 1, "provider": "stub", "model": "first", "outcome": "ok", "status_class": "2xx", "first_byte_ms": 9, "duration_ms": 9}]'::jsonb end,
      case when outcome <> 'failed' then first_byte end, first_byte + 400, at, at + interval '1 second',
      (select epoch from deployment), transaction::text::xid8
    from made_requests order by i`;
}

const openingUsd = 1_000_000;

/** Every wallet begins with the same amount; a charge goes to cost, developer and platform. */
async function moveMoney(tx: postgres.TransactionSql): Promise<void> {
  await tx`insert into transfers (app_id, kind, source_id, line, developer_id, from_scope, from_id, to_scope, to_id, amount_usd,
      reason, fund, wallet_seq, balance_after_usd, wallet_balance_after_usd, created_at, epoch, xid8)
    select app_id, 'seed', id::text, 0, developer_id, 'external', '00000000-0000-0000-0000-000000000011', 'end_user', id,
      ${openingUsd}, 'seed_opening_balance', 'paid', 1, ${openingUsd}, ${openingUsd},
      (select min(at) from made_requests), (select epoch from deployment), '1'::xid8
    from made_users`;
  await tx`insert into transfers (app_id, kind, source_id, line, developer_id, from_scope, from_id, to_scope, to_id, amount_usd,
      reason, fund, wallet_seq, balance_after_usd, wallet_balance_after_usd, created_at, epoch, xid8)
    select r.app_id, 'usage', r.id::text, part.line, r.developer_id, 'end_user', r.end_user_id, part.scope, part.owner, part.amount,
      part.reason, 'paid', r.wallet_seq, ${openingUsd} - r.spent, ${openingUsd} - r.spent, r.at + interval '1 second',
      (select epoch from deployment), r.transaction::text::xid8
    from made_requests r cross join lateral (values
      (0, 'developer', r.developer_id, r.developer_share, 'usage_developer_share'),
      (1, 'provider_cost', '00000000-0000-0000-0000-000000000002', r.upstream, 'usage_provider_cost'),
      (2, 'platform', '00000000-0000-0000-0000-000000000001', r.charge - r.upstream - r.developer_share, 'usage_platform_share'))
      as part (line, scope, owner, amount, reason)
    where part.amount > 0 order by r.i`;
  await tx`insert into accounts (app_id, developer_id, kind, owner_id, fund, balance_usd, wallet_seq)
    select u.app_id, u.developer_id, 'wallet', u.id, 'paid', ${openingUsd} - coalesce(max(r.spent), 0), coalesce(max(r.wallet_seq), 1)
    from made_users u left join made_requests r on r.app_id = u.app_id and r.end_user_id = u.id group by u.app_id, u.developer_id, u.id`;
}
