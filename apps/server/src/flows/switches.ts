import type { SwitchTarget } from "@modelfaucet/contract/objects/switch.ts";
import { announce, type ChangeFeed, readSeenVersions } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  countInForce,
  findSwitchTarget,
  lockSwitch,
  mostInForce,
  type StoredSwitch,
  type SwitchPlace,
  takeEndedSwitch,
  writeSwitch,
} from "../modules/switch/switch.ts";

export type SwitchDeps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };

export type SwitchInput = {
  kind: SwitchTarget;
  /** As an operator names it: a public app id, `app/feature`, an id, a provider's name; none for the platform. */
  target: string | undefined;
  state: StoredSwitch["state"];
  throttleRpm: number | null;
  /** RFC 3339; from then on it is as if it had been lifted. */
  until: string | null;
  reason: string;
};

/** How many instances live, and how many of them have it. */
export type Acknowledged = { acknowledged: number; total: number };

/**
 * Switches something off, slows it down, or lifts that. Answers when every live instance has it and has told its open
 * streams, after two seconds at the latest.
 * @throws ApiError not_found, invalid_request, conflict with `details.reason: "too_many"`
 */
export async function setSwitch(
  deps: SwitchDeps,
  actor: AuditActor,
  input: SwitchInput,
): Promise<{ row: StoredSwitch; instances: Acknowledged }> {
  const row = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const place = await requireTarget(tx, input.kind, input.target);
    const until = input.until === null ? null : await readEnd(tx, input.until);
    if (input.state !== "on" && (await countInForce(tx)) >= mostInForce) {
      throw new ApiError("conflict", "Too many things are switched off already; lift some first.", {
        details: { reason: "too_many", limit: mostInForce },
      });
    }
    return writeOne(tx, actor, place, { ...input, until });
  });
  await deps.feed.waitUntilSeen(row.version);
  const seen = await deps.database.read({ purpose: "operator" }, readSeenVersions);
  return { row, instances: acknowledgedBy(seen, row) };
}

/** Of instances that have read so far, those that have this switch. */
export function acknowledgedBy(
  seen: readonly bigint[],
  { version }: Pick<StoredSwitch, "version">,
): Acknowledged {
  return { acknowledged: seen.filter((one) => one >= version).length, total: seen.length };
}

/** @throws ApiError not_found, invalid_request */
export async function requireTarget(
  tx: Tx,
  kind: SwitchTarget,
  named: string | undefined,
): Promise<SwitchPlace> {
  if ((kind === "platform") === (named !== undefined)) {
    const sentence = kind === "platform" ? "The platform has no target_id." : `Name the ${words(kind)}.`;
    throw new ApiError("invalid_request", sentence, { param: "target_id" });
  }
  const place = await findSwitchTarget(tx, kind, named);
  if (place) return place;
  throw new ApiError("not_found", `There is no such ${words(kind)}.`, { param: "target_id" });
}

const words = (kind: SwitchTarget): string => kind.replace("_", " ");

/** Whatever has ended by itself is written down as lifted; it has not held since its `until`. Gives how many. */
export async function liftEndedSwitches({ database }: Pick<SwitchDeps, "database">): Promise<number> {
  for (let lifted = 0; lifted < mostLifted; lifted++) {
    const isDone = await database.write({ purpose: "operator" }, async (tx) => {
      const ended = await takeEndedSwitch(tx);
      if (!ended) return true;
      const actor = { actorScope: "system", actorId: "switches", actorName: "system" } as const;
      await writeOne(tx, actor, ended, {
        state: "on",
        throttleRpm: null,
        until: null,
        reason: itsTimeIsOver,
      });
      return false;
    });
    if (isDone) return lifted;
  }
  return mostLifted;
}

const mostLifted = 1_000;
const itsTimeIsOver = "Its time was over.";

const actions = { off: "switch.suspend", on: "switch.resume", throttled: "switch.throttle" } as const;

async function writeOne(
  tx: Tx,
  actor: AuditActor,
  place: SwitchPlace,
  change: Pick<StoredSwitch, "state" | "throttleRpm" | "reason" | "until">,
): Promise<StoredSwitch> {
  const before = await lockSwitch(tx, place);
  const version = await announce(tx, "switch", `${place.kind}/${place.targetId}`);
  await writeSwitch(tx, place, {
    ...change,
    version,
    setBy: actor.actorName ?? actor.actorId ?? actor.actorScope,
  });
  const after = (await lockSwitch(tx, place))!;
  await append(tx, {
    ...actor,
    action: actions[change.state],
    resourceType: place.kind,
    resourceId: after.targetName ?? place.targetId,
    appId: place.appId,
    developerId: place.developerId,
    reason: change.reason,
    before: before && stateOf(before),
    after: stateOf(after),
  });
  return after;
}

const stateOf = ({ state, throttleRpm, until }: StoredSwitch): Record<string, unknown> => ({
  state,
  ...(throttleRpm === null ? {} : { throttle_rpm: throttleRpm }),
  ...(until === null ? {} : { until }),
});

/** Judged by the database's clock, as every expiry. */
async function readEnd(tx: Tx, text: string): Promise<Date> {
  const until = new Date(text);
  const [row] = await tx<{ now: Date }[]>`select mf_now() as now`;
  if (until > row!.now) return until;
  throw new ApiError("invalid_request", "until must lie in the future.", { param: "until" });
}
