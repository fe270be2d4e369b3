import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import type { BackupFile, BackupManifest } from "./manifest.ts";
import { type DumpTools, type RowCounts, sentenceOf } from "./rules.ts";
import { runTool, toolEnvironment } from "./tools.ts";

const subfolder = "dump";
const jobs = Math.max(1, Math.min(4, availableParallelism()));

type Telling = { tell: (line: string) => void; signal: AbortSignal };

/** Dumps the database as one exported snapshot has it, in PostgreSQL's directory format, under purpose `backup`. */
export async function dumpSnapshot(
  options: { url: string; snapshot: string; folder: string; tools: DumpTools } & Telling,
): Promise<void> {
  const { url, snapshot, folder, tools, tell, signal } = options;
  await runTool(
    join(tools.folder, "pg_dump"),
    [
      ...["--format=directory", `--jobs=${jobs}`, "--compress=3", `--file=${join(folder, subfolder)}`],
      // Row security is forced on the owner too: without this `pg_dump` refuses to read at all.
      ...[`--snapshot=${snapshot}`, "--enable-row-security", "--no-password", "--verbose"],
    ],
    { env: toolEnvironment(url), signal, onLine: progress("dumping contents of table", "dumped", tell) },
  );
}

/**
 * Restores a dump into an empty database. Whoever owns it now owns what is in it, and grants anew. Row security comes
 * last: where a table has it and not yet its policies, it hides every row from the check of a foreign key.
 */
export async function restoreDump(
  options: { url: string; folder: string; tools: DumpTools } & Telling,
): Promise<void> {
  const { url, folder, tools, tell, signal } = options;
  const env = toolEnvironment(url);
  const entries = (await listEntries(folder, tools)).split("\n");
  const lists = await mkdtemp(join(tmpdir(), "modelfaucet-restore-"));
  const restore = async (
    name: string,
    chosen: readonly string[],
    flags: readonly string[],
  ): Promise<void> => {
    const list = join(lists, name);
    await writeFile(list, chosen.join("\n"));
    const target = ["--format=directory", `--dbname=${env.PGDATABASE}`, `--use-list=${list}`, ...flags];
    const manner = ["--no-owner", "--no-privileges", "--exit-on-error", "--no-password", "--verbose"];
    await runTool(join(tools.folder, "pg_restore"), [...target, ...manner, join(folder, subfolder)], {
      env,
      signal,
      onLine: progress("processing data for table", "restored", tell),
    });
  };
  try {
    const isWall = (entry: string): boolean => /^\d+; \d+ \d+ (ROW SECURITY|POLICY) /.test(entry);
    await restore(
      "rows",
      entries.filter((entry) => !isWall(entry)),
      [`--jobs=${jobs}`],
    );
    await restore("walls", entries.filter(isWall), []);
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
}

/** Every file of the dump with its checksum, and the rows of every table in it, counted in the very bytes. */
export async function inspectDump(
  folder: string,
  tools: DumpTools,
): Promise<{ files: BackupFile[]; rows: RowCounts }> {
  const tables = await tablesOf(folder, tools);
  const files: BackupFile[] = [];
  const rows: Record<string, number> = {};
  for (const name of (await readdir(join(folder, subfolder))).sort()) {
    const path = join(folder, subfolder, name);
    const table = tables.get(name.replace(/\.dat(\.gz)?$/, ""));
    const counter = table === undefined ? null : new RowCounter();
    const hash = createHash("sha256");
    await pipeline(
      createReadStream(path),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          yield chunk;
        }
      },
      ...(name.endsWith(".gz") ? [createGunzip()] : []),
      counter ?? nowhere(),
    );
    if (table !== undefined && counter !== null) rows[table] = counter.rows;
    files.push({ name: `${subfolder}/${name}`, bytes: (await stat(path)).size, sha256: hash.digest("hex") });
  }
  return { files, rows };
}

/** Reads every file of a backup again. One sentence when one is missing, shorter, or has other bytes; else `null`. */
export async function verifyFiles(folder: string, manifest: BackupManifest): Promise<string | null> {
  const faults: string[] = [];
  for (const file of manifest.files) {
    const path = join(folder, file.name);
    const size = await stat(path).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) faults.push(`${file.name} is missing`);
    else if (size !== file.bytes) faults.push(`${file.name} has ${size} bytes instead of ${file.bytes}`);
    else if ((await hashOf(path)) !== file.sha256) faults.push(`${file.name} has another content`);
  }
  return faults.length === 0
    ? null
    : `the backup is damaged: ${sentenceOf(faults)}; restore from another one`;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** `4250; 0 16809 TABLE DATA public accounts mf_owner`: the number is the file's, the last word the owner. */
async function tablesOf(folder: string, tools: DumpTools): Promise<Map<string, string>> {
  const list = await listEntries(folder, tools);
  const entries = [...list.matchAll(/^(\d+); \d+ \d+ TABLE DATA (\S+) (\S+) \S+$/gm)];
  return new Map(entries.map(([, id, schema, table]) => [id!, `${schema}.${table}`]));
}

/** What is in a dump, one entry a line. */
async function listEntries(folder: string, tools: DumpTools): Promise<string> {
  let list = "";
  await runTool(join(tools.folder, "pg_restore"), ["--list", join(folder, subfolder)], {
    env: { LC_ALL: "C" },
    onLine: () => {},
    onOutput: (text) => {
      list += text;
    },
  });
  return list;
}

const newline = 0x0a;

/** Counts the rows of COPY's text form: a line each, line breaks inside values escaped, until a line `\.` ends them. */
export class RowCounter extends Writable {
  rows = 0;
  #isOver = false;
  #line: number[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    let start = 0;
    while (!this.#isOver && start < chunk.length) {
      const end = chunk.indexOf(newline, start);
      // Three bytes of a line are enough to know whether it is the last one.
      const stop = end === -1 ? chunk.length : end;
      for (let at = start; at < stop && this.#line.length < 3; at++) this.#line.push(chunk[at]!);
      if (end === -1) break;
      if (this.#line.length === 2 && this.#line[0] === 0x5c && this.#line[1] === 0x2e) this.#isOver = true;
      else this.rows += 1;
      this.#line = [];
      start = end + 1;
    }
    done();
  }
}

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Passes on how far it is, at most once in so many milliseconds. */
function progress(word: string, done: string, tell: (line: string) => void): (line: string) => void {
  let tables = 0;
  let toldAt = performance.now();
  return (line) => {
    if (!line.includes(word)) return;
    tables += 1;
    if (performance.now() - toldAt < tellEveryMs) return;
    toldAt = performance.now();
    tell(`${tables} tables ${done} so far`);
  };
}

const tellEveryMs = 2_000;
