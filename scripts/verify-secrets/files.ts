import { execFileSync } from "node:child_process";
import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export type ScannedFile = {
  /** Relative to the folder that is searched. */
  readonly path: string;
  /** How a finding names it: the path, or path and version. */
  readonly name: string;
  /** Each byte a character. */
  readonly text: string;
};

const largestBytes = 33_554_432;

/**
 * Tracked files, untracked ones that git does not ignore, built pages, and env files wherever they lie; where there is no
 * git, every file.
 */
export function* filesOfTree(root: string): Iterable<ScannedFile> {
  const found = (patterns: string | string[]) => globSync(patterns, { cwd: root, exclude: isForeign });
  const paths = new Set([
    ...(publishedFiles(root) ?? found(["**/*", "**/.*", "**/.*/**/*"])),
    ...found("{apps,packages,examples,docs}/**/dist/**/*"),
    ...found(["**/.env", "**/.env.*", "**/*.env"]),
  ]);
  for (const path of [...paths].sort()) {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size > largestBytes) continue;
    yield { path, name: path, text: readFileSync(join(root, path), "latin1") };
  }
}

/** Every version of every file that a branch or tag of this clone reaches. @throws where there is no git */
export function* filesOfHistory(root: string): Iterable<ScannedFile> {
  const objects = git(root, ["rev-list", "--objects", "--all"])
    .split("\n")
    .map((line) => ({ id: line.slice(0, 40), path: line.slice(41) }))
    .filter(({ path }) => path !== "");
  const sizes = git(root, ["cat-file", "--batch-check=%(objecttype) %(objectsize)"], idsOf(objects)).split(
    "\n",
  );
  const blobs = objects.filter((_, index) => {
    const [type, size] = sizes[index]!.split(" ");
    return type === "blob" && Number(size) <= largestBytes;
  });
  // A few at a time, so that a long history does not have to fit into memory.
  for (let at = 0; at < blobs.length; at += 64) {
    const some = blobs.slice(at, at + 64);
    const answer = git(root, ["cat-file", "--batch"], idsOf(some), "latin1");
    let offset = 0;
    for (const { id, path } of some) {
      const head = answer.indexOf("\n", offset);
      const size = Number(answer.slice(offset, head).split(" ")[2]);
      yield { path, name: `${path}@${id.slice(0, 12)}`, text: answer.slice(head + 1, head + 1 + size) };
      offset = head + size + 2;
    }
  }
}

/** What others have made, and what this machine alone keeps. */
function isForeign(entry: string): boolean {
  return /(^|\/)(node_modules|\.git|\.cache|\.modelfaucet)$/.test(entry);
}

function publishedFiles(root: string): string[] | null {
  try {
    const tracked = git(root, ["ls-files", "-z"]);
    const untracked = git(root, ["ls-files", "-z", "--others", "--exclude-standard"]);
    return `${tracked}${untracked}`.split("\0").filter((path) => path !== "");
  } catch {
    return null;
  }
}

const idsOf = (objects: readonly { id: string }[]): string => objects.map(({ id }) => `${id}\n`).join("");

function git(root: string, args: string[], input = "", encoding: BufferEncoding = "utf8"): string {
  return execFileSync("git", args, {
    cwd: root,
    input,
    encoding,
    maxBuffer: 2_147_483_647,
    stdio: ["pipe", "pipe", "ignore"],
  });
}
