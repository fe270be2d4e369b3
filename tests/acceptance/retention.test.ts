import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { serverCommand, threeLogins } from "./server-command.ts";

const day = 24 * 3_600_000;
let product: Product;
let ground: Ground;
let session: GroundSession;
let folder: string;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  folder = await mkdtemp(join(tmpdir(), "modelfaucet-retention-"));
  const limited = await product.admin("PUT", "/v1/admin/limits", {
    level: "app",
    target_id: ground.publicAppId,
    measure: "usd",
    window: "total",
    limit_usd: "5.00",
    reason: "test",
  });
  expect(limited.status, limited.text).toBe(200);
  session = await fundedSession(product, ground, "1.00", { max_spend_usd: "0.50" });
  for (const key of [randomUUID(), randomUUID()]) {
    const answer = await chat(
      product,
      session.token,
      { model: "stub-flat" },
      { headers: { "idempotency-key": key } },
    );
    expect(answer.status, answer.text).toBe(200);
  }
});
afterAll(async () => {
  await product.stop();
  await rm(folder, { recursive: true, force: true });
});

const retention = (args: string[], env: Record<string, string> = {}) =>
  serverCommand(["retention", "run", "--json", ...args], { ...threeLogins(product.database), ...env });
const count = async (table: string): Promise<number> => {
  const [row] = await product.sql.unsafe(`select count(*)::int as count from ${table}`);
  return row!.count as number;
};

