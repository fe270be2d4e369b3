import { spawn } from "node:child_process";
import { glob } from "node:fs/promises";
import { join } from "node:path";
import { type DumpTools, newestOf, versionOf } from "./rules.ts";

/** Where distributions put the programs of each version; a plain `bin` last, because it may hold a wrapper. */
const usualFolders = [
  "/usr/lib/postgresql/*/bin",
  "/usr/pgsql-*/bin",
  "/usr/local/pgsql/bin",
  "/opt/homebrew/opt/{libpq,postgresql@*}/bin",
  "/usr/local/opt/{libpq,postgresql@*}/bin",
  "/usr/libexec/postgresql*",
  "/usr/local/bin",
  "/usr/bin",
];

/** The newest `pg_dump` and `pg_restore` of this machine, or those of one folder; `null` when there are none. */
export async function findTools(folder: string | null): Promise<DumpTools | null> {
  const folders: string[] = folder === null ? [] : [folder];
  if (folder === null) for await (const usual of glob(usualFolders)) folders.push(usual);
  const found = await Promise.all(folders.map(toolsIn));
  return newestOf(found.filter((tools) => tools !== null));
}

async function toolsIn(folder: string): Promise<DumpTools | null> {
  try {
    const versions = await Promise.all(
      ["pg_dump", "pg_restore"].map(async (name) => {
        let said = "";
        const options = {
          env: { LC_ALL: "C" },
          onLine: () => {},
          onOutput: (text: string) => (said += text),
        };
        await runTool(join(folder, name), ["--version"], options);
        return versionOf(said);
      }),
    );
    const [dump, restore] = versions;
    if (!dump || !restore || dump.major !== restore.major) return null;
    return { folder, ...dump };
  } catch {
    // Not there, or not a program that runs here.
    return null;
  }
}

/** A program that ended otherwise than well: its own words, or the signal that ended it. */
export class ToolFailed extends Error {}

/**
 * Runs a program to its end; what it tells goes to `onLine` line by line. The pipe is also what ends it when this process
 * is killed: its next word finds nobody. @throws ToolFailed
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: {
    env: Readonly<Record<string, string>>;
    onLine: (line: string) => void;
    onOutput?: (text: string) => void;
    signal?: AbortSignal;
  },
): Promise<void> {
  const child = spawn(program, args, {
    cwd: "/",
    env: options.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const faults: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => options.onOutput?.(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(-mostLine);
    for (const line of lines) {
      if (isFault(line) && faults.length < mostFaults) faults.push(plain(line));
      options.onLine(line);
    }
  });
  const name = program.slice(program.lastIndexOf("/") + 1);
  const { signal } = options;
  const end = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted) end();
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new ToolFailed(`${name} did not run: ${error.message}`)));
    // Not before all its processes have let go of the pipe: what it wrote can then be removed.
    child.once("close", (code, by) => {
      if (code === 0) return resolve();
      const why = by === null ? faults.join("; ") || plain(rest) || `exit ${code}` : `ended by ${by}`;
      reject(new ToolFailed(`${name} failed: ${why}`));
    });
  }).finally(() => signal?.removeEventListener("abort", end));
}

const mostLine = 4_000;
const mostFaults = 3;

const isFault = (line: string): boolean => /(error|fatal|detail|panic):/i.test(line);

/** Without the program's name and the kind of line in front. */
function plain(line: string): string {
  return line
    .replace(/^\S*pg_(dump|restore): /, "")
    .replace(/^(error|fatal|detail): /i, "")
    .trim()
    .slice(0, mostLine);
}

const sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/** A database URL as the environment of `pg_dump` and `pg_restore`, so that no password stands in a list of processes. */
export function toolEnvironment(url: string): Record<string, string> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const ssl = searchParams.get("sslmode") ?? searchParams.get("ssl") ?? "";
  const mode = sslModes.includes(ssl) ? ssl : ssl === "true" ? "require" : null;
  const certificates = searchParams.get("sslrootcert");
  return {
    // `pg_dump` is the purpose that opens every row, of whatever tenant, for reading.
    PGOPTIONS: "-c mf.purpose=backup",
    PGAPPNAME: "modelfaucet backup",
    PGCONNECT_TIMEOUT: "10",
    LC_ALL: "C",
    PGHOST: decodeURIComponent(searchParams.get("host") ?? hostname).replace(/^\[|\]$/g, ""),
    PGDATABASE: decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username),
    PGUSER: decodeURIComponent(username),
    ...(port ? { PGPORT: port } : {}),
    ...(password ? { PGPASSWORD: decodeURIComponent(password) } : {}),
    ...(mode ? { PGSSLMODE: mode } : {}),
    ...(certificates ? { PGSSLROOTCERT: certificates } : {}),
  };
}
