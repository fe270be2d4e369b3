import { parseArgs } from "node:util";
import { finishRotation, type RotationDeps, reseal, startRotation } from "../flows/key-rotation.ts";
import { ApiError } from "../lib/errors.ts";
import { listRotations, type Rotation } from "../modules/key-rotation/key-rotation.ts";

export const rotateKeysHelp = `usage: pnpm mf rotate-keys start --reason "…" [--json]
       pnpm mf rotate-keys status [--json]
       pnpm mf rotate-keys finish --reason "…" [--json]
Seals every stored secret with the first key of SECRET_ENCRYPTION_KEY, while everything runs. Set ring:<new>,<old> on every
process first. What was begun goes on with another start; finish refuses as long as a value needs the old key.`;

const actor = { actorScope: "bootstrap", actorName: "bootstrap" } as const;
/** What somebody holds at that moment is tried again; what does not open stays, and is told. */
const mostPasses = 20;

/** `rotate-keys`: 0 when nothing needs the old key any more, 1 while something does, 2 on wrong usage. */
export async function runRotateKeys(args: readonly string[], deps: RotationDeps): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { reason: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } },
  });
  const [verb, ...more] = positionals;
  const tell = (rotation: Rotation | null): void =>
    console.log(values.json ? JSON.stringify(jsonOf(rotation)) : lineOf(rotation));
  if (more.length > 0 || (verb !== "start" && verb !== "status" && verb !== "finish")) return usage();
  if (verb !== "status" && !values.reason) return usage("--reason is missing: it stands in the audit log");
  const newest = async () => {
    const newestOne = { before: undefined, from: undefined, to: undefined, limit: 1 };
    const [rotation] = await deps.database.read({ purpose: "operator" }, (tx) =>
      listRotations(tx, newestOne),
    );
    return rotation ?? null;
  };
  try {
    if (verb === "status") {
      const rotation = await newest();
      tell(rotation);
      return rotation === null || rotation.done === rotation.total ? 0 : 1;
    }
    if (verb === "start") return await start(deps, values.reason!, tell);
    const rotation = await newest();
    if (!rotation) throw new ApiError("not_found", "Nothing has been started: begin with rotate-keys start.");
    tell(await finishRotation(deps, actor, { id: rotation.id, reason: values.reason! }));
    return 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    console.error(error.message);
    return 1;
  }
}

async function start(
  deps: RotationDeps,
  reason: string,
  tell: (rotation: Rotation | null) => void,
): Promise<number> {
  const { id } = await startRotation(deps, actor, { reason, startedBy: "bootstrap" });
  let told = -1;
  const rotation = await reseal(deps, id, {
    passes: mostPasses,
    onProgress: (now) => {
      if (now.done !== told) console.error(lineOf(now));
      told = now.done;
    },
  });
  tell(rotation);
  return rotation?.status === "running" ? 1 : 0;
}

function usage(fault?: string): number {
  console.error(fault ? `${fault}\n\n${rotateKeysHelp}` : rotateKeysHelp);
  return 2;
}

function lineOf(rotation: Rotation | null): string {
  if (!rotation) return "no key was ever rotated";
  const { status, done, total, unopened } = rotation;
  const faults = Object.entries(unopened).map(([column, values]) => `; ${values} in ${column} do not open`);
  return `${status}: ${done} of ${total} values are sealed with the new key, ${total - done} left${faults.join("")}`;
}

function jsonOf(rotation: Rotation | null): unknown {
  if (!rotation) return { rotation: null };
  const { id, kind, status, done, total, unopened } = rotation;
  return { rotation: { id, kind, status, done, total, left: total - done, unopened } };
}
