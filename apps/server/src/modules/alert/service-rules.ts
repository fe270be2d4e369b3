import type { Tx } from "../../lib/db.ts";
import { type AlertRule, type Condition, platformTarget } from "./rules.ts";

/** Fewer failures than this are chance, not a share. */
const fewestFailures = 3;
const fewestCalls = 20;
/** So many refused addresses in five minutes are no typing error. */
const burstOfRefusals = 20;

/**
 * Rules about the processes that serve. What no table knows, an instance tells of itself with its heartbeat: counts of its
 * last five minutes, ages in seconds.
 */
export const serviceRules: readonly AlertRule[] = [
  {
    name: "instance_silent",
    kind: "page",
    title: "An instance has stopped telling that it lives, without having been ended.",
    remedy:
      "Look at its process and its way to the database; what it had open is closed by recovery at no charge.",
    quietSeconds: 0,
    // Compared with its siblings: while the database was away, nobody could tell anything.
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('roles', to_jsonb(roles),
        'silent_seconds', round(extract(epoch from mf_now() - heartbeat_at))) as details
      from instances where heartbeat_at < (select max(heartbeat_at) from instances) - interval '15 seconds'`,
    prometheus: { expr: 'up{job="modelfaucet"} == 0', for: "1m" },
  },
  {
    name: "switch_late",
    kind: "page",
    title: "A switch took more than two seconds to hold on an instance.",
    remedy:
      "Look at that instance and its way to the database; until it can follow it takes no new calls, but its open streams went on.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('roles', to_jsonb(roles), 'seconds', facts -> 'switch_seconds') as details
      from instances where ${isLive(tx)} and (facts ->> 'switch_seconds')::float8 > 2`,
    prometheus: {
      expr: 'increase(modelfaucet_switch_seconds_count[5m]) > increase(modelfaucet_switch_seconds_bucket{le="2"}[5m])',
      for: "0m",
    },
  },
  {
    name: "server_errors",
    kind: "page",
    title: "More than 1 % of the answers of five minutes were failures of ours.",
    remedy: "Read the log for lines with status 5xx: each has its cause.",
    quietSeconds: 60,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('answers', answers, 'failures', failures) as details
      from (select ${total(tx, "answers")} as answers, ${total(tx, "failures")} as failures from instances where ${isLive(tx)}) s
      where failures >= ${fewestFailures} and failures > 0.01 * answers`,
    prometheus: {
      expr: 'sum(rate(modelfaucet_http_requests_total{status=~"5..",route!~"/health|/ready|/metrics"}[5m])) > 0.01 * sum(rate(modelfaucet_http_requests_total{route!~"/health|/ready|/metrics"}[5m]))',
      for: "5m",
    },
  },
  {
    name: "overhead_slow",
    kind: "ticket",
    title: "The gateway itself adds more than 50 ms to one call in a hundred.",
    remedy:
      "Compare `modelfaucet_overhead_ms` by stage and `modelfaucet_commit_ms`: usually it is the database's disk.",
    quietSeconds: 120,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('calls', calls, 'above_50_ms', slow) as details
      from (select ${total(tx, "calls")} as calls, ${total(tx, "slow_calls")} as slow from instances where ${isLive(tx)}) s
      where calls >= ${fewestCalls} and slow > 0.01 * calls`,
    prometheus: {
      expr: 'histogram_quantile(0.99, sum by (le) (rate(modelfaucet_overhead_ms_bucket{stage="total"}[5m]))) > 50',
      for: "5m",
    },
  },
  {
    name: "settlement_pending",
    kind: "page",
    title: "An answer left its gateway a minute ago and its settlement is not committed.",
    remedy: "See whether the database takes writes; the gateway repeats the settlement until it is done.",
    quietSeconds: 30,
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('oldest_seconds', facts -> 'settlement_pending_seconds') as details
      from instances where ${isLive(tx)} and (facts ->> 'settlement_pending_seconds')::float8 > 60`,
    prometheus: { expr: "modelfaucet_settlements_pending > 0", for: "1m" },
  },
  {
    name: "database_unreachable",
    kind: "page",
    title: "An instance could not reach the database; it tells so now that it can.",
    remedy:
      "Look at the database's own log for that time; calls were refused meanwhile, and running ones settled later.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('roles', to_jsonb(roles), 'away_seconds', facts -> 'database_away_seconds') as details
      from instances where ${isLive(tx)} and (facts ->> 'database_back_seconds_ago')::float8 < 600`,
    prometheus: null,
  },
  {
    name: "secret_open_failed",
    kind: "page",
    title: "A sealed value does not open with the encryption key.",
    remedy:
      "Compare SECRET_ENCRYPTION_KEY with the one that sealed it; the log of that instance names the kind of value.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('roles', to_jsonb(roles), 'last_seconds_ago', facts -> 'secret_failed_seconds_ago') as details
      from instances where ${isLive(tx)} and (facts ->> 'secret_failed_seconds_ago')::float8 < 3600`,
    prometheus: { expr: "increase(modelfaucet_secret_open_failures_total[1h]) > 0", for: "0m" },
  },
  {
    name: "job_late",
    kind: "ticket",
    title: "A job of the worker has been due for more than ten minutes.",
    remedy: "Read the worker's log for that job's failure.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select job.key as target, jsonb_build_object('late_seconds', min(job.value::float8)) as details
      from instances cross join lateral jsonb_each_text(facts -> 'late_jobs') as job
      where ${isLive(tx)} group by 1 having min(job.value::float8) > 600`,
    prometheus: { expr: "min by (job) (modelfaucet_job_oldest_seconds) > 600", for: "0m" },
  },
  {
    name: "redis_away",
    kind: "ticket",
    title: "The store of shared rate limits is away: each instance limits alone.",
    remedy: "Start Redis or correct REDIS_URL; money limits are exact meanwhile.",
    quietSeconds: 30,
    conditions: (tx) => tx<Condition[]>`
      select id::text as target, jsonb_build_object('roles', to_jsonb(roles)) as details
      from instances where ${isLive(tx)} and rate_store = 'away'`,
    prometheus: null,
  },
  {
    name: "circuit_open",
    kind: "ticket",
    title: "An upstream has failed again and again for ten minutes and is gone around.",
    remedy:
      "Look at GET /health/providers and the provider's own status; its calls go to the next route meanwhile.",
    quietSeconds: 60,
    conditions: (tx) => tx<Condition[]>`
      select c.key as target, jsonb_build_object('instances', count(*), 'open_seconds', max(c.value::float8)) as details
      from instances cross join lateral jsonb_each_text(facts -> 'open_circuits') as c
      where ${isLive(tx)} group by 1 having max(c.value::float8) >= 600`,
    prometheus: { expr: "max by (provider) (modelfaucet_circuit_open) == 1", for: "10m" },
  },
  {
    name: "egress_refusals",
    kind: "ticket",
    title: "Somebody is trying addresses that nobody may make us connect to.",
    remedy:
      "Read `modelfaucet_egress_refused_total` by entrance and the log of those requests; switch their developer or user off.",
    quietSeconds: 60,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('refused', refused) as details
      from (select ${total(tx, "egress_refusals")} as refused from instances where ${isLive(tx)}) s where refused >= ${burstOfRefusals}`,
    prometheus: {
      expr: `sum(increase(modelfaucet_egress_refused_total[5m])) >= ${burstOfRefusals}`,
      for: "0m",
    },
  },
  {
    name: "sign_in_failures",
    kind: "ticket",
    title: "Somebody is guessing at the console's door.",
    remedy:
      "Look at the audit rows `auth.failed_burst`: they name the address range; block it at the ingress if it goes on.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select ${platformTarget} as target, jsonb_build_object('bursts', count(*),
        'address_prefixes', jsonb_agg(distinct address_prefix)) as details
      from audit_logs where resource_type = 'console' and resource_id = 'sign-in' and action = 'auth.failed_burst'
        and created_at > mf_now() - interval '15 minutes' having count(*) > 0`,
    prometheus: {
      expr: 'sum(increase(modelfaucet_auth_failures_total{service="@modelfaucet/api"}[15m])) > 100',
      for: "0m",
    },
  },
  {
    name: "secret_leaked",
    kind: "page",
    title: "A token or secret of ours was reported as leaked within the last day.",
    remedy:
      "What can be ended was ended at once: see that its owner replaces it. A secret of the environment has to be turned by you; the audit rows with `leaked` in their metadata say where it was found.",
    quietSeconds: 0,
    conditions: (tx) => tx<Condition[]>`
      select resource_type || ' ' || resource_id as target, jsonb_build_object('reported_at', max(created_at),
        'found_at', max(metadata ->> 'found_at'), 'name', max(metadata ->> 'name'), 'developer_id', max(developer_id::text)) as details
      from audit_logs where (metadata -> 'leaked') = 'true'::jsonb and created_at > mf_now() - interval '24 hours'
      group by resource_type, resource_id order by max(created_at) desc limit 50`,
    prometheus: null,
  },
];

/** Instances that are there to be asked: their heartbeat is not old. */
function isLive(tx: Tx) {
  return tx`heartbeat_at > mf_now() - interval '15 seconds'`;
}

/** What all instances counted of one kind within their last five minutes. */
function total(tx: Tx, fact: string) {
  return tx`coalesce(sum((facts ->> ${fact})::bigint), 0)`;
}
