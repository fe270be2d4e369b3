// Who runs the embedded PostgreSQL and where its files lie. PostgreSQL refuses to run as root, so root lends it an
// unprivileged user of the machine, in a folder which that user may enter.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Failure } from "./failure.ts";

/** The user that PostgreSQL runs as; `null`: the user of this process. */
export type Owner = { readonly name: string; readonly uid: number; readonly gid: number } | null;

export type ClusterPlace = {
  readonly owner: Owner;
  /** Folder of binaries and cluster. */
  readonly folder: string;
  /** The owner cannot enter the data folder, so the cluster lies under `/var/lib/modelfaucet`. */
  readonly outside: boolean;
};

/** The place of the cluster that belongs to a data folder (absolute path): the same answer at every start. */
export function clusterPlace(dataDir: string): ClusterPlace {
  if (process.getuid?.() !== 0) return { owner: null, folder: join(dataDir, "postgres"), outside: false };
  const owner = unprivilegedUser(readFileSync("/etc/passwd", "utf8"));
  if (mayEnter(owner, nearestExisting(dataDir))) {
    return { owner, folder: join(dataDir, "postgres"), outside: false };
  }
  return { owner, folder: join("/var/lib/modelfaucet", hashOf(dataDir)), outside: true };
}

/** Options for `spawn` that make a process the owner's. */
export function asOwner(owner: Owner): { uid?: number; gid?: number } {
  return owner ? { uid: owner.uid, gid: owner.gid } : {};
}

/** `postgres` where the machine has one, else `nobody`: initdb wants a user with a name. */
export function unprivilegedUser(passwd: string): NonNullable<Owner> {
  for (const wanted of ["postgres", "nobody"]) {
    for (const line of passwd.split("\n")) {
      const [name, , uid, gid] = line.split(":");
      if (name === wanted && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
    }
  }
  throw new Failure(
    "PostgreSQL does not run as root and this machine has neither a user `postgres` nor `nobody`: start as an ordinary user, or set DATABASE_URL.",
  );
}

// Asked of the kernel by trying it as that user: mode bits alone miss groups, access lists and mounts.
function mayEnter(owner: NonNullable<Owner>, folder: string): boolean {
  const tried = spawnSync("/bin/sh", ["-c", 'cd "$0"', folder], {
    ...asOwner(owner),
    stdio: "ignore",
    cwd: "/",
  });
  return tried.status === 0;
}

function nearestExisting(path: string): string {
  let folder = path;
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

// The default data folder stands for its clone, so the hash is the clone's path; another one is hashed itself.
function hashOf(dataDir: string): string {
  const clone = resolve(import.meta.dirname, "..", "..", "..");
  const path = dataDir === join(clone, ".modelfaucet") ? clone : dataDir;
  return createHash("sha256").update(path).digest("hex").slice(0, 16);
}
