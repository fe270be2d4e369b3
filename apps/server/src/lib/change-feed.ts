import type { Database, Sql, Tx } from "./db.ts";
import { ApiError } from "./errors.ts";

/** What can change under a memory copy. `target` is the id of what changed: an app's, a session's, a provider's name. */
export type ChangeKind =
  | "app"
  | "session"
  | "end_user"
  | "wallet"
  | "token"
  | "prices"
  | "provider"
  | "settings"
  | "credential"
  | "switch"
  | "operator_token"
  | "debug_log";

type Listener = (targetId: string) => void | Promise<void>;

export type ChangeFeed = {
  /** Runs for every change of that kind, in order of version. A listener that throws leaves this instance stale. */
  on(kind: ChangeKind, listener: Listener): void;
  start(): Promise<void>;
  /** False when the last successful poll is older than two seconds: an instance that may be blind takes no new work. */
  isFresh(): boolean;
  /** The database's clock in milliseconds: its last answer plus the time since, by a clock that is never set. */
  now(): number;
  /** Resolves when every live instance has seen that version, after `timeoutMs` at the latest. */
  waitUntilSeen(version: bigint, timeoutMs?: number): Promise<boolean>;
  stop(): Promise<void>;
};

/** What is asked first of all: without a fresh copy not even a token can be judged. @throws service_unavailable */
export function refuseStale(feed: Pick<ChangeFeed, "isFresh">): void {
  if (feed.isFresh()) return;
  throw new ApiError(
    "service_unavailable",
    "The service has lost touch with its database; try again in a few seconds.",
    { retryAfterSeconds: 2 },
  );
}

const channel = "mf_changes";
const freshForMs = 2_000;

/** Announces a change inside the transaction that makes it, so that it is seen exactly when it is committed. */
export async function announce(tx: Tx, kind: ChangeKind, targetId: string): Promise<bigint> {
  const [head] = await tx<
    { version: string }[]
  >`update change_head set version = version + 1 returning version::text`;
  await tx`insert into changes (version, kind, target_id) values (${head!.version}, ${kind}, ${targetId})`;
  await tx`select pg_notify(${channel}, ${head!.version})`;
  return BigInt(head!.version);
}

