import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { insertTenant, type TestTenant } from "@modelfaucet/testkit/tenant.ts";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type Database, openDatabase } from "../lib/db.ts";
import { uuidV7 } from "../lib/ids.ts";
import { createSecretBox, keyCanaryPlace } from "../lib/secret-box.ts";
import { answerPlace } from "../modules/answer/answer.ts";
import { listSealedColumns } from "../modules/backup/backup.ts";
import { providerKeyPlace } from "../modules/routing/routing.ts";
import { userHashKeyPlace } from "./apps.ts";
import { sealedPlaces } from "./backup/sealed-values.ts";
import { finishRotation, reseal, startRotation } from "./key-rotation.ts";

const [newKey, oldKey] = ["nV8kTq3wLz6YpRc9XsHd2mJf5bGa7eUi", "oD4hWx7KtZ9mQv2NcLs6yPj3fRb8gAe5"];
const old = createSecretBox([oldKey]);
const fresh = createSecretBox([newKey]);
const ring = createSecretBox([newKey, oldKey]);

let server: TestDatabase;
let database: Database;
let superuser: postgres.Sql;
let tenant: TestTenant;

beforeAll(async () => {
  server = await createTestDatabase(inject("postgres"));
  superuser = postgres(server.superuserUrl, { max: 2, onnotice: () => {} });
  database = openDatabase({
    url: server.runtimeUrl,
    poolMax: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "test",
  });
  tenant = await insertTenant(superuser);
});
afterAll(async () => {
  await database.close();
  await superuser.end({ timeout: 2 });
  await server.drop();
});

const deps = () => ({ database, secretBox: ring });
const actor = { actorScope: "bootstrap" } as const;
const why = { reason: "test", startedBy: "test" };
const hashPlace = () => userHashKeyPlace(tenant.appId, tenant.developerId);

beforeEach(async () => {
  await superuser`truncate key_rotations, instances`;
  await superuser`delete from provider_credentials`;
  await superuser`update apps set user_hash_key = ${old.seal("hash key", hashPlace())} where id = ${tenant.appId}`;
  const canary = old.seal("modelfaucet", keyCanaryPlace);
  await superuser`insert into deployment (environment, key_canary) values ('local', ${canary})
    on conflict (one) do update set key_canary = excluded.key_canary`;
});

async function rotate() {
  const { id } = await startRotation(deps(), actor, why);
  return (await reseal(deps(), id, { passes: 2 }))!;
}

const rowOf = (id: string, sealed: string) => ({
  id,
  owner_scope: "platform",
  owner_id: "00000000-0000-0000-0000-000000000001",
  provider: "openai",
  sealed_secret: sealed,
  key_id: old.keyId,
  masked: "…",
  last_four: "",
});

async function platformKey(sealed: (id: string) => string): Promise<string> {
  const id = uuidV7();
  await superuser`insert into provider_credentials ${superuser(rowOf(id, sealed(id)))}`;
  return id;
}

it("every sealed column of the schema is known by the place of its values", async () => {
  const columns = await database.read({ purpose: "operator" }, listSealedColumns);
  const names = columns.map(({ schema, name, column }) => `${schema}.${name}.${column}`);
  expect(names.length).toBeGreaterThan(4);
  expect(names.filter((name) => !sealedPlaces[name])).toEqual([]);
});

describe("what does not open", () => {
  it("of provider keys is asked for again, and holds nothing up", async () => {
    const good = await platformKey((id) => old.seal("good", providerKeyPlace(id)));
    const moved = await platformKey(() => old.seal("moved", providerKeyPlace(uuidV7())));
    const foreign = await platformKey((id) =>
      createSecretBox(["kK3nRw8JvXq2MzKc7LdYs4pGb9fUe6Ta"]).seal("foreign", providerKeyPlace(id)),
    );
    const rotation = await rotate();
    expect(rotation).toMatchObject({ status: "overlap", done: rotation.total });
    const rows = await superuser`select id, status from provider_credentials`;
    expect(new Map(rows.map(({ id, status }) => [id, status]))).toEqual(
      new Map([
        [good, "active"],
        [moved, "needs_reentry"],
        [foreign, "needs_reentry"],
      ]),
    );
    await finishRotation(deps(), actor, { id: rotation.id, reason: "test" });
    const [kept] =
      await superuser`select sealed_secret as sealed, key_id from provider_credentials where id = ${good}`;
    expect(fresh.open(kept!.sealed, providerKeyPlace(good))).toBe("good");
    expect(kept!.key_id).toBe(fresh.keyId);
    const gone = await superuser`select 1 from provider_credentials where sealed_secret is null`;
    expect(gone).toHaveLength(2);
    const told =
      await superuser`select resource_id from audit_logs where action = 'provider_key.open_failed' order by 1`;
    expect(told.map(({ resource_id }) => resource_id)).toEqual([moved, foreign].sort());
  });

  it("of anything else keeps the old key where it is, and is named", async () => {
    await superuser`update apps set user_hash_key = ${old.seal("x", keyCanaryPlace)} where id = ${tenant.appId}`;
    const rotation = await rotate();
    expect(rotation).toMatchObject({ status: "running", unopened: { "public.apps.user_hash_key": 1 } });
    await expect(finishRotation(deps(), actor, { id: rotation.id, reason: "test" })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("look at public.apps.user_hash_key"),
      details: { reason: "values_left", left: 1 },
    });
    const [row] = await superuser`select key_canary as text from deployment`;
    expect(old.open(row!.text, keyCanaryPlace)).toBe("modelfaucet");
  });
});

