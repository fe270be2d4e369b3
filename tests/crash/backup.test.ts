// What goes wrong around a backup: every case ends with one sentence, and with nothing that looks whole and is not.
import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import {
  type DebianPostgres,
  debianPostgresBin,
  startDebianPostgres,
} from "@modelfaucet/testkit/debian-postgres.ts";
import { testSecrets } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { emptyDatabase, look, makeFolder, makeTools, tablesIn } from "../acceptance/backup-tools.ts";
import { type Ended, serverCommand, threeLogins } from "../acceptance/server-command.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const folder = makeFolder();
const good = folder.path("good");
let server: DebianPostgres;
let database: TestDatabase;
let source: Record<string, string>;
let empty: { env: Record<string, string>; superuserUrl: string };

beforeAll(async () => {
  server = await startDebianPostgres();
  database = await createTestDatabase(server);
  source = threeLogins(database);
  expect((await serverCommand(["seed"], source)).code).toBe(0);
  expect((await serverCommand(["backup", "--to", good], source)).code).toBe(0);
  empty = await emptyDatabase(server, "target");
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

/** The last thing that was told, which is why it ended. */
const told = ({ code, stderr }: Ended): [number | null, string] => [
  code,
  stderr.trim().split("\n").at(-1) ?? "",
];

it("a damaged backup is refused before a byte is written", async () => {
  const { files } = JSON.parse(readFileSync(join(good, "manifest.json"), "utf8"));
  const data = files.find(
    (file: { name: string; bytes: number }) => file.bytes > 100 && file.name.endsWith(".gz"),
  );
  const damages: [string, RegExp, (copy: string) => void][] = [
    ["cut", /toc\.dat has \d+ bytes instead of \d+/, (copy) => truncateSync(join(copy, "dump/toc.dat"), 500)],
    ["flipped", /has another content/, (copy) => flipByte(join(copy, data.name))],
    ["lost", new RegExp(`${data.name} is missing`), (copy) => rmSync(join(copy, data.name))],
    [
      "edited",
      /was changed after the backup was taken/,
      (copy) => edit(copy, '"open_holds": 0', '"open_holds": 1'),
    ],
    ["other words", /is not whole/, (copy) => truncateSync(join(copy, "manifest.json"), 900)],
    [
      "unfinished",
      /is no backup, or one that was not finished/,
      (copy) => rmSync(join(copy, "manifest.json")),
    ],
  ];
  const ended = await Promise.all(
    damages.map(async ([name, said, damage]) => {
      const copy = folder.path(name);
      cpSync(good, copy, { recursive: true });
      damage(copy);
      const [code, sentence] = told(await serverCommand(["restore", "--from", copy], empty.env));
      return [name, code, said.test(sentence), sentence.endsWith("nothing was changed")];
    }),
  );
  expect(ended).toEqual(damages.map(([name]) => [name, 1, true, true]));
  expect(await tablesIn(empty.superuserUrl)).toBe(0);
});

it("another environment's backup, a database with tables and a wrong key ring are refused", async () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ ...empty.env, HOSTED_ENVIRONMENT: "pilot" }, /belongs to the environment "local", not to "pilot"/],
    [source, /is not empty: it holds public\./],
    [
      { ...empty.env, SECRET_ENCRYPTION_KEY: "Zk4pW8sLx2Rq7vNc9JtYb3Hd6MgFe5Ua1TiQoVBX" },
      /is not the key ring of this backup: it lacks [0-9a-f]{8} \(\d+ values\) and holds [0-9a-f]{8}/,
    ],
  ];
  for (const [env, said] of cases) {
    expect(told(await serverCommand(["restore", "--from", good], env))).toEqual([
      1,
      expect.stringMatching(said),
    ]);
  }
  expect(await tablesIn(empty.superuserUrl)).toBe(0);
});

it("a value that was moved to another row does not open, and the database stays shut", async () => {
  const taken = folder.path("moved-value");
  await look(
    database.superuserUrl,
    (sql) => sql`
    update apps set user_hash_key = other.user_hash_key from apps other where other.id <> apps.id`,
  );
  expect((await serverCommand(["backup", "--to", taken], source)).code).toBe(0);
  const target = await emptyDatabase(server, "shut");
  const restored = await serverCommand(["restore", "--from", taken], target.env);
  expect([restored.code, restored.stdout]).toEqual([
    1,
    expect.stringMatching(
      /FAIL {2}open every sealed value .*public\.apps\.user_hash_key: tampered \(\d+ values\)/,
    ),
  ]);
  for (const command of [["serve"], ["migrate"], ["seed"], ["books"]]) {
    const refused = told(await serverCommand(command, target.env));
    expect([command, ...refused]).toEqual([
      command,
      1,
      expect.stringContaining("a restore into this database"),
    ]);
  }
});

