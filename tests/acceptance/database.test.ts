import { withDatabase } from "@modelfaucet/testkit/database.ts";
import { freePorts } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Ended, serverCommand } from "./server-command.ts";

const name = `mf_database_${process.pid}`;
let superuser: postgres.Sql;
let owner: postgres.Sql;
let logins: Record<string, string>;

beforeAll(async () => {
  const server = inject("postgres");
  superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`create database ${name} owner mf_owner`);
  owner = postgres(withDatabase(server.ownerUrl, name), { max: 1, onnotice: () => {} });
  logins = {
    DATABASE_URL: withDatabase(server.runtimeUrl, name),
    DATABASE_MIGRATION_URL: withDatabase(server.ownerUrl, name),
    DATABASE_READONLY_URL: withDatabase(server.readUrl, name),
  };
});
afterAll(async () => {
  await owner.end();
  await superuser.unsafe(`drop database ${name} with (force)`);
  await superuser.end();
});

const inPilot = (...args: string[]): Promise<Ended> =>
  serverCommand(args, { ...logins, HOSTED_ENVIRONMENT: "pilot" });
const inLocal = (...args: string[]): Promise<Ended> => serverCommand(args, logins);

describe("db:migrate", () => {
  it("says what it would do and what stands against serving, and does neither", async () => {
    const status = await inPilot("migrate", "--status", "--json");
    expect([status.code, JSON.parse(status.stdout)]).toEqual([
      1,
      { state: "missing", version: 0, sentence: "the database has no schema yet: run `pnpm db:migrate`" },
    ]);
    const dry = await inPilot("migrate", "--dry-run", "--json");
    const pending = JSON.parse(dry.stdout).pending;
    expect([dry.code, pending[0]]).toEqual([0, { number: 1, name: "foundation", compatible_with: 1 }]);
    expect(await owner`select 1 from pg_tables where schemaname = 'public'`).toEqual([]);
    for (const args of [["--wait", "0"], ["--wait", "soon"], ["--status", "--dry-run"], ["--wrong"]]) {
      const { code, stdout } = await inPilot("migrate", ...args);
      expect([args, code, stdout]).toEqual([args, 2, ""]);
    }
  });

  it("is done once by two at the same time, and stamps the environment", async () => {
    const both = await Promise.all([inPilot("migrate", "--json"), inPilot("migrate", "--json")]);
    const answers = both.map(({ stdout }) => JSON.parse(stdout));
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(answers.filter(({ applied }) => applied > 0)).toHaveLength(1);
    expect(answers[0]).toMatchObject({ environment: "pilot", absent_logins: [] });
    expect(await owner`select environment from deployment`).toEqual([{ environment: "pilot" }]);
    await expect(owner`update deployment set environment = 'local'`).rejects.toThrow(/is set once/);
    expect(JSON.parse((await inPilot("migrate", "--dry-run", "--json")).stdout)).toEqual({ pending: [] });
  });

  it("A174: leaves every command and server to refuse it in another environment, in one sentence", async () => {
    const [port] = await freePorts(1);
    const commands = [
      ["migrate"],
      ["migrate", "--dry-run"],
      ["seed"],
      ["books"],
      ["prices", "list"],
      ["hosted", "check-isolation"],
      ["retention", "run"],
      ["reset-dev", "--yes"],
      ["serve", "--roles", "worker"],
    ];
    const ended = await Promise.all(
      commands.map((args) => serverCommand(args, { ...logins, PORT_WORKER: String(port) })),
    );
    for (const [index, { code, stdout, stderr }] of ended.entries()) {
      const said = { command: commands[index]!.join(" "), code, stdout, stderr: stderr.trim() };
      expect(said).toEqual({
        command: said.command,
        code: 1,
        stdout: "",
        stderr:
          'the database belongs to the environment "pilot", not to "local": use the database of this environment, or correct HOSTED_ENVIRONMENT',
      });
    }
    expect(await owner`select count(*)::int as rows from developers`).toEqual([{ rows: 0 }]);
  });

  it("says in one sentence that nothing answers", async () => {
    const [port] = await freePorts(1);
    for (const args of [["migrate"], ["migrate", "--status"], ["books"]]) {
      const away = `postgres://nobody:secret@127.0.0.1:${port}/none`;
      const { code, stderr } = await serverCommand(args, { DATABASE_URL: away });
      expect([args, code, stderr.trim()]).toEqual([
        args,
        1,
        expect.stringMatching(/^the database does not answer: [^\n]*ECONNREFUSED[^\n]*$/),
      ]);
    }
  });
});

