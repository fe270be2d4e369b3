// Making the cluster: initdb once, then the three roles and the database, at every start if they are missing.
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import { Failure } from "./failure.ts";
import { accessUrl, databaseName, databaseRoles, type PostgresAccess, superuser } from "./postgres-access.ts";
import { asOwner, type Owner } from "./postgres-place.ts";

const majorVersion = "18";

/** Makes `folder/cluster` unless it is there. UTF-8 with the built-in `C.UTF-8` order: the same on every machine. */
export async function makeCluster(
  folder: string,
  binaries: string,
  owner: Owner,
  access: PostgresAccess,
): Promise<string> {
  const cluster = join(folder, "cluster");
  if (existsSync(join(cluster, "PG_VERSION"))) {
    checkVersion(cluster);
    return cluster;
  }
  // Renamed when complete: an interrupted initdb leaves a draft that nobody has used.
  const draft = `${cluster}.part`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  const passwordFile = join(folder, "initdb.password");
  writeFileSync(passwordFile, access.passwords[superuser], { mode: 0o600 });
  if (owner) for (const path of [draft, passwordFile]) chownSync(path, owner.uid, owner.gid);
  try {
    await runInitdb(binaries, draft, passwordFile, owner);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(draft, cluster);
  return cluster;
}

/** Makes the roles and the database that are missing. The passwords are those of `access`. */
export async function makeRolesAndDatabase(access: PostgresAccess): Promise<void> {
  const sql = postgres(accessUrl(access, superuser, "postgres"), { max: 1, onnotice: () => {} });
  try {
    const present = await sql<
      { rolname: string }[]
    >`select rolname from pg_roles where rolname like 'mf\\_%'`;
    for (const role of databaseRoles) {
      if (present.some((row) => row.rolname === role)) continue;
      // Neither name nor password holds a quote; DDL takes no parameters.
      await sql.unsafe(`create role ${role} login nobypassrls password '${access.passwords[role]}'`);
    }
    const [database] = await sql`select 1 from pg_database where datname = ${databaseName}`;
    if (!database) await sql.unsafe(`create database ${databaseName} owner mf_owner`);
  } finally {
    await sql.end();
  }
}

function checkVersion(cluster: string): void {
  const version = readFileSync(join(cluster, "PG_VERSION"), "utf8").trim();
  if (version === majorVersion) return;
  throw new Failure(
    `The data folder was made by PostgreSQL ${version}, this clone brings ${majorVersion}: start the older clone, or run \`npm start -- --fresh\` to begin with empty data.`,
  );
}

async function runInitdb(
  binaries: string,
  cluster: string,
  passwordFile: string,
  owner: Owner,
): Promise<void> {
  const child = spawn(
    join(binaries, "bin", "initdb"),
    [
      ...["--pgdata", cluster, "--username", superuser, "--pwfile", passwordFile, "--auth", "scram-sha-256"],
      ...[
        "--encoding",
        "UTF8",
        "--locale",
        "C",
        "--locale-provider",
        "builtin",
        "--builtin-locale",
        "C.UTF-8",
      ],
      "--no-instructions",
      // The first checkpoint makes the files durable; syncing each one first costs seconds on a slow disk.
      "--no-sync",
    ],
    { ...asOwner(owner), cwd: "/", env: { LC_ALL: "C", TZ: "UTC" }, stdio: ["ignore", "ignore", "pipe"] },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (errors.length < 4096) errors += text;
  });
  const code = await new Promise((resolve) => {
    child.on("error", (error) => {
      errors = error.message;
      resolve(1);
    });
    child.on("close", resolve);
  });
  if (code === 0) return;
  const why =
    errors.split("\n").find((line) => line.includes("error:") || line.includes("FATAL")) ?? errors.trim();
  throw new Failure(
    `The database cluster in ${cluster} could not be made (${why}): free space or rights there, then start again.`,
  );
}
