import type { Tx } from "../../lib/db.ts";
import { redact } from "./rules.ts";
import { hasEntryToday, insertEntry } from "./store.ts";

export { type AuditFilter, type AuditRow, eachAuditRow, listAuditRows, listLeaks } from "./reading.ts";
/** Whether that was ever done to that thing. */
export { hasEntry } from "./store.ts";

export type AuditActorScope = "developer" | "end_user" | "admin" | "stripe" | "system" | "bootstrap";

/** Who did something, as the audit rows name them. Flows are handed this by their entrance. */
export type AuditActor = {
  actorScope: AuditActorScope;
  /** A token's or a person's id; absent for the system. */
  actorId?: string | null;
  actorName?: string | null;
  /** The UUID inside `req_…`. */
  requestId?: string | null;
  /** A /24 or /48, never a full address. */
  addressPrefix?: string | null;
};

export type AuditEntry = AuditActor & {
  /** One of the stable names, for example `app.create`. */
  action: string;
  resourceType: string;
  resourceId: string;
  appId?: string | null;
  developerId?: string | null;
  reason?: string | null;
  before?: unknown;
  after?: unknown;
  metadata?: Record<string, unknown>;
};

/** Writes one audit row inside the transaction of the act itself; secrets are replaced before they reach the row. */
export async function append(tx: Tx, entry: AuditEntry): Promise<void> {
  await insertEntry(tx, {
    ...entry,
    ...(entry.before === undefined ? {} : { before: redact(entry.before) }),
    ...(entry.after === undefined ? {} : { after: redact(entry.after) }),
    metadata: redact(entry.metadata ?? {}) as Record<string, unknown>,
  });
}

/** As `append`, unless a row of that act on that thing stands there since midnight (UTC) already. */
export async function appendOncePerDay(tx: Tx, entry: AuditEntry): Promise<void> {
  if (await hasEntryToday(tx, entry.action, entry.resourceType, entry.resourceId)) return;
  await append(tx, entry);
}
