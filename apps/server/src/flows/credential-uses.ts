import type { Tx } from "../lib/db.ts";
import { append } from "../modules/audit/audit.ts";
import type { LiveDeveloperToken, LiveOperatorToken } from "../modules/identity/identity.ts";

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
