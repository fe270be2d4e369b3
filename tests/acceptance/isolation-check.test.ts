import { type Database, openDatabase } from "@modelfaucet/server/lib/db.ts";
import { checkNames, runIsolationChecks } from "@modelfaucet/server/modules/isolation/isolation.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { breaks } from "./isolation-breaks.ts";
import { type Ids, readIds } from "./isolation-planting.ts";
import { serverCommand, threeLogins } from "./server-command.ts";

let made: TestDatabase;
let superuser: postgres.Sql;
let reader: Database;
let ids: Ids;

beforeAll(async () => {
  made = await createTestDatabase(inject("postgres"));
  const seeded = await serverCommand(["seed", "--demo"], threeLogins(made));
  expect(seeded.code, seeded.stderr).toBe(0);
  superuser = postgres(made.superuserUrl, { max: 1, onnotice: () => {} });
  // Neither keys nor the triggers of append-only tables bind what is planted here.
  await superuser`set session_replication_role = replica`;
  ids = await readIds(superuser);
  reader = openDatabase({
    url: made.readUrl,
    poolMax: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 30_000,
    idleTransactionTimeoutMs: 30_000,
    applicationName: "isolation-check",
  });
});
afterAll(async () => {
  await reader.close();
  await superuser.end();
  await made.drop();
});

const failing = async (): Promise<string[]> => {
  const results = await reader.read({ purpose: "isolation" }, runIsolationChecks);
  return results.filter(({ mismatches }) => mismatches > 0).map(({ name }) => name);
};
const check = (...args: string[]) => serverCommand(["hosted", "check-isolation", ...args], threeLogins(made));

describe("A176: hosted:check-isolation", () => {
  it("A176: passes on a clean database, by a login that cannot write, with a count for each check", async () => {
    const { code, stdout } = await check("--json");
    const answer = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(answer.login).toEqual({ name: "mf_read", can_write: false, bypasses_row_security: false });
    expect(answer.checks.map(({ name }: { name: string }) => name)).toEqual(checkNames);
    // What the isolation tenant has one of was seen: a login that sees nothing would pass everything.
    const counted = Object.fromEntries(
      answer.checks.map(({ name, rows }: { name: string; rows: number }) => [name, rows]),
    );
    for (const name of ["sessions", "developer_tokens", "wallets", "accounts", "usage_events", "receipts"])
      expect([name, counted[name] > 0]).toEqual([name, true]);
    const login = postgres(made.readUrl, { max: 1, onnotice: () => {} });
    await login`select set_config('mf.purpose', 'operator', false)`;
    await expect(login`delete from holds`).rejects.toThrow(/permission denied/);
    await login.end();
  });

  it("A176: knows a break for each of its checks", () => {
    expect(breaks.map(({ check: name }) => name).sort()).toEqual([...checkNames].sort());
  });

  it.each(breaks)("A176: fails for $check alone when $what", async ({ check: name, plant, mend }) => {
    await plant(superuser, ids);
    try {
      expect(await failing()).toEqual([name]);
    } finally {
      await mend(superuser, ids);
    }
    expect(await failing()).toEqual([]);
  });

  it("A176: exits 1 on a foreign row, names the check, and prints nothing of the row", async () => {
    const wallet = breaks.find(({ check: name }) => name === "wallets")!;
    await wallet.plant(superuser, ids);
    const { code, stdout, stderr } = await check();
    await wallet.mend(superuser, ids);
    expect(code).toBe(1);
    const failed = stdout.split("\n").filter((line) => line.startsWith("FAIL"));
    expect(failed).toEqual([expect.stringMatching(/^FAIL {2}wallets +\d+ compared, 1 mismatched$/)]);
    for (const id of Object.values(ids.demo).concat(Object.values(ids.other)))
      expect(stdout + stderr).not.toContain(id);
  });

  it("refuses another environment's database", async () => {
    const { code, stderr } = await serverCommand(["hosted", "check-isolation"], {
      ...threeLogins(made),
      HOSTED_ENVIRONMENT: "pilot",
    });
    expect(code).toBe(1);
    expect(stderr.trim()).toMatch(/^the database belongs to the environment "local", not to "pilot"[^\n]*$/);
  });
});
