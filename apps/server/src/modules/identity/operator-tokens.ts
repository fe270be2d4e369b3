import type { Database, Tx } from "../../lib/db.ts";
import { hashToken, isWellFormedToken } from "../../lib/ids.ts";
import type { MissLimiter } from "./miss-limiter.ts";
import { type LiveOperatorToken, readLiveOperatorToken } from "./operator-token-store.ts";

export type OperatorTokens = {
  /**
   * The token if it is known, not revoked and not expired; a token without a right checksum costs no query. Read each
   * time, so that a revocation holds from its commit on.
   * @throws ApiError rate_limited after too many unknown tokens from one address
   */
  find(token: string, address: string): Promise<LiveOperatorToken | null>;
};

/** `onFirstUse` is told of a token's first use of each day (UTC), in the transaction that noted it. */
export function createOperatorTokens(deps: {
  database: Pick<Database, "write">;
  misses: MissLimiter;
  onFirstUse(tx: Tx, token: LiveOperatorToken): Promise<void>;
}): OperatorTokens {
  return {
    find: async (token, address) => {
      if (!isWellFormedToken(token, "mf_admin_")) return null;
      return deps.misses.run(address, () =>
        deps.database.write({ purpose: "auth" }, async (tx) => {
          const found = await readLiveOperatorToken(tx, hashToken(token));
          if (found?.firstToday) await deps.onFirstUse(tx, found);
          return found;
        }),
      );
    },
  };
}
