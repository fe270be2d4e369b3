import type { Database } from "../../lib/db.ts";
import { hashToken, isWellFormedToken } from "../../lib/ids.ts";
import { type LiveDeveloperToken, readLiveDeveloperToken } from "./developer-token-store.ts";
import type { MissLimiter } from "./miss-limiter.ts";

export type DeveloperTokens = {
  /**
   * The token if it is known, not revoked and not expired; a token without a right checksum costs no query. Read each
   * time, so that a revocation holds from its commit on.
   * @throws ApiError rate_limited after too many unknown tokens from one address
   */
  find(token: string, address: string): Promise<LiveDeveloperToken | null>;
};

export function createDeveloperTokens(deps: {
  database: Pick<Database, "write">;
  misses: MissLimiter;
}): DeveloperTokens {
  return {
    find: async (token, address) => {
      if (!isWellFormedToken(token, "mf_dev_")) return null;
      return deps.misses.run(address, () =>
        deps.database.write({ purpose: "auth" }, (tx) => readLiveDeveloperToken(tx, hashToken(token))),
      );
    },
  };
}
