import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { freePorts, testSecrets } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createSecretBox, keyCanaryPlace } from "../../lib/secret-box.ts";
import { lendsSessions } from "./database.ts";
import { diagnose } from "./doctor.ts";
import type { Finding } from "./finding.ts";

type Environment = Record<string, string>;

const root = join(import.meta.dirname, "../../../../..");
const folder = mkdtempSync(join(tmpdir(), "mf-doctor-"));
let database: TestDatabase;
let sql: postgres.Sql;
let healthy: Environment;
let litellm: ReturnType<typeof createHttpServer>;
const litellmKey = "mN8bV7cX6zL5kJ4hG3fD2sA1qW";

beforeAll(async () => {
  database = await createTestDatabase(inject("postgres"));
  sql = postgres(database.superuserUrl, { max: 1, onnotice: () => {} });
  litellm = createHttpServer((request, answer) => {
    const allowed = request.headers.authorization === `Bearer ${litellmKey}`;
    answer.writeHead(allowed ? 200 : 401, { "content-type": "application/json" });
    answer.end(JSON.stringify({ data: allowed ? [{ id: "auto-text" }] : [] }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => litellm.once("listening", resolve));
  const [api, gateway, worker] = await freePorts(3);
  healthy = {
    ...testSecrets,
    NODE_ENV: "test",
    MODELFAUCET_DATA_DIR: folder,
    DATABASE_URL: database.runtimeUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    DATABASE_READONLY_URL: database.readUrl,
    LITELLM_BASE_URL: `http://127.0.0.1:${(litellm.address() as AddressInfo).port}`,
    LITELLM_MASTER_KEY: litellmKey,
    PORT_API: String(api),
    PORT_GATEWAY: String(gateway),
    PORT_WORKER: String(worker),
  };
  expect((await mf(["seed", "--no-demo"], healthy)).code).toBe(0);
  const sealed = createSecretBox([testSecrets.SECRET_ENCRYPTION_KEY]).seal("modelfaucet", keyCanaryPlace);
  await sql`update deployment set key_canary = ${sealed}`;
  await sql`insert into backups (id, taken_at, schema_version, environment, epoch, sha256, path, rows, bytes, tested_at)
    values (gen_random_uuid(), mf_now() - interval '2 hours', 10, 'local', 1, ${"a".repeat(64)}, '/backups/newest', 1, 1, mf_now())`;
}, 60_000);

afterAll(async () => {
  litellm.close();
  await sql.end();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

function mf(args: string[], env: Environment): Promise<{ code: number | null; out: string; json: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "apps/server/src/main.ts", ...args],
      { cwd: root, timeout: 30_000, env: { PATH: process.env.PATH ?? "", ...env } },
      (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout + stderr, json: stdout }),
    );
  });
}

async function findings(change: Environment = {}, fixPermissions = false): Promise<Finding[]> {
  const found: Finding[] = [];
  await diagnose({ env: { ...healthy, ...change }, fixPermissions }, (some) => found.push(...some));
  return found;
}

/** What is not well, as `level check: what it says`. */
async function complaints(change?: Environment, fixPermissions?: boolean): Promise<string[]> {
  const bad = (await findings(change, fixPermissions)).filter(({ level }) => level !== "ok");
  for (const { remedy } of bad) expect(remedy).toMatch(/\w/);
  return bad.map(({ level, check, says }) => `${level} ${check}: ${says}`);
}

/** Breaks something in the database for as long as `look` takes. */
async function broken<T>(breaking: string, mending: string, look: () => Promise<T>): Promise<T> {
  await sql.unsafe(breaking);
  try {
    return await look();
  } finally {
    await sql.unsafe(mending);
  }
}

