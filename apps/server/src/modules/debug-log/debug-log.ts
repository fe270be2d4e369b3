import type { Database } from "../../lib/db.ts";
import type { SecretBox, SecretPlace } from "../../lib/secret-box.ts";
import type { DebugBodies, DebugSubject } from "./record.ts";
import { insertDebugRow } from "./store.ts";

export { createDebugRecord, type DebugBodies, type DebugBody, type DebugRecord } from "./record.ts";
export {
  countEndedDebugRows,
  type DebugLogState,
  listDebugRows,
  readDebugLogState,
  readDebugRow,
  removeEndedDebugRows,
  writeDebugLogState,
} from "./store.ts";

/** Where the bodies of a call are sealed to: a row that is moved does not open. */
export const debugLogPlace = (appId: string, requestId: string): SecretPlace => ({
  table: "debug_logs",
  column: "sealed_bodies",
  rowId: requestId,
  owner: appId,
});

export function openBodies(
  secretBox: Pick<SecretBox, "open">,
  sealed: string,
  appId: string,
  requestId: string,
): DebugBodies {
  return JSON.parse(secretBox.open(sealed, debugLogPlace(appId, requestId))) as DebugBodies;
}

/** Writes the rows of apps whose log is on, behind the answers: nobody waits for them. */
export type DebugLogs = {
  /** Takes a call that has ended. Where too many wait already it is left out. */
  keep(subject: DebugSubject, bodies: DebugBodies): void;
  /** Resolves when everything that was taken is written, or could not be. */
  stop(): Promise<void>;
};

/** Each may hold two bodies of a mebibyte. */
const mostWaiting = 16;

export function createDebugLogs(deps: {
  database: Pick<Database, "write">;
  secretBox: Pick<SecretBox, "seal">;
  onError: (error: unknown) => void;
}): DebugLogs {
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();
  const write = async (subject: DebugSubject, bodies: DebugBodies): Promise<void> => {
    const { appId, requestId } = subject;
    const sealed = deps.secretBox.seal(JSON.stringify(bodies), debugLogPlace(appId, requestId));
    await deps.database.write({ purpose: "settlement", appId }, (tx) => insertDebugRow(tx, subject, sealed));
  };
  return {
    keep: (subject, bodies) => {
      if (waiting >= mostWaiting) return;
      waiting += 1;
      // One after another: a log is worth one connection, and no more.
      last = last
        .then(() => write(subject, bodies))
        .catch(deps.onError)
        .finally(() => {
          waiting -= 1;
        });
    },
    stop: () => last,
  };
}
