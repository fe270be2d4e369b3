import { randomBytes } from "node:crypto";
import { type Sql, sqlState, type Tx } from "../../lib/db.ts";
import { unfinishedTable } from "../../lib/migrations-state.ts";

/** From here on the database says of itself that it is being restored. @throws when it says so already */
export async function markUnfinished(tx: Tx, backupId: string): Promise<void> {
  await tx`create table ${tx(unfinishedTable)} (backup_id uuid not null)`;
  await tx`insert into ${tx(unfinishedTable)} (backup_id) values (${backupId})`;
}

export async function removeMark(tx: Tx): Promise<void> {
  await tx`drop table ${tx(unfinishedTable)}`;
}

/**
 * What is written from now on sorts after everything that the backup holds, and after what was written since and is
 * lost, whatever numbers transactions have here. Gives the new epoch.
 */
export async function beginEpoch(tx: Tx): Promise<number> {
  // No instance of the backup lives here: a write that waits until all have seen it must not wait for one.
  await tx`delete from instances`;
  await tx`select mf_ensure_usage_partitions()`;
  const [row] = await tx<{ epoch: number }[]>`update deployment set epoch = epoch + 1 returning epoch`;
  return row!.epoch;
}

const scratchPrefix = "modelfaucet_drill_";

/** A login that may make databases makes one. @throws with one sentence when it may not */
export async function createScratch(sql: Sql): Promise<string> {
  await dropLeftScratches(sql);
  const name = `${scratchPrefix}${randomBytes(6).toString("hex")}`;
  await sql`create database ${sql(name)} template template0 encoding 'UTF8'`.catch((error: unknown) => {
    if (sqlState(error) !== "42501") throw error;
    throw new Error(
      "this login may not make databases: give it CREATEDB (`alter role … createdb`), or name a server and login that may with --scratch-server",
    );
  });
  return name;
}

export async function dropScratch(sql: Sql, name: string): Promise<void> {
  await sql`drop database if exists ${sql(name)} with (force)`;
}

/** What a drill that was killed has left behind: nobody is connected to it any more. */
async function dropLeftScratches(sql: Sql): Promise<void> {
  const left = await sql<{ datname: string }[]>`
    select datname from pg_database d where datname like ${`${scratchPrefix.replaceAll("_", "\\_")}%`}
      and pg_has_role(datdba, 'usage') and not exists (select 1 from pg_stat_activity a where a.datname = d.datname)`;
  for (const { datname } of left) await dropScratch(sql, datname);
}
