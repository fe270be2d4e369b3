// What `npm start` and `npm test` have in common: on any Node from 20 on, install what is missing, then hand over.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fail, handOver } from "./hand-over.mjs";
import { installWorkspace } from "./install.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs `entry` (a path from the clone's root) with the arguments of this process. */
export async function bootstrap(entry) {
  try {
    if (Number(process.versions.node.split(".")[0]) < 20) {
      throw new Error(`Node ${process.versions.node} is too old: install Node 20 or newer and try again.`);
    }
    await installWorkspace({ onInstall: () => console.error("installing packages (once) …") });
    await handOver(join(root, entry), process.argv.slice(2), {
      onInstall: () => console.error("installing the pinned Node (once) …"),
    });
  } catch (error) {
    fail(error);
  }
}