it("tools that are missing or older than the server are named with the remedy", async () => {
  const newer = await createTestDatabase(inject("postgres"));
  const cases: [string[], Record<string, string>, RegExp][] = [
    [
      ["--pg-bin", "/nowhere"],
      source,
      /^pg_dump and pg_restore were not found: install .* version 15 or newer/,
    ],
    [
      ["--pg-bin", debianPostgresBin],
      threeLogins(newer),
      /of version 15\.\d+, older than the server, which is PostgreSQL 18: install/,
    ],
  ];
  for (const [flags, env, said] of cases) {
    const ended = await serverCommand(["backup", "--to", folder.path("none"), ...flags], env);
    expect(told(ended)).toEqual([1, expect.stringMatching(said)]);
  }
  expect(existsSync(folder.path("none"))).toBe(false);
  await newer.drop();
});

it("a backup waits for who is changing a table", async () => {
  const waiting = await look(database.ownerUrl, async (sql) => {
    const backup = await sql.begin(async (tx) => {
      await tx`lock table apps in access exclusive mode`;
      const running = serverCommand(["backup", "--to", folder.path("waited")], source);
      const blocked = () =>
        look(
          database.superuserUrl,
          (other) => other<{ ms: number }[]>`
        select coalesce(max(extract(epoch from clock_timestamp() - query_start)), 0)::float8 * 1000 as ms
        from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
      // Longer than a server that says nothing is taken for one that is there.
      await expect.poll(async () => (await blocked())[0]!.ms, { timeout: 20_000 }).toBeGreaterThan(2_500);
      return { running };
    });
    return backup.running;
  });
  expect([waiting.code, waiting.stderr]).toEqual([0, expect.stringContaining("reading the dump back")]);
});

it("a dump that lacks rows is no backup, whatever hides them", async () => {
  await look(database.ownerUrl, (sql) => sql.unsafe("drop policy dumping on usage_events_default"));
  const hidden = await serverCommand(["backup", "--to", folder.path("hidden")], source);
  expect(told(hidden)).toEqual([1, expect.stringContaining("sees no row of public.usage_events_default")]);
  await look(database.ownerUrl, (sql) => sql.unsafe("call mf_open_to_backup('usage_events_default')"));

  const lossy = makeTools(mkdir("lossy"), "pg_dump", 'exec "$real" --exclude-table-data=apps "$@"');
  const lacking = await serverCommand(["backup", "--to", folder.path("lacking"), "--pg-bin", lossy], source);
  expect(told(lacking)).toEqual([
    1,
    expect.stringMatching(/does not hold every row: public\.apps: \d+ in the snapshot, no table in the dump/),
  ]);
  expect(leftIn("hidden", "lacking")).toEqual([]);
});

it("a backup that dies half way leaves nothing that looks whole, and the next one clears up", async () => {
  const target = folder.path("died");
  const killed = makeTools(mkdir("killed"), "pg_dump", '"$real" "$@"; kill -9 $$');
  const dumpDied = await serverCommand(["backup", "--to", target, "--pg-bin", killed], source);
  expect(told(dumpDied)).toEqual([1, "pg_dump failed: ended by SIGKILL"]);
  // Files cannot grow beyond 8 kB, as on a disk that is full.
  const full = makeTools(mkdir("full"), "pg_dump", 'ulimit -f 16; trap "" XFSZ; exec "$real" "$@"');
  const diskFull = await serverCommand(["backup", "--to", target, "--pg-bin", full], source);
  expect(told(diskFull)).toEqual([1, expect.stringMatching(/^pg_dump failed: .*File too large/)]);
  expect(leftIn("died")).toEqual([]);

  const waits = makeTools(
    mkdir("waits"),
    "pg_dump",
    `"$real" "$@"; touch ${folder.path("dumped")}; wait_for_parent`,
  );
  const told9 = await endWhen("dumped", ["backup", "--to", target, "--pg-bin", waits], source, "SIGKILL");
  expect([told9.signal, existsSync(target)]).toEqual(["SIGKILL", false]);
  expect(leftIn("died")).toHaveLength(1);
  rmSync(folder.path("dumped"));
  const toldToEnd = await endWhen("dumped", ["backup", "--to", target, "--pg-bin", waits], source, "SIGTERM");
  expect([toldToEnd.code, existsSync(target), leftIn("died")]).toEqual([1, false, []]);

  expect((await serverCommand(["backup", "--to", target], source)).code).toBe(0);
  const again = await serverCommand(["backup", "--to", target], source);
  expect(told(again)).toEqual([1, expect.stringContaining("exists and is not empty")]);
  const [row] = await look(database.superuserUrl, (sql) => sql`select count(*)::int as count from backups`);
  expect(row!.count).toBe(4);
});

it("a restore that dies half way is told apart from a whole one, and servers refuse it", async () => {
  const target = await emptyDatabase(server, "half");
  const killed = makeTools(
    mkdir("restore-killed"),
    "pg_restore",
    '"$real" --section=pre-data --section=data "$@"; kill -9 $$',
  );
  const died = await serverCommand(["restore", "--from", good, "--pg-bin", killed], target.env);
  expect(told(died)).toEqual([
    1,
    expect.stringMatching(
      /^pg_restore failed: ended by SIGKILL; the database holds a part of the backup .*drop it/,
    ),
  ]);
  expect(told(await serverCommand(["serve"], target.env))).toEqual([
    1,
    expect.stringContaining("did not end with every check passed"),
  ]);
  expect(told(await serverCommand(["restore", "--from", good], target.env))).toEqual([
    1,
    expect.stringContaining("holds a restore that did not end"),
  ]);

  const other = await emptyDatabase(server, "abandoned");
  const waits = makeTools(
    mkdir("restore-waits"),
    "pg_restore",
    `"$real" "$@"; touch ${folder.path("filled")}; wait_for_parent`,
  );
  await endWhen("filled", ["restore", "--from", good, "--pg-bin", waits], other.env, "SIGKILL");
  expect(told(await serverCommand(["serve"], other.env))).toEqual([
    1,
    expect.stringContaining("did not end with every check passed"),
  ]);
});

it("a drill makes and drops its database, also the one that a killed drill has left", async () => {
  const refused = await serverCommand(["restore", "--from", good, "--drill"], source);
  expect(told(refused)).toEqual([1, expect.stringContaining("may not make databases: give it CREATEDB")]);
  const scratch = ["--scratch-server", server.url("postgres", "postgres")];
  const waits = makeTools(
    mkdir("drill-waits"),
    "pg_restore",
    `touch ${folder.path("drilling")}; wait_for_parent`,
  );
  const drill = ["restore", "--from", good, "--drill", ...scratch];
  await endWhen("drilling", [...drill, "--pg-bin", waits], source, "SIGKILL");
  await expect.poll(drillDatabases).toHaveLength(1);
  const passed = await serverCommand(drill, { ...source, HOSTED_ENVIRONMENT: "local" });
  expect([passed.code, passed.stdout]).toEqual([
    0,
    expect.stringMatching(/PASS {2}restore the dump +\d+ ms/),
  ]);
  expect(await drillDatabases()).toEqual([]);
});

async function drillDatabases(): Promise<string[]> {
  const rows = await look(
    server.superuserUrl,
    (sql) => sql<{ datname: string }[]>`
    select datname from pg_database d where datname like '%drill%'
      and not exists (select 1 from pg_stat_activity a where a.datname = d.datname)`,
  );
  return rows.map(({ datname }) => datname);
}

/** Sends a signal to a command as soon as a file tells how far it is. */
async function endWhen(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  const child: ChildProcess = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "apps/server/src/main.ts", ...args],
    {
      cwd: root,
      env: { PATH: process.env.PATH ?? "", NODE_ENV: "test", ...testSecrets, ...env },
      stdio: "ignore",
    },
  );
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once("exit", (code, by) => resolve({ code, signal: by })),
  );
  await expect.poll(() => existsSync(folder.path(file)), { timeout: 20_000 }).toBe(true);
  child.kill(signal);
  return ended;
}

/** What is there of a backup, under its name or under the one that it has while it is written. */
const leftIn = (...names: string[]): string[] =>
  readdirSync(folder.path(".")).filter((entry) =>
    names.some((name) => entry === name || entry.startsWith(`.${name}.unfinished-`)),
  );

function mkdir(name: string): string {
  mkdirSync(folder.path(name));
  return folder.path(name);
}

function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

function edit(copy: string, from: string, to: string): void {
  const path = join(copy, "manifest.json");
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}
