import { diagnose } from "@modelfaucet/server/commands/doctor/doctor.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { type Pooler, startPooler } from "@modelfaucet/testkit/pooler.ts";
import { testSecrets } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";

let pooler: Pooler;
let database: TestDatabase;

beforeAll(async () => {
  const postgres = inject("postgres");
  [pooler, database] = await Promise.all([startPooler(postgres.runtimeUrl), createTestDatabase(postgres)]);
});
afterAll(async () => {
  await pooler.stop();
  await database.drop();
});

async function poolerSays(directUrl: string): Promise<string[]> {
  const found: string[] = [];
  const env = {
    ...testSecrets,
    NODE_ENV: "test",
    DATABASE_URL: pooler.through(database.runtimeUrl),
    DATABASE_DIRECT_URL: directUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    DATABASE_READONLY_URL: database.readUrl,
  };
  await diagnose({ env, fixPermissions: false }, (some) => {
    for (const { check, level, says } of some)
      if (["pooler", "database", "schema", "logins", "key ring"].includes(check))
        found.push(`${level} ${check} ${says}`);
  });
  return found;
}

it("doctor names a transaction pooler that sessions go through, and is content past it", async () => {
  const through = await poolerSays("");
  expect(through).toContainEqual(
    expect.stringMatching(/^fail pooler DATABASE_URL goes through a pooler that lends connections/),
  );
  // Everything else is looked at through the pooler all the same.
  expect(through.filter((line) => !line.startsWith("ok")).length).toBe(1);
  const past = await poolerSays(database.runtimeUrl);
  expect(past).toContain("ok pooler sessions are kept");
  expect(past.filter((line) => !line.startsWith("ok"))).toEqual([]);
});
