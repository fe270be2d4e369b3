import { parseArgs } from "node:util";
import { type SwitchTarget, switchTargets } from "@modelfaucet/contract/objects/switch.ts";
import { type Arrival, arrivalSentence, reason as reasonForm, timeIn } from "@modelfaucet/contract/values.ts";
import { setSwitch } from "../flows/switches.ts";
import { waitUntilSeen } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";

const kinds = switchTargets.join(", ");
const named = `<kind> is one of ${kinds}.
<id>: an app by its public id, a feature as app/feature, a provider by its name, the rest by id; none for platform.`;

export const suspendHelp = `usage: pnpm mf suspend <kind> [<id>] --reason "…" [--rpm 60] [--until <time>] [--json]
Switches something off on every instance, open streams included; with --rpm it is kept to so many calls a minute.
${named}
With --until it is lifted by itself. Prints the milliseconds until every live instance had it.`;

export const resumeHelp = `usage: pnpm mf resume <kind> [<id>] --reason "…" [--json]
Lifts a suspension or a throttle on every instance.
${named}
Prints the milliseconds until every live instance had it.`;

const laterKinds: Readonly<Record<string, Arrival>> = { topups: 4, payouts: 4 };

/** Whoever runs this holds the deployment's secrets. */
const actor = { actorScope: "bootstrap", actorName: "bootstrap" } as const;

/**
 * `suspend` and `resume`: 1 when there is no such thing, or when a live instance has not confirmed it within two seconds;
 * 2 on wrong usage.
 */
export async function runSuspend(
  verb: "suspend" | "resume",
  args: readonly string[],
  database: Database,
): Promise<number> {
  const asked = readArguments(verb, args);
  const arrival = laterKinds[args[0] ?? ""];
  if (arrival !== undefined) {
    console.error(`${args[0]} ${arrivalSentence(arrival)}`);
    return 1;
  }
  if (asked === null) {
    console.error(verb === "suspend" ? suspendHelp : resumeHelp);
    return 2;
  }
  const feed = {
    waitUntilSeen: (version: bigint, timeoutMs = 2_000) => waitUntilSeen(database, version, timeoutMs),
  };
  const begun = performance.now();
  try {
    const { row, instances } = await setSwitch({ database, feed }, actor, asked.input);
    const ms = Math.round(performance.now() - begun);
    const isEverywhere = instances.acknowledged >= instances.total;
    if (asked.json) {
      const until = row.until?.toISOString();
      const { kind: target_type, state, throttleRpm: throttle_rpm } = row;
      console.log(
        JSON.stringify({ target_type, target_id: row.targetName, state, throttle_rpm, until, ms, instances }),
      );
    } else {
      const what = row.targetName === null ? row.kind : `${row.kind} ${row.targetName}`;
      console.log(
        `${what} is ${row.state}: ${instances.acknowledged} of ${instances.total} live instances had it after ${ms} ms`,
      );
    }
    if (!isEverywhere) {
      console.error(
        "An instance has not confirmed it; it takes no new calls once it has lost touch for two seconds.",
      );
    }
    return isEverywhere ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    console.error(error.message);
    return 1;
  }
}

function readArguments(verb: "suspend" | "resume", args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      reason: { type: "string" },
      rpm: { type: "string" },
      until: { type: "string" },
      json: { type: "boolean" },
    },
  });
  const [kind, target, ...more] = positionals;
  const reason = reasonForm.safeParse(values.reason);
  const isKind = (switchTargets as readonly string[]).includes(kind ?? "");
  const rpm = values.rpm === undefined ? null : Number(values.rpm);
  const isRpm = rpm === null || (Number.isInteger(rpm) && rpm >= 1 && rpm <= 1_000_000);
  const isUntil = values.until === undefined || timeIn.safeParse(values.until).success;
  const isPlain = verb === "suspend" || (rpm === null && values.until === undefined);
  if (!isKind || !reason.success || more.length > 0 || !isRpm || !isUntil || !isPlain) return null;
  const state: "on" | "off" | "throttled" = verb === "resume" ? "on" : rpm === null ? "off" : "throttled";
  return {
    json: values.json === true,
    input: {
      kind: kind as SwitchTarget,
      target,
      state,
      throttleRpm: rpm,
      until: values.until ?? null,
      reason: reason.data,
    },
  };
}