it("large values go some at a time, and all of them", async () => {
  const plain = "a".repeat(700_000);
  for (let answer = 0; answer < 12; answer++) {
    const [requestId, key] = [uuidV7(), uuidV7()];
    await superuser`insert into idempotency_keys (app_id, caller, route, key, fingerprint, request_id, state)
      values (${tenant.appId}, 'test', 'chat', ${key}, 'x', ${requestId}, 'done')`;
    await superuser`insert into idempotency_answers (app_id, caller, route, key, request_id, sealed_answer)
      values (${tenant.appId}, 'test', 'chat', ${key}, ${requestId}, ${old.seal(plain, answerPlace(tenant.appId, requestId))})`;
  }
  expect(await rotate()).toMatchObject({ status: "overlap", unopened: {} });
  const rows = await superuser`select request_id as id, sealed_answer as sealed from idempotency_answers`;
  expect(rows).toHaveLength(12);
  for (const { id, sealed } of rows)
    expect(fresh.open(sealed, answerPlace(tenant.appId, id)) === plain).toBe(true);
});

describe("a start", () => {
  it("goes on with what was begun, and is refused where nothing is to be done", async () => {
    const first = await startRotation(deps(), actor, why);
    expect(await startRotation(deps(), actor, why)).toEqual(first);
    const rotation = (await reseal(deps(), first.id, { passes: 1 }))!;
    await finishRotation(deps(), actor, { id: rotation.id, reason: "test" });
    await expect(startRotation(deps(), actor, why)).rejects.toMatchObject({
      details: { reason: "nothing_to_rotate" },
    });
  });

  it("waits for every process that lives and has another ring", async () => {
    const live = (facts: Record<string, unknown>) =>
      superuser`insert into instances (id, roles, version_seen, facts) values (${uuidV7()}, '{api}', 0, ${superuser.json(facts as never)})`;
    await live({ keys: [fresh.keyId, old.keyId] });
    for (const facts of [{ keys: [old.keyId, fresh.keyId] }, { keys: [fresh.keyId] }, {}]) {
      await live(facts);
    }
    await expect(startRotation(deps(), actor, why)).rejects.toMatchObject({
      details: { reason: "instances", instances: 3 },
    });
    await superuser`update instances set heartbeat_at = mf_now() - interval '1 minute' where facts #>> '{keys,1}' is distinct from ${old.keyId}`;
    expect(await startRotation(deps(), actor, why)).toMatchObject({ status: "running" });
  });

  it("of two at once makes one rotation", async () => {
    const both = await Promise.all([startRotation(deps(), actor, why), startRotation(deps(), actor, why)]);
    expect(both[0]!.id).toBe(both[1]!.id);
  });

  it("sealed by many hands at once, every value is sealed anew once", async () => {
    const ids = Array.from({ length: 450 }, () => uuidV7());
    const keys = ids.map((id) => rowOf(id, old.seal(id, providerKeyPlace(id))));
    await superuser`insert into provider_credentials ${superuser(keys)}`;
    const { id } = await startRotation(deps(), actor, why);
    await Promise.all(Array.from({ length: 3 }, () => reseal(deps(), id, { passes: 3 })));
    const rotation = (await reseal(deps(), id, { passes: 1 }))!;
    expect(rotation).toMatchObject({ status: "overlap", done: rotation.total });
    const rows = await superuser`select id, sealed_secret as sealed from provider_credentials`;
    for (const { id: row, sealed } of rows) expect(fresh.open(sealed, providerKeyPlace(row))).toBe(row);
    expect(rows).toHaveLength(ids.length);
  });
});
