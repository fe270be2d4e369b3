// The Node that runs our TypeScript: the machine's own from version 24 on, else a pinned one from the npm registry
// (a platform package without install scripts, its content fixed by scripts/node-runtime/package-lock.json).
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const runtimeFolder = join(root, ".cache", "node-runtime");
const pinnedNode = join(
  runtimeFolder,
  "node_modules",
  `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`,
  "bin",
  process.platform === "win32" ? "node.exe" : "node",
);

/** Path of a Node that strips types. @throws when none is there and the registry cannot be reached. */
export async function nodeForTypeScript({ onInstall = () => {} } = {}) {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  if (!existsSync(pinnedNode)) {
    onInstall();
    await mkdir(runtimeFolder, { recursive: true });
    for (const file of ["package.json", "package-lock.json"]) {
      await cp(join(root, "scripts", "node-runtime", file), join(runtimeFolder, file));
    }
    await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: runtimeFolder });
  }
  if (!existsSync(pinnedNode)) {
    throw new Error(
      `no Node for ${process.platform}-${process.arch} in the npm registry: install Node 24 or newer and try again`,
    );
  }
  return pinnedNode;
}
