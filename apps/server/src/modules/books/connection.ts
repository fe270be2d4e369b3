import { isDatabaseAway, type Sql, type Tx } from "../../lib/db.ts";

export type BooksConnection = {
  /**
   * Runs `work` on the one connection. A connection that was lost, or that has been silent for too long, is replaced
   * before the next use. @throws what `work` throws; with code `CONNECTION_SILENT` after the longest silence
   */
  use<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/**
 * The committer's connection: reserved once and kept. The driver never answers statements that wait behind others on a
 * reserved connection when that is lost, nor a reservation that is lost while it is being made; so no wait here is
 * without an end, and what is left over goes with the connection.
 */
export function createBooksConnection(connect: () => Sql, longestSilenceMs: number): BooksConnection {
  let pool = connect();
  let reserved: Tx | null = null;

  const replace = (): void => {
    const lost = pool;
    pool = connect();
    reserved = null;
    void lost.end({ timeout: 0 }).catch(() => {});
  };
  const reserve = async (): Promise<Tx> => {
    const own = pool;
    // A plain statement opens the connection, because the driver repeats that one when the connection breaks.
    await own`select 1`;
    const tx = (await own.reserve()) as unknown as Tx;
    if (own === pool) reserved = tx;
    return tx;
  };
  const run = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const tx = reserved ?? (await reserve());
    try {
      return await work(tx);
    } catch (error) {
      if (!isDatabaseAway(error)) await tx`rollback`.catch(() => {});
      throw error;
    }
  };
  return {
    use: async (work) => {
      try {
        return await within(longestSilenceMs, run(work));
      } catch (error) {
        if (isDatabaseAway(error)) replace();
        throw error;
      }
    },
    close: () => pool.end({ timeout: 1 }),
  };
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const sentence = `the database has been silent for ${ms} ms`;
      reject(Object.assign(new Error(sentence), { code: "CONNECTION_SILENT" }));
    }, ms);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, silent]);
  } finally {
    clearTimeout(timer);
  }
}
