import type postgres from "postgres";
import type { Tx } from "../../lib/db.ts";

/** A whole month of the log, by the partition that holds it. */
export type UsageMonth = {
  /** First day, `2026-03-01`. */
  month: string;
  partition: string;
  firstId: string;
  endId: string;
  /** Requests of that month that are still open. */
  openRequests: number;
};

/** What is in a month: what the export and the partition must agree on. */
export type MonthSum = { rows: string; chargeUsd: string };

/** What is wrong with the months of the log: read by alerts. */
export type PartitionFaults = {
  /** Requests that found no month of their own. */
  unplacedRequests: number;
  /** The partition of next month, when it is missing. */
  missingNextMonth: string | null;
};

/** Months that are over for longer than `months`, oldest first. */
export async function listEndedMonths(tx: Tx, months: number): Promise<UsageMonth[]> {
  const rows = await tx<
    { month: string; partition: string; first_id: string; end_id: string; open: number }[]
  >`
    select p.month::text, p.partition, mf_uuid_at(p.starts)::text as first_id, mf_uuid_at(p.ends)::text as end_id,
      (select count(*)::int from holds h where h.id >= mf_uuid_at(p.starts) and h.id < mf_uuid_at(p.ends)) as open
    from (
      select c.relname::text as partition, m.month, m.month at time zone 'UTC' as starts,
        (m.month + interval '1 month') at time zone 'UTC' as ends
      from pg_inherits i join pg_class c on c.oid = i.inhrelid
      cross join lateral (select to_date(right(c.relname, 7), 'YYYY_MM')) as m (month)
      where i.inhparent = 'usage_events'::regclass and c.relname ~ '^usage_events_[0-9]{4}_[0-9]{2}$') p
    where p.month + interval '1 month' <= date_trunc('month', mf_now() at time zone 'UTC') - make_interval(months => ${months})
    order by p.month`;
  return rows.map(({ first_id, end_id, open, ...row }) => ({
    ...row,
    firstId: first_id,
    endId: end_id,
    openRequests: open,
  }));
}

export async function sumOfMonth(tx: Tx, { firstId, endId }: UsageMonth): Promise<MonthSum> {
  const [row] = await tx<MonthSum[]>`
    select count(*)::text as rows, coalesce(sum(charge_usd), 0)::numeric(28,8)::text as "chargeUsd"
    from usage_events where id >= ${firstId} and id < ${endId}`;
  return { ...row! };
}

/** The rows of a month as CSV with a header, in the order of their keys. */
export async function readMonthAsCsv(
  tx: Tx,
  { firstId, endId }: UsageMonth,
): Promise<AsyncIterable<Uint8Array>> {
  const idForm = /^[0-9a-f-]{36}$/;
  if (!idForm.test(firstId) || !idForm.test(endId)) throw new Error("a month's ids are not well formed");
  // COPY takes no parameters, so both ids stand in its text.
  const copy = `copy (select * from usage_events where id >= '${firstId}' and id < '${endId}' order by app_id, id)
    to stdout (format csv, header)`;
  return (tx.unsafe(copy) as postgres.PendingQuery<never[]>).readable();
}

/**
 * Detaches and drops a month that was exported, as the schema's owner; notes what limits need to know of it. Nobody can
 * write to the month meanwhile. @throws when it holds something else than what was exported, or while a projection that
 * needs it is built
 */
export async function detachMonth(
  tx: Tx,
  month: UsageMonth,
  exported: MonthSum & { file: string; sha256: string },
): Promise<void> {
  await tx`lock table projectors in share mode`;
  const building = await tx`select 1 from projectors where state = 'building'`;
  if (building.length > 0)
    throw new Error("the log is being read from its start: run this again when that has ended");
  await tx.unsafe(`lock table only "${month.partition}" in share mode`);
  const sum = await sumOfMonth(tx, month);
  if (sum.rows !== exported.rows || sum.chargeUsd !== exported.chargeUsd)
    throw new Error(`${month.partition} has changed since it was exported: run this again`);
  await tx`insert into detached_months (month, first_id, end_id, rows, charge_usd, file, sha256) values
    (${month.month}, ${month.firstId}, ${month.endId}, ${sum.rows}, ${sum.chargeUsd}, ${exported.file}, ${exported.sha256})`;
  await tx`
    insert into detached_charges (app_id, account_id, month, charge_usd)
    select a.app_id, a.id, ${month.month}::date, sum(taken.usd) from usage_events u
    join accounts a on a.app_id = u.app_id and (
      (a.kind = 'session' and a.owner_id = u.session_id) or (a.kind not in ('wallet', 'session') and a.id = any(u.leg_accounts)))
    cross join lateral (select case when a.kind <> 'credential' then u.charge_usd
      when a.owner_id = u.credential_id then u.key_cost_usd else 0 end as usd) taken
    where u.id >= ${month.firstId} and u.id < ${month.endId}
    group by a.app_id, a.id having sum(taken.usd) > 0`;
  await tx.unsafe(`alter table usage_events detach partition "${month.partition}"`);
  await tx.unsafe(`drop table "${month.partition}"`);
}

/** Purpose `operator` or `isolation`. */
export async function readPartitionFaults(tx: Tx): Promise<PartitionFaults> {
  const [row] = await tx<{ unplaced: number; missing: string | null }[]>`
    select (select count(*)::int from (select 1 from usage_events_default limit 1000) r) as unplaced,
      case when to_regclass('public.' || n.name) is null then n.name end as missing
    from (select 'usage_events_' || to_char((mf_now() at time zone 'UTC') + interval '1 month', 'YYYY_MM') as name) n`;
  return { unplacedRequests: row!.unplaced, missingNextMonth: row!.missing };
}
