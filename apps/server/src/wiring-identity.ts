import { auditDeveloperTokenUse, auditOperatorTokenUse } from "./flows/credential-uses.ts";
import { keepKeySet } from "./flows/keep-key-set.ts";
import type { Database } from "./lib/db.ts";
import type { Outbound } from "./lib/outbound.ts";
import {
  createDeveloperTokens,
  createKeySets,
  createOperatorTokens,
  type DeveloperTokens,
  fetchKeySet,
  type KeySets,
  type MissLimiter,
  type OperatorTokens,
} from "./modules/identity/identity.ts";

export type Proofs = { developerTokens: DeveloperTokens; operatorTokens: OperatorTokens; keySets: KeySets };

/** Everything by which callers and users prove who they are, beside sessions. `nowMs` is the database's clock. */
export function createProofs(deps: {
  database: Database;
  misses: MissLimiter;
  outbound: Pick<Outbound, "request">;
  nowMs(): number;
  onError(error: unknown): void;
}): Proofs {
  const { database, misses } = deps;
  return {
    developerTokens: createDeveloperTokens({ database, misses, onFirstUse: auditDeveloperTokenUse }),
    operatorTokens: createOperatorTokens({ database, misses, onFirstUse: auditOperatorTokenUse }),
    keySets: createKeySets({
      ...deps,
      fetch: (url) => fetchKeySet(deps.outbound, url),
      keep: (source, stored) => keepKeySet(database, source, stored),
    }),
  };
}
