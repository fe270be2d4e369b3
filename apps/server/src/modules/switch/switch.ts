/** The door of switches: what operators have switched off or slowed down, and the copy of it that requests are judged by. */
import type { SwitchTarget } from "@modelfaucet/contract/objects/switch.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { isInForce, type SwitchRow, type SwitchSubject, switchKey, targetsOf } from "./rules.ts";
import { readInForce, readOneInForce } from "./store.ts";

export { concerns, featureTarget, platformId, type SwitchSubject } from "./rules.ts";
export {
  countInForce,
  findSwitchTarget,
  listSwitches,
  lockSwitch,
  mostInForce,
  type StoredSwitch,
  type SwitchPlace,
  takeEndedSwitch,
  writeSwitch,
} from "./store.ts";

/** One thing that is switched off or slowed down. */
export type Switched = { kind: SwitchTarget; id: string };

export type Switches = {
  isOff(kind: SwitchTarget, id: string): boolean;
  /** Requests per minute that a throttled target is kept to; `null` where it is not. */
  throttleOf(kind: SwitchTarget, id: string): number | null;
  /** The first of everything that a request belongs to that is off; `null` where nothing is. No query, no wait. */
  offFor(subject: SwitchSubject): Switched | null;
  /** Everything that a request belongs to that is throttled. */
  throttlesFor(subject: SwitchSubject): (Switched & { rpm: number })[];
  /** Runs each time that something has been switched off, when this copy has it already. */
  onOff(listener: (switched: Switched) => void): void;
  /** Reads the whole copy; once, before the first request. */
  reload(): Promise<void>;
};

/**
 * The switches in memory on every instance. A change is announced in its own transaction and read before this instance
 * says that it has seen it; when that fails, the poll fails, and an instance that cannot follow takes no new work.
 */
export function createSwitches(deps: {
  database: Pick<Database, "read">;
  feed: Pick<ChangeFeed, "on" | "now">;
  /** How long after its commit a switch holds here, in seconds. */
  onApplied?: (seconds: number) => void;
}): Switches {
  let rows = new Map<string, SwitchRow>();
  const listeners: ((switched: Switched) => void)[] = [];
  const inForce = (kind: SwitchTarget, id: string): SwitchRow | null => {
    const row = rows.get(switchKey(kind, id));
    return row !== undefined && isInForce(row, deps.feed.now()) ? row : null;
  };
  const isOff = (kind: SwitchTarget, id: string): boolean => inForce(kind, id)?.state === "off";
  const throttleOf = (kind: SwitchTarget, id: string): number | null =>
    inForce(kind, id)?.throttleRpm ?? null;

  // One after the other: an older answer must never replace a newer one.
  let last: Promise<void> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    last = last.catch(() => {}).then(work);
    return last;
  };
  const apply = async (target: string): Promise<void> => {
    const { row, kind, targetId, changedAtMs } = await deps.database.read({ purpose: "cache" }, (tx) =>
      readOneInForce(tx, target),
    );
    const key = switchKey(kind, targetId);
    if (row === null) rows.delete(key);
    else rows.set(key, row);
    if (isOff(kind, targetId)) for (const listener of listeners) listener({ kind, id: targetId });
    deps.onApplied?.(Math.max(0, deps.feed.now() - changedAtMs) / 1_000);
  };
  deps.feed.on("switch", (target) => inTurn(() => apply(target)));

  return {
    isOff,
    throttleOf,
    offFor: (subject) => {
      // Nearly always nothing at all is switched off.
      if (rows.size === 0) return null;
      return targetsOf(subject).find(({ kind, id }) => isOff(kind, id)) ?? null;
    },
    throttlesFor: (subject) => {
      if (rows.size === 0) return [];
      return targetsOf(subject).flatMap((target) => {
        const rpm = throttleOf(target.kind, target.id);
        return rpm === null ? [] : [{ ...target, rpm }];
      });
    },
    onOff: (listener) => {
      listeners.push(listener);
    },
    reload: () =>
      inTurn(async () => {
        const read = await deps.database.read({ purpose: "cache" }, readInForce);
        rows = new Map(read.map((row) => [switchKey(row.kind, row.targetId), row]));
      }),
  };
}
