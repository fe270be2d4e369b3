import { parseArgs } from "node:util";
import type { Database } from "../lib/db.ts";
import type { Projector, ProjectorName } from "../projectors/projector.ts";
import {
  allProjectors,
  beginRebuild,
  type ProjectorState,
  projectBatch,
  readProjectors,
  removeRetired,
} from "../projectors/projectors.ts";

export const projectorsHelp = `usage: pnpm mf projectors [--json]
       pnpm mf projectors rebuild <name> [--json]
Shows how far the projectors have read the log, or makes one's roll-ups again from the start. Until the new ones have
caught up, everybody reads the old ones. Names: ${allProjectors.map(({ name }) => name).join(", ")}.`;

/** `mf projectors`: 0 when it is done, 2 for a name that no projector has. */
export async function runProjectors(args: readonly string[], database: Database): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(projectorsHelp);
    return 0;
  }
  const [verb, name, ...more] = positionals;
  if (verb !== undefined) {
    const projector = allProjectors.find((known) => known.name === name);
    if (verb !== "rebuild" || projector === undefined || more.length > 0) {
      console.error(projectorsHelp);
      return 2;
    }
    const generation = await rebuild(database, projector);
    if (!values.json) console.log(`${projector.name} is made again: generation ${generation}`);
  }
  const states = await readStates(database);
  if (values.json) console.log(JSON.stringify({ projectors: states }));
  else for (const line of states.map(lineOf)) console.log(line);
  return 0;
}

const otherWorkerMs = 200;

/** Reads the log from the start, together with the workers where there are some, until the new generation is live. */
async function rebuild(database: Database, projector: Projector): Promise<number> {
  const generation = await beginRebuild({ database }, projector.name);
  while (await isBuilding(database, projector.name, generation)) {
    const result = await projectBatch({ database }, projector, "building");
    if (result === "busy") await new Promise((resolve) => setTimeout(resolve, otherWorkerMs));
  }
  await removeRetired({ database }, projector);
  return generation;
}

async function isBuilding(database: Database, name: ProjectorName, generation: number): Promise<boolean> {
  const states = await readStates(database);
  return states.some(
    (state) => state.name === name && state.generation === generation && state.state === "building",
  );
}

const readStates = (database: Database): Promise<ProjectorState[]> =>
  database.read({ purpose: "projection" }, readProjectors);

function lineOf(state: ProjectorState): string {
  const place = `epoch ${state.epoch}, transaction ${state.xid8}`;
  return `${state.name.padEnd(16)}${state.state.padEnd(10)}${place.padEnd(36)}${state.lag_seconds.toFixed(1)} s behind`;
}
