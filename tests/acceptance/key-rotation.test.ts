import { randomBytes } from "node:crypto";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { createSecretBox, keyCanaryPlace } from "@modelfaucet/server/lib/secret-box.ts";
import { type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { sized } from "@modelfaucet/testkit/sizes.ts";
import { afterAll, beforeAll, expect, inject, it, onTestFinished } from "vitest";
import { type KeyVendors, startKeyVendors } from "./key-vendors.ts";
import { serverCommand, threeLogins } from "./server-command.ts";

// A144: the encryption key turns while everything runs. The product stands at step two, `ring:<new>,<old>`; what is stored
// was sealed by the old key.

const [newKey, oldKey] = ["nV8kTq3wLz6YpRc9XsHd2mJf5bGa7eUi", "oD4hWx7KtZ9mQv2NcLs6yPj3fRb8gAe5"];
const old = createSecretBox([oldKey]);
const fresh = createSecretBox([newKey]);
const users = sized({ ci: 25, soak: 50 });
const keysOfUser = 20;

let vendors: KeyVendors;
let product: Product;
let ground: Ground;
let sessions: GroundSession[];

beforeAll(async () => {
  vendors = await startKeyVendors();
  product = await startProduct({
    postgres: inject("postgres"),
    env: { SECRET_ENCRYPTION_KEY: `ring:${newKey},${oldKey}`, MODELFAUCET_HOST_MAP: vendors.hostMap },
  });
  ground = await layGround(product);
  await ground.setFeature({ route_preference: ["byok"] });
  sessions = await Promise.all(Array.from({ length: users }, () => ground.openSession()));
  await sealWithOldKey();
});
afterAll(async () => {
  await product.stop();
  await vendors.close();
});

/** As a deployment is that has had one key until now: every key of its users, its apps' own, and the known word. */
async function sealWithOldKey(): Promise<void> {
  const both = createSecretBox([newKey, oldKey]);
  const [app] =
    await product.sql`select id, developer_id, user_hash_key from apps where public_app_id = ${ground.publicAppId}`;
  const place = { table: "apps", column: "user_hash_key", rowId: app!.id, owner: app!.developer_id };
  const resealed = old.seal(both.open(app!.user_hash_key, place), place);
  await product.sql`update apps set user_hash_key = ${resealed} where id = ${app!.id}`;
  const rows = sessions.flatMap(({ userId }) =>
    Array.from({ length: keysOfUser }, () => {
      const id = uuidV7();
      const key = `sk-proj-${randomBytes(18).toString("hex")}`;
      vendors.known.add(key);
      const owner = `end_user:${app!.id}:${userId}`;
      return {
        id,
        owner_scope: "end_user",
        app_id: app!.id,
        developer_id: app!.developer_id,
        owner_id: userId,
        end_user_id: userId,
        provider: "openai",
        sealed_secret: old.seal(key, {
          table: "provider_credentials",
          column: "sealed_secret",
          rowId: id,
          owner,
        }),
        key_id: old.keyId,
        masked: `sk-proj-…${key.slice(-4)}`,
        last_four: key.slice(-4),
      };
    }),
  );
  await product.sql`insert into provider_credentials ${product.sql(rows)}`;
  const canary = both.open(
    (await product.sql`select key_canary as text from deployment`)[0]!.text,
    keyCanaryPlace,
  );
  await product.sql`update deployment set key_canary = ${old.seal(canary, keyCanaryPlace)}`;
}

const rotations = "/v1/admin/key-rotations";

it("A144: five hundred keys turn under load, each works at every moment, and the old key stays until none needs it", async () => {
  // Each list opens every key of its user; each test sends one to its vendor.
  let goesOn = true;
  onTestFinished(() => {
    goesOn = false;
  });
  const seen = { lists: 0, calls: 0, faults: [] as string[] };
  const busy = sessions.slice(1);
  const load = Array.from({ length: 4 }, async (_, caller) => {
    for (let turn = caller; goesOn; turn += 4) {
      const place = turn % busy.length;
      const { token } = busy[place]!;
      const list = await product.call("GET", "/v1/user/provider-keys?limit=50", undefined, { token });
      seen.lists++;
      const states = list.body.items?.map((key: { status: string }) => key.status) ?? [];
      if (states.length !== keysOfUser || states.some((state: string) => state !== "active")) {
        seen.faults.push(`user ${place}: ${list.status} ${states.join()}`);
      }
      const key = list.body.items?.[seen.calls % keysOfUser];
      const test = await product.call("POST", `/v1/user/provider-keys/${key?.id}/test`, undefined, { token });
      seen.calls++;
      if (test.body.ok !== true) seen.faults.push(`user ${place}: ${test.status} ${test.text}`);
    }
  });
  const all = users * keysOfUser;
  await expect.poll(() => seen.lists, { timeout: 10_000 }).toBeGreaterThan(users);

  // Somebody holds one row of another user all the while: it is passed over, and waited for.
  const holder = await product.sql.reserve();
  await holder`begin`;
  await holder`select 1 from provider_credentials where end_user_id = ${sessions[0]!.userId} limit 1 for update`;

  const started = await product.admin("POST", rotations, { kind: "encryption", reason: "the yearly turn" });
  expect(started.status, started.text).toBe(202);
  expect(started.body).toMatchObject({ kind: "encryption", status: "running", reason: "the yearly turn" });
  expect(started.body.total).toBeGreaterThan(all);
  const { id, total } = started.body;
  const progress = () => product.admin("GET", `${rotations}/${id}`).then(({ body }) => body);
  await expect.poll(async () => (await progress()).done, { timeout: 20_000 }).toBe(total - 1);

  const early = await product.admin("POST", `${rotations}/${id}/finish`, { reason: "too early" });
  expect(early.status).toBe(409);
  expect(early.body.error.details).toMatchObject({ reason: "values_left", left: 1 });
  const logins = threeLogins(product.database);
  const ring = { ...logins, SECRET_ENCRYPTION_KEY: `ring:${newKey},${oldKey}` };
  const command = await serverCommand(["rotate-keys", "finish", "--reason", "too early"], ring);
  expect(command).toMatchObject({ code: 1, stdout: "" });
  expect(command.stderr).toMatch(/^The old key is still needed, by 1 of the sealed values/);
  expect(await serverCommand(["rotate-keys", "status", "--json"], ring)).toMatchObject({ code: 1 });
  // The old key is still needed: nobody starts without it.
  await expect(product.addGateway({ SECRET_ENCRYPTION_KEY: newKey })).rejects.toThrow(
    "SECRET_ENCRYPTION_KEY does not open this database's secrets",
  );

  await holder`rollback`;
  holder.release();
  await expect.poll(async () => (await progress()).status, { timeout: 10_000 }).toBe("overlap");
  const finished = await product.admin("POST", `${rotations}/${id}/finish`, { reason: "all sealed anew" });
  expect(finished.status, finished.text).toBe(200);
  expect(finished.body).toMatchObject({ status: "finished", done: finished.body.total });
  expect(finished.body.old_valid_until).toMatch(/^\d{4}-/);
  const again = await product.admin("POST", `${rotations}/${id}/finish`, { reason: "once more" });
  expect(again.body).toEqual(finished.body);

  goesOn = false;
  await Promise.all(load);
  expect(seen.faults).toEqual([]);
  expect(seen.calls).toBeGreaterThan(users);
  const metrics = await (await fetch(`${product.api}/metrics`)).text();
  expect(metrics).not.toMatch(/^modelfaucet_secret_open_failures_total\{.*\} [1-9]/m);

  const rows =
    await product.sql`select id, app_id, end_user_id, sealed_secret, key_id from provider_credentials`;
  expect(rows).toHaveLength(all);
  for (const row of rows) {
    const owner = `end_user:${row.app_id}:${row.end_user_id}`;
    const place = { table: "provider_credentials", column: "sealed_secret", rowId: row.id, owner };
    expect(vendors.known.has(fresh.open(row.sealed_secret, place))).toBe(true);
    expect(row.key_id).toBe(fresh.keyId);
  }
});

it("A144: then the new key alone is enough, and the retired one seals nothing any more", async () => {
  const alone = await product.addGateway({ SECRET_ENCRYPTION_KEY: newKey });
  await alone.end("SIGTERM");
  await expect(product.addGateway({ SECRET_ENCRYPTION_KEY: oldKey })).rejects.toThrow(
    "SECRET_ENCRYPTION_KEY does not open this database's secrets",
  );
  await expect(product.addGateway({ SECRET_ENCRYPTION_KEY: `ring:${oldKey},${newKey}` })).rejects.toThrow(
    "SECRET_ENCRYPTION_KEY seals with a key that was retired",
  );
  const nothing = await product.admin("POST", rotations, { kind: "encryption", reason: "again" });
  expect(nothing.body.error.details).toEqual({ reason: "nothing_to_rotate" });
});

it("begins only when all processes hold the new key, and says why it does not", async () => {
  const third = "tH5nRw8JvXq2MzKc7LdYs4pGb9fUe6Ta";
  const logins = threeLogins(product.database);
  const start = (key: string) =>
    serverCommand(["rotate-keys", "start", "--reason", "test"], { ...logins, SECRET_ENCRYPTION_KEY: key });
  expect((await start(`ring:${third},${newKey}`)).stderr).toMatch(/^2 running processes have another ring/);
  expect((await start(newKey)).stderr).toMatch(/^SECRET_ENCRYPTION_KEY holds one key/);
  expect(
    await serverCommand(["rotate-keys", "start"], { ...logins, SECRET_ENCRYPTION_KEY: newKey }),
  ).toMatchObject({
    code: 2,
  });
  const later = await product.admin("POST", rotations, { kind: "receipt_signing", reason: "test" });
  expect(later.status).toBe(400);
  expect(later.body.error.message).toContain("package 4");
  expect((await product.developer("GET", rotations)).status).toBe(403);
  const list = await product.admin("GET", rotations);
  expect(list.body.items).toHaveLength(1);
  expect(JSON.stringify(list.body)).not.toContain(fresh.keyId);
  const audit = await product.sql`select action, actor_scope, reason from audit_logs
    where resource_type = 'key_rotation' order by id`;
  expect(audit).toEqual([
    { action: "keys.rotate_start", actor_scope: "bootstrap", reason: "the yearly turn" },
    { action: "keys.rotate_finish", actor_scope: "bootstrap", reason: "all sealed anew" },
  ]);
});
