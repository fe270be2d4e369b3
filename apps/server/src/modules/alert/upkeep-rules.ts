import { type AlertRule, type Condition, platformTarget } from "./rules.ts";

/** Rules about what has to be done now and then. A deployment that is younger than the bound has not missed anything. */
export const upkeepRules: readonly AlertRule[] = [
  {
    name: "backup_old",
    kind: "ticket",
    title: "There is no backup of the last 26 hours.",
    remedy: "Run `pnpm ops:backup --to <folder>` every day, and look at why it did not run.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('newest_taken_at', taken_at) as details
      from (select (select max(taken_at) from backups) as taken_at,
        (select min(applied_at) from schema_migrations) as begun_at) b
      where coalesce(taken_at, begun_at) < mf_now() - interval '26 hours'`,
    prometheus: { expr: "modelfaucet_backup_age_seconds > 93600", for: "0m" },
  },
  {
    name: "restore_untested",
    kind: "ticket",
    title: "No backup was restored in a drill for 35 days.",
    remedy: "Run `pnpm ops:restore --drill --from <folder>`: a backup that nobody restored is a hope.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('newest_tested_at', tested_at) as details
      from (select (select max(tested_at) from backups) as tested_at,
        (select min(applied_at) from schema_migrations) as begun_at) b
      where coalesce(tested_at, begun_at) < mf_now() - interval '35 days'`,
    prometheus: null,
  },
  {
    name: "partition_missing",
    kind: "ticket",
    title: "The log has no partition for next month, or a request found none for its own.",
    remedy: "Run `pnpm db:migrate` and see that a worker runs: it makes three months ahead, every six hours.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select n.name as target, '{}'::jsonb as details
      from (select 'usage_events_' || to_char((mf_now() at time zone 'UTC') + interval '1 month', 'YYYY_MM') as name) n
      where to_regclass('public.' || n.name) is null
      union all
      select 'usage_events_default', jsonb_build_object('requests', count(*))
      from (select 1 from usage_events_default limit 1000) r having count(*) > 0`,
    prometheus: null,
  },
  {
    name: "key_rotation_open",
    kind: "ticket",
    title: "A rotation of the encryption key has been open for seven days.",
    remedy:
      "See `mf rotate-keys status` for what is left, then `mf rotate-keys finish`, and take the old key away.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('status', status, 'done', done, 'total', total, 'unopened', unopened) as details
      from key_rotations where status <> 'finished' and started_at < mf_now() - interval '7 days'`,
    prometheus: { expr: "modelfaucet_keys_pending > 0", for: "7d" },
  },
];
