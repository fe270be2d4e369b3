import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { type AlertRow, acknowledgeAlert } from "../modules/alert/alert.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";

/** Notes who looks after an alert. A second one changes nothing, and is told who was first. @throws ApiError not_found */
export async function acknowledge(
  deps: { database: Pick<Database, "write"> },
  actor: AuditActor,
  id: string,
): Promise<AlertRow> {
  return deps.database.write({ purpose: "operator" }, async (tx) => {
    const found = await acknowledgeAlert(tx, id, actor.actorName ?? actor.actorId ?? actor.actorScope);
    if (!found) throw new ApiError("not_found", "There is no such alert.");
    const { alert, isFirst } = found;
    if (isFirst) {
      const metadata = { rule: alert.rule, target: alert.target };
      await append(tx, {
        ...actor,
        action: "alert.acknowledge",
        resourceType: "alert",
        resourceId: id,
        metadata,
      });
    }
    return alert;
  });
}
