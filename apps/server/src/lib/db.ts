import { AsyncLocalStorage } from "node:async_hooks";
import postgres from "postgres";
import { ApiError } from "./errors.ts";

export type Sql = postgres.Sql;
/** A statement runner inside one transaction. */
export type Tx = postgres.TransactionSql;

/** The words that row security knows; what is not set opens no row. */
export type TenantSettings = {
  appId?: string | null;
  developerId?: string | null;
  endUserId?: string | null;
  purpose?: "auth" | "cache" | "settlement" | "recovery" | "projection" | "operator" | "backup" | "isolation";
};

export type DatabaseOptions = {
  url: string;
  poolMax: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  idleTransactionTimeoutMs: number;
  applicationName: string;
  /**
   * A transaction pooler lends another connection for each transaction: nothing is prepared beyond one, and what a
   * session is told at its start is told to each transaction.
   */
  behindPooler?: boolean;
  /** Told how long a transaction waited for its connection. */
  onWait?: ((ms: number) => void) | undefined;
};

export type Database = {
  /**
   * One read-only snapshot under a tenant's settings. Fails as away when it cannot begin within the connect timeout:
   * a database that stands still, or a pool with no connection left.
   */
  read<T>(tenant: TenantSettings, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** One read-write transaction under a tenant's settings, which begins as soon. */
  write<T>(tenant: TenantSettings, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A connection outside transactions: LISTEN, the books' committer. */
  connect(options: { max: number; connection?: Record<string, string>; statementTimeoutMs?: number }): Sql;
  /** Transactions of the pool: those that have a connection, and those that wait for one. */
  readonly load: { readonly used: number; readonly waiting: number };
  /** True when the database answers within two seconds. */
  isUp(): Promise<boolean>;
  close(): Promise<void>;
};

const openTransaction = new AsyncLocalStorage<true>();
const silenceGraceMs = 2_000;

/** Network calls inside a transaction would hold its locks for as long as a stranger likes. */
export function assertNoTransactionOpen(): void {
  if (openTransaction.getStore()) throw new Error("a network call was tried while a transaction was open");
}

export function openDatabase(options: DatabaseOptions): Database {
  const connect: Database["connect"] = ({ max, connection = {}, statementTimeoutMs }) =>
    postgres(options.url, {
      max,
      connect_timeout: Math.ceil(options.connectTimeoutMs / 1000),
      // The server itself ends a statement that takes too long; one that does not even say so is not there.
      silence_timeout: ((statementTimeoutMs ?? options.statementTimeoutMs) + silenceGraceMs) / 1000,
      idle_timeout: 0,
      max_lifetime: null,
      onnotice: () => {},
      backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 1),
      ...(options.behindPooler ? { prepare: false } : {}),
      connection: {
        application_name: options.applicationName,
        ...(options.behindPooler
          ? {}
          : {
              statement_timeout: statementTimeoutMs ?? options.statementTimeoutMs,
              idle_in_transaction_session_timeout: options.idleTransactionTimeoutMs,
            }),
        ...connection,
      } as unknown as Record<string, string>,
    });
  const pool = connect({ max: options.poolMax });
  const load = { used: 0, waiting: 0 };
  const run = <T>(mode: string, tenant: TenantSettings, work: (tx: Tx) => Promise<T>): Promise<T> =>
    openTransaction.run(true, () =>
      beginningWithin(options.connectTimeoutMs, (begun) => {
        const place = takePlace(load, options.onWait);
        const running = pool.begin(mode, async (tx) => {
          place.connected();
          await applySettings(tx, tenant);
          if (options.behindPooler) await applyTimeouts(tx, options);
          begun();
          return work(tx);
        }) as Promise<T>;
        return running.finally(place.left);
      }),
    );
  return {
    load,
    read: (tenant, work) => run("isolation level repeatable read read only", tenant, work),
    write: (tenant, work) => run("isolation level read committed read write", tenant, work),
    connect,
    isUp: () => answersWithin(pool, 2_000),
    close: () => pool.end({ timeout: 5 }),
  };
}

export async function applySettings(tx: Tx, tenant: TenantSettings): Promise<void> {
  await tx`select set_config('mf.app_id', ${tenant.appId ?? ""}, true),
    set_config('mf.developer_id', ${tenant.developerId ?? ""}, true),
    set_config('mf.end_user_id', ${tenant.endUserId ?? ""}, true),
    set_config('mf.purpose', ${tenant.purpose ?? ""}, true)`;
}

async function applyTimeouts(tx: Tx, options: DatabaseOptions): Promise<void> {
  await tx`select set_config('statement_timeout', ${String(options.statementTimeoutMs)}, true),
    set_config('idle_in_transaction_session_timeout', ${String(options.idleTransactionTimeoutMs)}, true)`;
}

const awayCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ENOENT",
  "ETIMEDOUT",
  "CONNECT_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "CONNECTION_SILENT",
  "57P01",
  "57P02",
  "57P03",
  "53300",
  "08000",
  "08003",
  "08006",
  "25006",
]);

/**
 * True when the failure says that the database is not there now, so that trying again later makes sense. FATAL ends the
 * session, or refuses to begin one, whatever the reason: a database that is shut, a login that is being changed.
 */
export function isDatabaseAway(error: unknown): boolean {
  const severity = (error as { severity?: unknown } | null)?.severity;
  return severity === "FATAL" || severity === "PANIC" || awayCodes.has(sqlState(error));
}

const busyCodes = new Set(["40001", "40P01", "53000", "53100", "53200", "55P03", "57014"]);

/** True when the database is there and has no time, room or lock for this: trying again a little later makes sense. */
export function isDatabaseBusy(error: unknown): boolean {
  return busyCodes.has(sqlState(error));
}

/** The SQLSTATE or connection code of a failure, empty when it has none. */
export function sqlState(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== "23505") return false;
  return constraint === undefined || (error as { constraint_name?: string }).constraint_name === constraint;
}

/** What a client is told while the database is away. */
export function databaseAway(cause: unknown): ApiError {
  return new ApiError(
    "service_unavailable",
    "The service cannot reach its database; try again in a few seconds.",
    {
      retryAfterSeconds: 2,
      cause,
    },
  );
}

/** Counts one transaction where it is: waiting for a connection, then using it. */
function takePlace(
  load: { used: number; waiting: number },
  onWait: DatabaseOptions["onWait"],
): { connected(): void; left(): void } {
  const asked = performance.now();
  let at: "waiting" | "used" = "waiting";
  load.waiting++;
  return {
    connected: () => {
      load.waiting--;
      load.used++;
      at = "used";
      onWait?.(performance.now() - asked);
    },
    left: () => {
      load[at]--;
    },
  };
}

/** What has not begun in time is never begun: nobody waits for it any more. */
async function beginningWithin<T>(ms: number, begin: (begun: () => void) => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let gaveUp = false;
  const silent = (): Error => {
    const sentence = `the database has not begun a transaction within ${ms} ms`;
    return Object.assign(new Error(sentence), { code: "CONNECTION_SILENT" });
  };
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      gaveUp = true;
      reject(silent());
    }, ms);
  });
  const working = begin(() => {
    if (gaveUp) throw silent();
    clearTimeout(timer);
  });
  working.catch(() => {});
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function answersWithin(pool: Sql, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([pool`select 1`.then(() => true as const), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
