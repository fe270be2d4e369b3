import type { Database, Tx } from "../lib/db.ts";
import { append, appendOncePerDay } from "../modules/audit/audit.ts";
import type { BootstrapKind, LiveDeveloperToken, LiveOperatorToken } from "../modules/identity/identity.ts";

/**
 * The first use of a token on each day (UTC) stands in the audit log, in the transaction that notes the use: whether a
 * credential was used on a day can be read for ever, and a busy one costs a row a day. What it did stands there by itself.
 */
export function auditDeveloperTokenUse(tx: Tx, token: LiveDeveloperToken): Promise<void> {
  return append(tx, {
    actorScope: "developer",
    actorId: token.tokenId,
    action: "developer_token.use",
    resourceType: "developer_token",
    resourceId: token.tokenId,
    developerId: token.developerId,
    metadata: { name: token.name },
  });
}

export function auditOperatorTokenUse(tx: Tx, token: LiveOperatorToken): Promise<void> {
  return append(tx, {
    actorScope: "admin",
    actorId: token.tokenId,
    actorName: token.email,
    action: "operator_token.use",
    resourceType: "operator_token",
    resourceId: token.tokenId,
    metadata: { name: token.name },
  });
}

/**
 * A credential of the environment has no row that could say when it was used: each instance asks the log itself, once a day
 * for each of them. Two instances that ask at the same moment may both write.
 */
export function createBootstrapUses(deps: {
  database: Pick<Database, "write">;
  nowMs(): number;
  onError(error: unknown): void;
}): (kind: BootstrapKind, credentialId: string) => void {
  const toldOn = new Map<string, number>();
  return (kind, credentialId) => {
    const day = Math.floor(deps.nowMs() / dayMs);
    if (toldOn.get(credentialId) === day) return;
    toldOn.set(credentialId, day);
    const variable = kind === "operator" ? "ADMIN_TOKEN" : "DEVELOPER_ADMIN_TOKEN";
    void deps.database
      .write({ purpose: "auth" }, (tx) =>
        appendOncePerDay(tx, {
          actorScope: "bootstrap",
          actorName: "bootstrap",
          action: "bootstrap.use",
          resourceType: "environment_secret",
          resourceId: credentialId,
          metadata: { variable },
        }),
      )
      .catch((error: unknown) => {
        toldOn.delete(credentialId);
        deps.onError(error);
      });
  };
}

const dayMs = 86_400_000;
