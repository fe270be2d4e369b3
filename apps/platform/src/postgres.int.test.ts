import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deleteDataFolder } from "./data-folder.ts";
import { findPostgres, type RunningPostgres, startPostgres } from "./postgres.ts";
import { clusterPlace } from "./postgres-place.ts";

let folder: string;
const started: RunningPostgres[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "modelfaucet-test-"));
  chmodSync(folder, 0o755);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
  deleteDataFolder(folder);
  rmSync(folder, { recursive: true, force: true });
});

async function start(dataDir = folder): Promise<RunningPostgres> {
  const server = await startPostgres({ dataDir });
  started.push(server);
  return server;
}

async function ask<T>(url: string, query: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe<T[]>(query);
  } finally {
    await sql.end();
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 20 s");
    await delay(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a second start finds data, port and passwords of the first", async () => {
  const first = await start();
  await ask(first.url("mf_owner"), "create table kept (n int); insert into kept values (42)");
  expect(findPostgres(folder)).toMatchObject({ pid: first.pid, port: first.port });
  await first.stop();
  expect(findPostgres(folder)).toBeNull();
  const second = await start();
  expect(second.url("mf_owner")).toBe(first.url("mf_owner"));
  expect(await ask(second.url("mf_owner"), "select n from kept")).toEqual([{ n: 42 }]);
});

test("commits are durable and the text is UTF-8 in a fixed order", async () => {
  const { superuserUrl } = await start();
  const query = `select name, setting from pg_settings where name in
    ('fsync', 'synchronous_commit', 'full_page_writes', 'server_encoding', 'listen_addresses', 'max_connections', 'TimeZone')`;
  const rows = await ask<{ name: string; setting: string }>(superuserUrl, query);
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    server_encoding: "UTF8",
    listen_addresses: "127.0.0.1",
    max_connections: "200",
    TimeZone: "UTC",
  });
  expect(await ask(superuserUrl, "select lower('ÄÖ') as text, 'a' < 'Ä' as ordered")).toEqual([
    { text: "äö", ordered: true },
  ]);
});

test("no role passes row security, only the owner may create, and a wrong password is refused", async () => {
  const server = await start();
  const roles = await ask(
    server.superuserUrl,
    "select rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolcanlogin from pg_roles where rolname like 'mf\\_%' order by 1",
  );
  const plain = {
    rolsuper: false,
    rolbypassrls: false,
    rolcreatedb: false,
    rolcreaterole: false,
    rolcanlogin: true,
  };
  expect(roles).toEqual(["mf_owner", "mf_read", "mf_runtime"].map((rolname) => ({ rolname, ...plain })));
  await expect(ask(server.url("mf_runtime"), "create table mine (n int)")).rejects.toThrow(
    /permission denied/,
  );
  const forged = server.url("mf_runtime").replace(/:[^:@]+@/, ":wrong@");
  await expect(ask(forged, "select 1")).rejects.toThrow(/password authentication failed/);
});

test("passwords are kept for the owner alone", async () => {
  await start();
  expect(statSync(join(folder, "postgres.json")).mode & 0o777).toBe(0o600);
  expect(statSync(join(clusterPlace(folder).folder, "cluster")).mode & 0o777).toBe(0o700);
});

test("another port is taken when the kept one is not free", async () => {
  const first = await start();
  await first.stop();
  const other = mkdtempSync(join(tmpdir(), "modelfaucet-test-"));
  chmodSync(other, 0o755);
  const occupant = await startPostgres({ dataDir: other, port: first.port });
  try {
    expect((await start()).port).not.toBe(first.port);
  } finally {
    await occupant.stop();
    deleteDataFolder(other);
  }
});

test("a database that does not start is told in one sentence with its log", async () => {
  const first = await start();
  await first.stop();
  rmSync(join(clusterPlace(folder).folder, "cluster", "global", "pg_control"));
  await expect(start()).rejects.toThrow(
    /^PostgreSQL did not start \(.+\): read .+postgres\.log, [^\n]+--fresh[^\n]+$/,
  );
  expect(readFileSync(join(folder, "logs", "postgres.log"), "utf8")).toContain("pg_control");
});

test("a cluster whose passwords are gone is not touched", async () => {
  const first = await start();
  await first.stop();
  rmSync(join(folder, "postgres.json"));
  await expect(start()).rejects.toThrow(/data folder that is gone: .+--fresh/);
  expect(existsSync(join(clusterPlace(folder).folder, "cluster", "PG_VERSION"))).toBe(true);
});

test("an interrupted first start leaves nothing that the next one trips over", async () => {
  const { folder: place } = clusterPlace(folder);
  mkdirSync(join(place, "cluster.part"), { recursive: true });
  writeFileSync(join(place, "cluster.part", "PG_VERSION"), "18\n");
  expect((await start()).pid).toBeGreaterThan(0);
});

describe("when the process that started it is killed", () => {
  test("PostgreSQL ends too, keeps what was committed, and the next start does not wait for anybody", async () => {
    const script = join(folder, "holder.ts");
    writeFileSync(
      script,
      `import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, "postgres.ts"))};
       const server = await startPostgres({ dataDir: ${JSON.stringify(folder)} });
       console.log(JSON.stringify({ pid: server.pid, url: server.url("mf_owner") }));
       setInterval(() => {}, 1000);`,
    );
    const holder = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    const { pid, url } = await new Promise<{ pid: number; url: string }>((resolve) => {
      holder.stdout.on("data", (text) => resolve(JSON.parse(String(text))));
    });
    await ask(url, "create table kept (n int); insert into kept values (7)");
    holder.kill("SIGKILL");
    const next = await start();
    expect(next.pid).not.toBe(pid);
    expect(await ask(next.url("mf_owner"), "select n from kept")).toEqual([{ n: 7 }]);
    await until(() => !isAlive(pid));
  });
});

// Only root lends its database to another user; whoever else runs this, all tests above are about.
if (process.getuid?.() === 0) {
  describe("as root", () => {
    test("PostgreSQL runs as an unprivileged user", async () => {
      const server = await start();
      const owner = clusterPlace(folder).owner;
      expect(statSync(`/proc/${server.pid}`).uid).toBe(owner?.uid);
      expect(owner?.uid).toBeGreaterThan(0);
    });

    test("under a folder that only root may enter the cluster lies outside", async () => {
      chmodSync(folder, 0o700);
      const server = await start();
      const place = clusterPlace(folder);
      expect(place.folder).toMatch(/^\/var\/lib\/modelfaucet\//);
      expect(existsSync(join(folder, "postgres"))).toBe(false);
      expect(await ask(server.url("mf_runtime"), "select current_user")).toEqual([
        { current_user: "mf_runtime" },
      ]);
      await server.stop();
      deleteDataFolder(folder);
      expect(existsSync(place.folder)).toBe(false);
    });
  });
}
