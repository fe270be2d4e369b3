import type { Database, Tx } from "../lib/db.ts";
import { nextSpan } from "./cursor.ts";
import { keepDetachedMonths } from "./detached-months.ts";
import { ledgerRollups } from "./ledger-rollups.ts";
import type { Place, Projector, ProjectorName } from "./projector.ts";
import { usageRollups } from "./usage-rollups.ts";

export const allProjectors: readonly Projector[] = [usageRollups, ledgerRollups];

export type Projectors = { start(): void; stop(): Promise<void> };

type ProjectorDeps = { database: Pick<Database, "write"> };

const pollMs = 500;
const rowsPerBatch = 5_000;
const batchesInTurn = 50;
const statementTimeoutMs = 60_000;

/**
 * Reads the log on, one batch after another, as long as the process lives. Several workers may do so side by side: a
 * projector's row is its lock, and who does not get it goes on to the next one.
 */
export function createProjectors(options: ProjectorDeps & { onError: (error: unknown) => void }): Projectors {
  let stopped = false;
  let loop: Promise<void> = Promise.resolve();
  let wake: () => void = () => {};

  const turn = async (projector: Projector): Promise<boolean> => {
    for (const state of ["live", "building"] as const) {
      for (let batch = 0; batch < batchesInTurn && !stopped; batch++) {
        const result = await projectBatch(options, projector, state);
        if (result !== "more") break;
        if (batch === batchesInTurn - 1) return true;
      }
    }
    await removeRetired(options, projector);
    return false;
  };
  const run = async (): Promise<void> => {
    while (!stopped) {
      let hasMore = false;
      for (const projector of allProjectors) {
        // One that cannot go on must not stop the others; its lag tells of it.
        hasMore = (await turn(projector).catch(options.onError)) === true || hasMore;
      }
      if (hasMore || stopped) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, pollMs).unref();
      });
    }
  };
  return {
    start: () => {
      loop = run();
    },
    stop: async () => {
      stopped = true;
      wake();
      await loop;
    },
  };
}

/** `busy`: another worker is at it, or there is no such generation. `done`: everything that could be read has been. */
export type BatchResult = "more" | "done" | "busy";

/**
 * Reads one batch: the rows and the cursor that says that they are in move in one transaction, so that a process may end
 * at any instruction. A generation that was being built takes the place of the live one as soon as it has caught up.
 */
export async function projectBatch(
  deps: ProjectorDeps,
  projector: Projector,
  state: "live" | "building",
  most = rowsPerBatch,
): Promise<BatchResult> {
  return deps.database.write({ purpose: "projection" }, async (tx) => {
    await tx`select set_config('statement_timeout', ${String(statementTimeoutMs)}, true)`;
    const [at] = await tx<(Place & { generation: number })[]>`
      select generation, epoch, xid8::text as xid8 from projectors where name = ${projector.name} and state = ${state}
      for update skip locked`;
    if (!at) return "busy";
    const next = await nextSpan(tx, at, projector.sources, most);
    if (next !== null) {
      await projector.add(tx, next.span, at.generation);
      const { upTo } = next.span;
      await tx`
        update projectors set epoch = ${upTo.epoch}, xid8 = ${upTo.xid8}::text::xid8, updated_at = mf_now()
        where name = ${projector.name} and generation = ${at.generation}`;
    }
    const hasMore = next !== null && !next.isLast;
    if (state === "building" && !hasMore) await takePlace(tx, projector.name, at.generation);
    return hasMore ? "more" : "done";
  });
}

async function takePlace(tx: Tx, name: ProjectorName, generation: number): Promise<void> {
  if (name === "usage_rollups") await keepDetachedMonths(tx, generation);
  await tx`update projectors set state = 'retired', updated_at = mf_now() where name = ${name} and state = 'live'`;
  await tx`update projectors set state = 'live', updated_at = mf_now() where name = ${name} and generation = ${generation}`;
}

/** Rows that nobody reads any more; their generation's row goes with the last of them. */
export async function removeRetired(deps: ProjectorDeps, projector: Projector): Promise<void> {
  await deps.database.write({ purpose: "projection" }, async (tx) => {
    const retired = await tx<{ generation: number }[]>`
      select generation from projectors where name = ${projector.name} and state = 'retired' for update skip locked`;
    if (retired.length === 0) return;
    await tx`select set_config('statement_timeout', ${String(statementTimeoutMs)}, true)`;
    for (const { generation } of retired) {
      await projector.remove(tx, generation);
      await tx`delete from projectors where name = ${projector.name} and generation = ${generation}`;
    }
  });
}

/**
 * Begins a new generation from the start of the log, beside the live one, which readers keep until the new one has caught
 * up. One that is being built already goes on. Gives its number.
 */
export async function beginRebuild(deps: ProjectorDeps, name: ProjectorName): Promise<number> {
  return deps.database.write({ purpose: "projection" }, async (tx) => {
    await tx`
      insert into projectors (name, generation, state)
      select ${name}, max(generation) + 1, 'building' from projectors where name = ${name}
      on conflict do nothing`;
    const [row] = await tx<[{ generation: number }]>`
      select generation from projectors where name = ${name} and state = 'building'`;
    return row.generation;
  });
}

export type ProjectorState = {
  name: ProjectorName;
  generation: number;
  state: "live" | "building" | "retired";
  epoch: number;
  xid8: string;
  /** How old the oldest row is that is not in yet; 0 when everything is. */
  lag_seconds: number;
};

/** Where every projector stands. */
export async function readProjectors(tx: Tx): Promise<ProjectorState[]> {
  return tx<ProjectorState[]>`
    select p.name, p.generation, p.state, p.epoch, p.xid8::text as xid8,
      coalesce(greatest(0, extract(epoch from mf_now() - least(u.created_at, c.created_at, t.created_at))), 0)::float8 as lag_seconds
    from projectors p
    left join lateral (
      select e.created_at from usage_events e where p.name = 'usage_rollups' and (e.epoch, e.xid8) > (p.epoch, p.xid8)
      order by e.epoch, e.xid8 limit 1) u on true
    left join lateral (
      select min(e.created_at) as created_at from transfers e where p.name = 'usage_rollups' and e.kind <> 'usage'
        and e.kind in ('usage_reversal', 'cost_correction') and (e.epoch, e.xid8) > (p.epoch, p.xid8)) c on true
    left join lateral (
      select e.created_at from transfers e where p.name = 'ledger_rollups' and (e.epoch, e.xid8) > (p.epoch, p.xid8)
      order by e.epoch, e.xid8 limit 1) t on true
    order by p.name, p.generation`;
}
