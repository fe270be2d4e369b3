import type { Tx } from "../lib/db.ts";
import { append } from "../modules/audit/audit.ts";
import type { KeyFinding, KeyName } from "../modules/credential/credential.ts";

/** What the service itself found out about a key: it does not open, or its vendor refused it while it served. */
export async function recordKeyFinding(tx: Tx, finding: KeyFinding, key: KeyName): Promise<void> {
  await append(tx, {
    actorScope: "system",
    action: finding === "open_failed" ? "provider_key.open_failed" : "provider_key.validate",
    resourceType: "provider_key",
    resourceId: key.id,
    appId: key.appId,
    developerId: key.developerId,
    metadata: {
      owner_scope: key.ownerScope,
      ...(finding === "refused" ? { ok: false, reason: "key_invalid", by: "traffic" } : {}),
    },
  });
}
