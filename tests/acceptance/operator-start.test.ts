import { execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestDatabase, type TestDatabase, withDatabase } from "@modelfaucet/testkit/database.ts";
import { freePorts, type Json, testSecrets } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, afterEach, describe, expect, inject, it } from "vitest";
import { readEventLines } from "./event-lines.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
type Ended = { code: number | null; out: string };

/** A command of the server, to its end. */
function mf(args: string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "apps/server/src/main.ts", ...args],
      {
        cwd: root,
        timeout: 20_000,
        env: { PATH: process.env.PATH ?? "", NODE_ENV: "test", ...testSecrets, ...env },
      },
      (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout + stderr }),
    );
  });
}

describe("A174: schemas", () => {
  let database: TestDatabase | undefined;
  afterEach(async () => {
    await database?.drop();
    database = undefined;
  });
  const urls = (url: (server: "ownerUrl" | "runtimeUrl" | "readUrl") => string) => ({
    DATABASE_URL: url("runtimeUrl"),
    DATABASE_MIGRATION_URL: url("ownerUrl"),
    DATABASE_READONLY_URL: url("readUrl"),
  });

  it("A174: a migration that fails half way exits 1, says which, and leaves nothing behind", async () => {
    const server = inject("postgres");
    const name = `mf_half_${process.pid}`;
    const superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
    await superuser.unsafe(`create database ${name} owner mf_owner`);
    const owner = postgres(withDatabase(server.ownerUrl, name), { max: 1, onnotice: () => {} });
    try {
      // Stands where a later migration wants to make its own.
      await owner`create domain wallets as integer`;
      const env = urls((which) => withDatabase(server[which], name));
      const failed = await mf(["migrate"], env);
      expect(failed.code).toBe(1);
      expect(failed.out.trim().split("\n").at(-1)).toMatch(
        /migration 4 \(books\) failed and nothing was changed: .*wallets/,
      );
      expect(await owner`select tablename from pg_tables where schemaname = 'public'`).toEqual([]);
      const [functions] = await owner`select count(*)::int as made from pg_proc where proname like 'mf\\_%'`;
      expect(functions!.made).toBe(0);
      const refused = await mf(["serve", "--roles", "api"], env);
      expect(refused).toMatchObject({
        code: 1,
        out: expect.stringContaining("no schema yet: run `pnpm db:migrate`"),
      });
      // Out of its way, the same command does it all.
      await owner`drop domain wallets`;
      expect((await mf(["migrate"], env)).code).toBe(0);
      expect((await mf(["migrate", "--status"], env)).out).toContain("up to date");
      expect((await mf(["migrate"], env)).out).toContain("nothing to do");
    } finally {
      await owner.end();
      await superuser.unsafe(`drop database ${name} with (force)`);
      await superuser.end();
    }
  });

  it.each([
    [
      "older",
      "delete from schema_migrations where number = (select max(number) from schema_migrations)",
      /schema is \d+, this code wants \d+: run `pnpm db:migrate`/,
    ],
    [
      "newer",
      "insert into schema_migrations values (9999, 'from_the_future', 'x', 9999)",
      /schema is 9999, this code knows \d+/,
    ],
    [
      "changed",
      "update schema_migrations set checksum = 'other' where number = 2",
      /migration 2 \(tenancy\) was applied with another content/,
    ],
    [
      "missing",
      "drop schema public cascade; create schema public; grant usage on schema public to public",
      /no schema yet: run `pnpm db:migrate`/,
    ],
    ["foreign", "drop table schema_migrations", /holds \d+ tables that are not ours/],
    [
      "of another environment",
      "set session_replication_role = replica; update deployment set environment = 'pilot'",
      /belongs to the environment "pilot", not to "local"/,
    ],
  ])(
    "A174: against a schema that is %s every role refuses to serve and says what it wants",
    async (_, change, sentence) => {
      const made = await createTestDatabase(inject("postgres"));
      database = made;
      const sql = postgres(made.superuserUrl, { max: 1, onnotice: () => {} });
      await sql.unsafe(change);
      await sql.end();
      for (const roles of ["gateway", "api", "worker"]) {
        const [port] = await freePorts(1);
        const { code, out } = await mf(["serve", "--roles", roles], {
          ...urls((which) => made[which]),
          PORT_API: String(port),
          PORT_GATEWAY: String(port),
          PORT_WORKER: String(port),
        });
        expect(code).toBe(1);
        expect(out.trim()).toMatch(sentence);
        expect(out.trim().split("\n")).toHaveLength(1);
      }
    },
  );

  it("A174: a newer schema that names this code as compatible is served", async () => {
    const made = await createTestDatabase(inject("postgres"));
    database = made;
    const sql = postgres(made.superuserUrl, { max: 1, onnotice: () => {} });
    await sql`insert into schema_migrations values (9999, 'additive', 'x', 1)`;
    await sql.end();
    const [port] = await freePorts(1);
    const child = spawn(process.execPath, ["apps/server/src/main.ts", "serve", "--roles", "worker"], {
      cwd: root,
      stdio: "ignore",
      env: {
        PATH: process.env.PATH ?? "",
        NODE_ENV: "test",
        ...testSecrets,
        ...urls((which) => made[which]),
        PORT_WORKER: String(port),
      },
    });
    const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await expect
      .poll(
        () =>
          fetch(`http://127.0.0.1:${port}/ready`).then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(200);
    child.kill("SIGTERM");
    expect(await gone).toBe(0);
  });
});

describe("A173: one command", () => {
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-a173-"));
  chmodSync(folder, 0o755);
  const env = { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", MODELFAUCET_DATA_DIR: folder };
  let platform: ReturnType<typeof spawn> | undefined;
  afterAll(async () => {
    if (platform && platform.exitCode === null) {
      platform.kill("SIGINT");
      await new Promise((resolve) => platform!.once("close", resolve));
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it("A173: npm start, one call: the answer, its price and its receipt are shown, without Docker", async () => {
    let said = "";
    platform = spawn(
      process.execPath,
      ["scripts/run.mjs", "apps/platform/src/main.ts", "--no-ui", "--ports", "free"],
      { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] },
    );
    for (const stream of [platform.stdout!, platform.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    await expect.poll(() => said, { timeout: 100_000, interval: 100 }).toMatch(/ready in \d+ ms\n$/);
    const curl = /^curl .*$/m.exec(said)?.[0];
    const answer = await shell(`${curl} --silent`, env);
    const events = readEventLines(answer);
    expect(events.text.length).toBeGreaterThan(20);
    expect(events.isDone).toBe(true);
    const price: Json = events.chunks.findLast((chunk) => chunk.modelfaucet)?.modelfaucet;
    expect(price).toMatchObject({
      simulated: true,
      charge_usd: expect.stringMatching(/^\d+\.\d{8}$/),
      receipt_id: expect.stringMatching(/^rcpt_req_/),
    });

    const demo = await shell(
      `"${process.execPath}" scripts/run.mjs apps/platform/src/demo.ts "Say hello"`,
      env,
    );
    expect(demo).toMatch(/rcpt_req_[0-9a-f-]{36}/);
    expect(demo).toMatch(/\d\.\d{8}/);
    expect(demo).toContain("402");
  }, 150_000);
});

/** What a command printed; it must end with 0. */
function shell(command: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("sh", ["-c", command], { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) =>
      error ? reject(new Error(`${command}: ${error.message}\n${stdout}${stderr}`)) : resolve(stdout),
    );
  });
}
