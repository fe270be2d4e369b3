import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** A backup on its way. It has another name until it is whole, so half of one never looks like one. */
export type UnfinishedFolder = {
  readonly path: string;
  /** Gives it its name. @throws when that name was taken meanwhile */
  finish(): Promise<void>;
  discard(): Promise<void>;
};

/**
 * Makes the folder that becomes `target`, beside it. Removes what earlier attempts at the same target left behind when
 * they were killed. @throws with one sentence when `target` exists and is not an empty folder
 */
export async function beginFolder(target: string): Promise<UnfinishedFolder> {
  const parent = dirname(target);
  await refuseOccupied(target);
  await mkdir(parent, { recursive: true });
  const prefix = `.${basename(target)}.unfinished-`;
  await removeLeftovers(parent, prefix);
  const path = join(parent, `${prefix}${randomBytes(4).toString("hex")}`);
  // What is in there is every tenant's: nobody but its owner reads it.
  await mkdir(path, { mode: 0o700 });
  await writeFile(join(path, ownerFile), String(process.pid));
  return {
    path,
    finish: async () => {
      await rm(join(path, ownerFile));
      await sync(path);
      await rename(path, target);
      await sync(parent);
    },
    discard: () => rm(path, { recursive: true, force: true }),
  };
}

const ownerFile = "writing.pid";

async function refuseOccupied(target: string): Promise<void> {
  const names = await readdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new Error(`${target} is no folder that a backup can become: name one that does not exist`);
  });
  if (names.length > 0)
    throw new Error(`${target} exists and is not empty: name a folder that does not exist`);
}

async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const writer = Number(await readFile(join(parent, name, ownerFile), "utf8").catch(() => "0"));
    if (!isAlive(writer)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A name is on the disk when its folder is. */
async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