export function createChangeFeed(options: {
  database: Database;
  directDatabase: Database;
  instanceId: string;
  roles: readonly string[];
  pollMs: number;
  /** Whether this instance reaches the store of shared rate limits: told with its heartbeat. */
  rateStore?: () => "memory" | "shared" | "away";
  /** What this instance tells of its last minutes, with its heartbeat. */
  facts?: () => Record<string, unknown>;
  onError: (error: unknown) => void;
}): ChangeFeed {
  const listeners = new Map<ChangeKind, Listener[]>();
  let seen = 0n;
  let polledAt = Number.NEGATIVE_INFINITY;
  // The database's clock, and the instant of ours at which it showed that.
  let clock = { databaseMs: Date.now(), at: performance.now() };
  let stopped = false;
  let wake: (() => void) | undefined;
  let loop: Promise<void> | undefined;
  let notices: Sql | undefined;
  // The last time without the database that was long enough to be told of.
  let away: { ms: number; endedAt: number } | undefined;
  let failed = false;
  const beating: Beating = {
    ...options,
    facts: () => ({
      ...options.facts?.(),
      ...(away === undefined
        ? {}
        : {
            database_away_seconds: Math.round(away.ms / 1_000),
            database_back_seconds_ago: Math.round((performance.now() - away.endedAt) / 1_000),
          }),
    }),
  };

  const poll = async (): Promise<void> => {
    const asked = performance.now();
    const { changes, now } = await options.database.write({ purpose: "cache" }, (tx) =>
      readChanges(tx, beating, seen),
    );
    if (failed && asked - polledAt > freshForMs) away = { ms: asked - polledAt, endedAt: asked };
    failed = false;
    clock = { databaseMs: now, at: (asked + performance.now()) / 2 };
    for (const change of changes) {
      for (const listener of listeners.get(change.kind) ?? []) await listener(change.target_id);
      seen = BigInt(change.version);
    }
    // Told only now: whoever waits for this instance waits for its copies, not for its having read the news.
    if (changes.length > 0)
      await options.database.write({ purpose: "cache" }, (tx) => beat(tx, beating, seen));
    polledAt = asked;
  };
  const run = async (): Promise<void> => {
    while (!stopped) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, options.pollMs).unref();
      });
      if (stopped) return;
      await poll().catch((error) => {
        failed = true;
        options.onError(error);
      });
    }
  };
  return {
    on: (kind, listener) => {
      listeners.set(kind, [...(listeners.get(kind) ?? []), listener]);
    },
    start: async () => {
      const [head] = await options.database.read(
        {},
        (tx) => tx<{ version: string }[]>`select version::text from change_head`,
      );
      seen = BigInt(head!.version);
      await poll();
      loop = run();
      notices = options.directDatabase.connect({ max: 1 });
      // NOTIFY only hurries the poll: without it changes come a poll later.
      await notices.listen(channel, () => wake?.()).catch(options.onError);
    },
    isFresh: () => performance.now() - polledAt <= freshForMs,
    now: () => clock.databaseMs + (performance.now() - clock.at),
    waitUntilSeen: (version, timeoutMs = freshForMs) => waitUntilSeen(options.database, version, timeoutMs),
    stop: async () => {
      stopped = true;
      wake?.();
      // A database that does not answer keeps nobody from ending; what it still knows of this instance grows old.
      await Promise.race([loop, new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
      await notices?.end({ timeout: 1 });
      if (performance.now() - polledAt > freshForMs) return;
      await options.database
        .write({ purpose: "cache" }, (tx) => tx`delete from instances where id = ${options.instanceId}`)
        .catch(() => {});
    },
  };
}

async function readChanges(
  tx: Tx,
  options: Beating,
  seen: bigint,
): Promise<{ changes: { version: string; kind: ChangeKind; target_id: string }[]; now: number }> {
  const changes = await tx<{ version: string; kind: ChangeKind; target_id: string }[]>`
    select version::text, kind, target_id from changes where version > ${seen.toString()} order by version limit 1000`;
  return { changes: [...changes], now: await beat(tx, options, seen) };
}

type Beating = {
  instanceId: string;
  roles: readonly string[];
  rateStore?: () => string;
  facts: () => Record<string, unknown>;
};

/** Says that this instance lives and how far it has come; gives the database's clock in milliseconds. */
async function beat(tx: Tx, options: Beating, seen: bigint): Promise<number> {
  const [row] = await tx<{ now_ms: number }[]>`
    insert into instances (id, roles, version_seen, rate_store, facts)
    values (${options.instanceId}, ${[...options.roles]}, ${seen.toString()}, ${options.rateStore?.() ?? "memory"},
      ${tx.json(options.facts() as never)})
    on conflict (id) do update set version_seen = excluded.version_seen, rate_store = excluded.rate_store,
      facts = excluded.facts, heartbeat_at = mf_now()
    returning (extract(epoch from mf_now()) * 1000)::float8 as now_ms`;
  return row!.now_ms;
}

/** Forgets instances that were silent for ten minutes: they ended without saying so, and their successors have ids of their own. */
export async function forgetSilentInstances(tx: Tx): Promise<void> {
  await tx`delete from instances where heartbeat_at < (select max(heartbeat_at) from instances) - interval '10 minutes'`;
}

/** How far each of the instances has read that live. */
export async function readSeenVersions(tx: Tx): Promise<bigint[]> {
  const rows = await tx<{ version: string }[]>`
    select version_seen::text as version from instances where heartbeat_at > mf_now() - interval '3 seconds'`;
  return rows.map(({ version }) => BigInt(version));
}

export async function waitUntilSeen(
  database: Pick<Database, "read">,
  version: bigint,
  timeoutMs: number,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    const [behind] = await database.read(
      { purpose: "cache" },
      (tx) => tx<{ count: number }[]>`
      select count(*)::int as count from instances
      where version_seen < ${version.toString()} and heartbeat_at > mf_now() - interval '3 seconds'`,
    );
    if (behind!.count === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