describe("db:seed and db:reset:dev", () => {
  it("drops, migrates and seeds a database of this machine, and no other", async () => {
    await owner`drop schema public cascade`;
    await owner`create schema public`;
    await owner`grant usage on schema public to public`;
    const first = await inLocal("reset-dev", "--yes", "--json");
    expect(first.code, first.stderr).toBe(0);
    const [before] = await owner`select number from schema_migrations order by number desc limit 1`;
    const remote = logins.DATABASE_MIGRATION_URL!.replace("127.0.0.1", "db.example.com");
    const refusals: [Ended, RegExp][] = [
      [await inLocal("reset-dev"), /^nothing was dropped: say --yes$/],
      [
        await serverCommand(["reset-dev", "--yes"], { ...logins, DATABASE_MIGRATION_URL: remote }),
        /^the database is on another host: say --allow-remote/,
      ],
      [
        await serverCommand(["reset-dev", "--yes"], { ...logins, SECRET_ENCRYPTION_KEY: "" }),
        /^SECRET_ENCRYPTION_KEY is missing/,
      ],
      [await serverCommand(["reset-dev", "--yes"], { ...logins, NODE_ENV: "production" }), /./],
    ];
    for (const [{ code, stderr }, sentence] of refusals) {
      expect(code).toBe(1);
      expect(stderr.trim()).toMatch(sentence);
    }
    await owner`create table mine (id int)`;
    expect((await inLocal("reset-dev", "--yes")).code).toBe(0);
    const [after] =
      await owner`select number, to_regclass('mine') as mine from schema_migrations order by number desc limit 1`;
    expect(after).toEqual({ number: before!.number, mine: null });
  });

  it("refuses while a server runs on it, and never drops another product's tables", async () => {
    const asOperator = `select set_config('mf.purpose', 'operator', false)`;
    await owner.unsafe(asOperator);
    await owner`insert into instances (id, roles, version_seen) values (gen_random_uuid(), '{api}', 0)`;
    const used = await inLocal("reset-dev", "--yes");
    expect([used.code, used.stderr.trim()]).toEqual([1, "1 servers run on this database: stop them first"]);
    await owner`delete from instances`;
    await owner`alter table schema_migrations rename column number to version`;
    const foreign = await inLocal("reset-dev", "--yes");
    expect([foreign.code, foreign.stderr]).toEqual([
      1,
      expect.stringContaining("schema_migrations is another product's"),
    ]);
    await owner`alter table schema_migrations rename column version to number`;
  });

  it("is a seed that two can run at once, and that leaves books that agree", async () => {
    await owner`drop schema public cascade`;
    await owner`create schema public`;
    await owner`grant usage on schema public to public`;
    expect((await inLocal("migrate")).code).toBe(0);
    const both = await Promise.all([inLocal("seed", "--json"), inLocal("seed", "--json")]);
    const made = both.flatMap(({ stdout }) =>
      JSON.parse(stdout)
        .rows.filter(({ created }: { created: boolean }) => created)
        .map(({ what }: { what: string }) => what),
    );
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(new Set(made).size).toBe(made.length);
    expect(made).toEqual(expect.arrayContaining(["app app_pub_demo", "request of app_pub_isolation"]));
    const again = JSON.parse((await inLocal("seed", "--json")).stdout);
    expect(again.created).toBe(0);
    expect((await inLocal("books")).code).toBe(0);
    expect((await inLocal("hosted", "check-isolation")).code).toBe(0);
  });
});