describe("doctor", () => {
  it("finds nothing wrong with a healthy deployment, and names the newest tested backup", async () => {
    expect(await complaints()).toEqual([]);
    const says = (await findings()).map(({ says }) => says).join("\n");
    expect(says).toContain("/backups/newest");
    expect(says).toContain("owns nothing and is bound by row security");
    const { code, json } = await mf(["doctor", "--json"], healthy);
    expect({ code, ok: JSON.parse(json).ok }).toEqual({ code: 0, ok: true });
  });

  it("says every fault of the environment and still looks at the rest", async () => {
    const change = {
      ADMIN_TOKEN: "admin",
      SWITCH_POLL_MS: "soon",
      MODELFAUCET_ROLE: "api",
      GATEWAY_RATE_LIMIT_MAX_REQUESTS: "0",
      TRUSTED_PROXY_CIDRS: "0.0.0.0/0",
    };
    expect(await complaints(change)).toEqual([
      "fail configuration: ADMIN_TOKEN is no secret but words of a template",
      expect.stringMatching(/^fail configuration: SWITCH_POLL_MS must be/),
      expect.stringMatching(/^warn unknown names: MODELFAUCET_ROLE .*MODELFAUCET_ROLES/),
      expect.stringMatching(/^warn rate limits: GATEWAY_RATE_LIMIT_MAX_REQUESTS/),
      expect.stringMatching(/^warn proxies/),
    ]);
    const { code, out } = await mf(["doctor"], { ...healthy, ...change });
    expect(code).toBe(1);
    expect(out).toMatch(/2 failed, 3 to look at\n$/);
    expect(out).not.toContain(testSecrets.SECRET_ENCRYPTION_KEY.slice(0, 8));
  });

  it("a database that is not there, or of another environment", async () => {
    const [port] = await freePorts(1);
    expect(await complaints({ DATABASE_URL: `postgresql://a:b@127.0.0.1:${port}/c` })).toContainEqual(
      expect.stringMatching(/^fail database: the database does not answer/),
    );
    expect(await complaints({ HOSTED_ENVIRONMENT: "pilot" })).toEqual([
      expect.stringMatching(/^fail schema: .*"?local"?/),
    ]);
  });

  it("logins: above row security, owner of everything, readers that write, rights that are missing", async () => {
    expect(await complaints({ DATABASE_URL: database.superuserUrl })).toContainEqual(
      expect.stringMatching(/^fail logins: .*above row security/),
    );
    const one = await complaints({ DATABASE_URL: database.ownerUrl, DATABASE_READONLY_URL: "" });
    expect(one).toEqual([
      expect.stringMatching(/^warn logins: .*triggers alone protect it/),
      expect.stringMatching(/^warn readers: .*can write/),
    ]);
    expect(await complaints({ DATABASE_READONLY_URL: database.ownerUrl })).toEqual([
      expect.stringMatching(/^fail readers: DATABASE_READONLY_URL signs in as "mf_owner"/),
    ]);
    const lacking = await broken(
      "revoke insert on wallets from mf_runtime",
      "grant insert on wallets to mf_runtime",
      () => complaints(),
    );
    expect(lacking).toEqual(['fail grants: "mf_runtime" lacks rights on wallets']);
  });

  it("a clock that is wrong by two seconds, and by ten", async () => {
    for (const [ms, level] of [
      [2_000, "warn"],
      [-10_000, "fail"],
    ] as const) {
      await database.setClockOffset(ms);
      const found = await complaints().finally(() => database.setClockOffset(0));
      expect(found).toContainEqual(expect.stringMatching(new RegExp(`^${level} clock: `)));
    }
  });

  it("a key ring that does not open the database, or only with its second key", async () => {
    const other = "Zq7pXw2LkVd9RtYc4MbNhJ6sGf3aEu8T";
    expect(await complaints({ SECRET_ENCRYPTION_KEY: other })).toEqual([
      expect.stringMatching(/^fail key ring: SECRET_ENCRYPTION_KEY does not open/),
    ]);
    const ring = `ring:${other},${testSecrets.SECRET_ENCRYPTION_KEY}`;
    expect(await complaints({ SECRET_ENCRYPTION_KEY: ring })).toEqual([]);
  });

  it("a rotation of the encryption key that waits for its end", async () => {
    const rotation = (done: number) =>
      broken(
        `insert into key_rotations (id, kind, key_id, old_key_ids, status, total, done, reason, started_by)
         values (gen_random_uuid(), 'encryption', 'aaaaaaaa', '{bbbbbbbb}', 'running', 5, ${done}, 'test', 'test')`,
        "delete from key_rotations",
        () => complaints(),
      );
    expect(await rotation(2)).toEqual(["warn key rotation: 3 of 5 values need the old key"]);
    expect(await rotation(5)).toEqual([
      "warn key rotation: every value is sealed anew, and the old key is still needed",
    ]);
  });

  it("a LiteLLM that is away, refuses the key, or lacks a model that is routed to it", async () => {
    const [port] = await freePorts(1);
    expect(await complaints({ LITELLM_BASE_URL: `http://127.0.0.1:${port}` })).toEqual([
      expect.stringMatching(/^fail litellm: LITELLM_BASE_URL: /),
    ]);
    expect(await complaints({ LITELLM_MASTER_KEY: "b1Kd84hQpLz0XcVn72MwRtYs" })).toEqual([
      "fail litellm: it refuses LITELLM_MASTER_KEY",
    ]);
    const routed = `'[{"provider":"litellm","model":"unheard-of"}]'`;
    const found = await broken(
      `create table doctor_before as select value from settings where name = 'auto-text';
       update settings set value = ${routed} where name = 'auto-text'`,
      `update settings set value = (select value from doctor_before) where name = 'auto-text'; drop table doctor_before`,
      () => complaints(),
    );
    expect(found).toEqual([
      "warn prices: no price, so no call: litellm/unheard-of",
      "warn litellm: it does not offer litellm/unheard-of",
    ]);
  });

  it("a Redis that does not answer; several instances without one; more connections than the server has", async () => {
    const [port] = await freePorts(1);
    expect(await complaints({ REDIS_URL: `redis://127.0.0.1:${port}` })).toEqual([
      expect.stringMatching(/^fail redis: /),
    ]);
    const found = await broken(
      `insert into instances (id, roles, version_seen) select gen_random_uuid(), '{gateway}', 0 from generate_series(1, 50)`,
      "delete from instances",
      () => complaints(),
    );
    expect(found).toEqual([
      expect.stringMatching(/^fail connections: 50 running instances may open 1100 connections/),
      expect.stringMatching(/^warn redis: several instances/),
    ]);
  });

  it("a port that another program has, and a file of secrets that others can read", async () => {
    const port = (litellm.address() as AddressInfo).port;
    expect(await complaints({ PORT_GATEWAY: String(port) })).toEqual([
      expect.stringMatching(/^fail ports: .*taken by another program/),
    ]);
    const file = join(folder, "dev.env");
    writeFileSync(file, "ADMIN_TOKEN=x\n");
    chmodSync(file, 0o644);
    expect(await complaints()).toEqual([expect.stringMatching(/^fail permissions: /)]);
    expect(await complaints({}, true)).toEqual([]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("backups: none, old, never restored, prices grown old", async () => {
    const old = await broken(
      "update backups set taken_at = mf_now() - interval '40 days', tested_at = mf_now() - interval '36 days'",
      "update backups set taken_at = mf_now() - interval '2 hours', tested_at = mf_now()",
      () => complaints(),
    );
    expect(old).toEqual([
      expect.stringMatching(/^warn backup: the newest is 960 hours old/),
      expect.stringMatching(/^warn restore drill: .*tested 36 days ago/),
    ]);
    const untested = await broken(
      "update backups set tested_at = null",
      "update backups set tested_at = mf_now()",
      () => complaints(),
    );
    expect(untested).toEqual(["warn restore drill: no backup was ever restored"]);
    const none = await broken(
      "create table doctor_before as select * from backups; delete from backups",
      "insert into backups select * from doctor_before; drop table doctor_before",
      () => complaints(),
    );
    expect(none).toEqual(["warn backup: none was taken"]);
    await database.setClockOffset(46 * 86_400_000);
    const aged = await complaints().finally(() => database.setClockOffset(0));
    expect(aged).toContainEqual(
      expect.stringMatching(/^warn price book: the newest prices are 4[56] days old/),
    );
  });

  it("alerts that are open: those that wake somebody fail, the others want an eye", async () => {
    const open = await broken(
      `insert into alerts (id, rule, kind, target, closed_at, acknowledged_by, acknowledged_at) values
        (gen_random_uuid(), 'books_drift', 'page', 'platform', null, null, null),
        (gen_random_uuid(), 'redis_away', 'ticket', 'platform', null, null, null),
        (gen_random_uuid(), 'hold_open', 'page', 'platform', null, 'somebody', mf_now()),
        (gen_random_uuid(), 'over', 'page', 'platform', mf_now(), null, null)`,
      "delete from alerts",
      () => complaints(),
    );
    expect(open.sort()).toEqual([
      expect.stringMatching(/^fail alerts: books_drift of platform, since 20/),
      expect.stringMatching(/^warn alerts: hold_open of platform.*acknowledged$/),
      expect.stringMatching(/^warn alerts: redis_away of platform/),
    ]);
  });

  it("tells a server that keeps sessions from a pooler that lends connections and does not clear up", async () => {
    const other = postgres(database.runtimeUrl, { max: 1, onnotice: () => {} });
    expect(await lendsSessions(sql, other)).toBe(false);
    // As behind such a pooler: two clients, and one connection of the server that serves them in turn.
    expect(await lendsSessions(sql, sql)).toBe(true);
    await other.end();
  });
});
