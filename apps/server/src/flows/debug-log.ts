import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  countEndedDebugRows,
  type DebugBodies,
  type DebugLogState,
  listDebugRows,
  openBodies,
  readDebugLogState,
  readDebugRow,
  removeEndedDebugRows,
  writeDebugLogState,
} from "../modules/debug-log/debug-log.ts";
import type { DeveloperCaller } from "../modules/identity/identity.ts";
import type { App } from "../modules/tenancy/tenancy.ts";
import { requireApp, requireLockedApp, tenantOf } from "./developers-calling.ts";

export type DebugLogDeps = {
  database: Pick<Database, "read" | "write">;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  secretBox: Pick<SecretBox, "open">;
};

/** The state of an app's log with the calls that are kept, newest first. */
export type DebugLog = DebugLogState & { items: { requestId: string; createdAt: Date }[] };

/**
 * Switches an app's debug log on for 1 to 60 minutes from now, or off: `minutes` null. In force on every instance when this
 * answers. What was recorded stays for its day. @throws ApiError invalid_app
 */
export async function setDebugLog(
  deps: DebugLogDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; minutes: number | null; reason: string | null },
): Promise<DebugLog> {
  const { log, version } = await deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireLockedApp(tx, caller, input.publicAppId);
    const before = await readDebugLogState(tx, app.id);
    // What is off already is not switched off by anybody.
    if (input.minutes === null && !before.on) return { log: await logOf(tx, app.id), version: null };
    const by = actor.actorName ?? actor.actorId ?? actor.actorScope;
    await writeDebugLogState(tx, app.id, { minutes: input.minutes, by });
    const log = await logOf(tx, app.id);
    await append(tx, {
      ...actor,
      ...subjectOf(app),
      action: input.minutes === null ? "debug_log.stop" : "debug_log.start",
      reason: input.reason,
      before: { on: before.on, until: before.until },
      after: { on: log.on, until: log.until },
    });
    return { log, version: await announce(tx, "debug_log", app.id) };
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
  return log;
}

/** @throws ApiError invalid_app */
export async function readDebugLog(tx: Tx, caller: DeveloperCaller, publicAppId: string): Promise<DebugLog> {
  const app = await requireApp(tx, caller, publicAppId);
  return logOf(tx, app.id);
}

/**
 * The bodies of one call, opened, with an audit row of who read them. `requestId` without its prefix.
 * @throws ApiError invalid_app, not_found for a call that was not recorded or whose day is over
 */
export async function readDebugCall(
  deps: DebugLogDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; requestId: string },
): Promise<{ createdAt: Date; bodies: DebugBodies }> {
  return deps.database.write(tenantOf(caller), async (tx) => {
    const app = await requireApp(tx, caller, input.publicAppId);
    const row = await readDebugRow(tx, app.id, input.requestId);
    if (!row) throw new ApiError("not_found", "There is no record of this call.");
    const bodies = openBodies(deps.secretBox, row.sealed, app.id, input.requestId);
    await append(tx, {
      ...actor,
      ...subjectOf(app),
      action: "debug_log.read",
      metadata: { read_request_id: input.requestId },
    });
    return { createdAt: row.createdAt, bodies };
  });
}

const batchRows = 500;
const mostBatches = 200;

/** Removes the calls whose day is over, in small commits; gives how many. */
export async function removeEndedDebugCalls(database: Pick<Database, "read" | "write">): Promise<number> {
  const operator = { purpose: "operator" } as const;
  // Nearly always there is nothing, and that is asked without a writing transaction.
  if ((await database.read(operator, countEndedDebugRows)) === 0) return 0;
  let removed = 0;
  for (let batch = 0; batch < mostBatches; batch++) {
    const gone = await database.write(operator, (tx) => removeEndedDebugRows(tx, batchRows));
    removed += gone;
    if (gone < batchRows) break;
  }
  return removed;
}

async function logOf(tx: Tx, appId: string): Promise<DebugLog> {
  return { ...(await readDebugLogState(tx, appId)), items: await listDebugRows(tx, appId) };
}

const subjectOf = (app: App) => ({
  resourceType: "app",
  resourceId: app.publicAppId,
  appId: app.id,
  developerId: app.developerId,
});
