// `pnpm dev`: the server is started anew when a source file of it changes.
import { watch } from "node:fs";
import { join } from "node:path";
import { type Exit, type Program, type RunningProgram, startProgram } from "./children.ts";
import { cloneRoot } from "./data-folder.ts";

const watched = ["apps/server/src", "packages/contract/src", "packages/token-counter/src"];
// Editors write a file in several steps.
const settleMs = 150;
const stopMs = 1500;

/** Looks like one program that runs until `stop`; when it fails it waits for the next change. */
export function restartOnChange(program: Program, log: (step: string) => void): RunningProgram {
  const ended = Promise.withResolvers<Exit>();
  let current = startProgram(program);
  let timer: NodeJS.Timeout | undefined;
  let stopping = false;
  let restarting = Promise.resolve();

  const restart = async () => {
    if (stopping) return;
    log("sources have changed: starting the servers anew");
    await current.stop(stopMs);
    if (!stopping) current = startProgram(program);
  };
  const watchers = watched.map((folder) =>
    watch(join(cloneRoot, folder), { recursive: true }, (_event, file) => {
      if (!file?.endsWith(".ts") || file.endsWith(".test.ts")) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        restarting = restarting.then(restart);
      }, settleMs);
    }),
  );
  return {
    name: program.name,
    get pid() {
      return current.pid;
    },
    logFile: program.logFile,
    exited: ended.promise,
    stop: async (withinMs) => {
      stopping = true;
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
      await Promise.all([current.stop(withinMs), restarting]);
      ended.resolve({ code: 0, lastWords: "" });
    },
  };
}