describe("retention", () => {
  it("is run by the worker each day, as far as the servers' login may", async () => {
    await expect.poll(() => product.control.output(), { timeout: 10_000 }).toContain("retention ran");
  });

  it("keeps what is young, and what the environment says to keep", async () => {
    const run = await retention([]);
    expect(run.code, run.stderr).toBe(0);
    expect(Object.values(JSON.parse(run.stdout).removed)).toEqual([0, 0, 0, 0, 0, 0, 0]);
    await product.database.setClockOffset(40 * day);
    const kept = await retention(["--dry-run"], {
      RETENTION_SESSIONS_DAYS: "0",
      RETENTION_IDEMPOTENCY_HOURS: "0",
    });
    expect(JSON.parse(kept.stdout).removed).toMatchObject({ sessions: 0, idempotency_keys: 0 });
  });

  it("counts what would go without touching it, then removes exactly that, and says so in one audit row", async () => {
    const dry = await retention(["--dry-run"]);
    const counted = JSON.parse(dry.stdout);
    expect(counted).toMatchObject({
      dry_run: true,
      removed: { sessions: 1, idempotency_keys: 3 },
      usage_months: [],
    });
    expect(await count("virtual_sessions")).toBe(1);
    const run = await retention([]);
    expect(JSON.parse(run.stdout)).toMatchObject({ dry_run: false, removed: counted.removed });
    expect([await count("virtual_sessions"), await count("idempotency_keys")]).toEqual([0, 0]);
    const audits =
      await product.sql`select actor_scope, reason, metadata from audit_logs where action = 'retention.run'`;
    expect(audits).toEqual([
      expect.objectContaining({
        actor_scope: "bootstrap",
        metadata: expect.objectContaining({ sessions: 1 }),
      }),
    ]);
    await expectBooksClean(product);
  });

  it("leaves what an open request belongs to: its session, its key and its month", async () => {
    const open = await ground.openSession(session.user);
    const [user] =
      await product.sql`select app_id, developer_id, id from end_users where id = ${session.userId}`;
    const [made] = await product.sql`select id, app_id from virtual_sessions`;
    const [feature] =
      await product.sql`select feature_id, version from feature_versions where app_id = ${user!.app_id} limit 1`;
    expect(open.userId).toBe(session.userId);
    // Opened now, by a clock that is 15 months behind; nobody takes it for abandoned.
    await product.sql`insert into holds (app_id, id, developer_id, end_user_id, session_id, feature_id, feature_key, feature_version,
      price_version, route_mode, provider, model, endpoint, hold_usd, leg_accounts, leg_amounts_usd, lease_until, instance_id,
      idempotency_caller, idempotency_route, idempotency_key)
      values (${user!.app_id}, ${uuidV7()}, ${user!.developer_id}, ${session.userId}, ${made!.id}, ${feature!.feature_id}, 'chat',
      ${feature!.version}, 1, 'platform', 'stub', 'stub-flat', 'chat/completions', 0, '{}', '{}', mf_now() + interval '10 years',
      ${randomUUID()}, ${`end_user:${session.userId}`}, 'chat', 'kept')`;
    await product.sql`insert into idempotency_keys (app_id, caller, route, key, fingerprint, state, request_id)
      values (${user!.app_id}, ${`end_user:${session.userId}`}, 'chat', 'kept', 'x', 'running', ${randomUUID()})`;
    await product.database.setClockOffset(460 * day);
    const run = await retention(["--to", folder], { RETENTION_USAGE_MONTHS: "13" });
    const report = JSON.parse(run.stdout);
    expect(run.code).toBe(1);
    expect(report.removed).toMatchObject({ sessions: 0, idempotency_keys: 0 });
    expect(report.usage_months).toEqual([]);
    expect(report.usage_kept[0].why).toBe("1 of its requests are open");
    for (const later of report.usage_kept.slice(1)) expect(later.why).toBe("an earlier month stays");
    expect(await readdir(folder)).toEqual([]);
    await product.sql`delete from holds`;
  });

  it("exports a month with its checksum, detaches it as the owner, and leaves books that agree", async () => {
    const before = { transfers: await count("transfers"), usage: await count("usage_events") };
    const env = { RETENTION_USAGE_MONTHS: "13" };
    const refused = await retention(["--to", folder], {
      ...env,
      DATABASE_MIGRATION_URL: product.database.runtimeUrl,
    });
    expect([refused.code, refused.stderr.trim()]).toEqual([
      1,
      "only the schema's owner detaches a month: set DATABASE_MIGRATION_URL to its login",
    ]);
    expect(await count("usage_events")).toBe(before.usage);
    const run = await retention(["--to", folder], env);
    expect(run.code, run.stderr).toBe(0);
    const [month] = JSON.parse(run.stdout).usage_months;
    expect(month).toMatchObject({
      rows: String(before.usage),
      charge_usd: expect.stringMatching(/^0\.0\d+$/),
    });
    const bytes = await readFile(month.file);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(month.sha256);
    expect(JSON.parse(await readFile(`${month.file}.json`, "utf8"))).toMatchObject({
      rows: month.rows,
      charge_usd: month.charge_usd,
      sha256: month.sha256,
    });
    const lines = gunzipSync(bytes).toString("utf8").trim().split("\n");
    expect(lines[0]).toMatch(/^app_id,id,developer_id,/);
    expect(lines).toHaveLength(before.usage + 1);
    expect([await count("usage_events"), await count("transfers")]).toEqual([0, before.transfers]);
    await expectBooksClean(product);
    const isolation = await serverCommand(["hosted", "check-isolation"], threeLogins(product.database));
    expect(isolation.code, isolation.stdout).toBe(0);
  });

  it("remembers what was charged under a limit that never ends, and lets those go that ended", async () => {
    const [kept] =
      await product.sql`select a.kind, a.limit_usd - a.balance_usd as used, d.charge_usd as detached
      from accounts a join detached_charges d on d.app_id = a.app_id and d.account_id = a.id`;
    expect(kept).toMatchObject({ kind: "app", used: kept!.detached });
    expect(await count("accounts where kind = 'session'")).toBe(0);
    const again = await retention(["--to", folder], { RETENTION_USAGE_MONTHS: "13" });
    expect([again.code, JSON.parse(again.stdout).usage_months]).toEqual([0, []]);
  });

  it("leaves roll-ups whole when they are made again from a log that has lost its first month", async () => {
    const rolledUp =
      () => product.sql`select count(*)::int as buckets, sum(requests)::int as requests, sum(charge_usd) as charge
      from usage_rollups where grain = 1440 and generation = (select generation from projections where name = 'usage_rollups')`;
    const before = await rolledUp();
    expect(before[0]).toMatchObject({ requests: 2 });
    const rebuilt = await serverCommand(
      ["projectors", "rebuild", "usage_rollups"],
      threeLogins(product.database),
    );
    expect(rebuilt.code, rebuilt.stderr).toBe(0);
    expect(await rolledUp()).toEqual(before);
    const [now] = await product.sql`select generation from projections where name = 'usage_rollups'`;
    expect(now).toEqual({ generation: 2 });
  });
});
