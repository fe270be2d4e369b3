import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { openPricesBed, type PricesBed, testOperator } from "./prices-testbed.ts";
import { addProviderKey, removeProviderKey, replaceProvider } from "./providers.ts";

const canary = "sk-proj-canary-0123456789abcdefWXYZ";
const environmentKey = "sk-or-v1-environment-key-of-the-test-QRST";

let bed: PricesBed;
beforeAll(async () => {
  bed = await openPricesBed(inject("postgres"), [
    { name: "openrouter", baseUrl: "https://openrouter.ai/api/v1", keys: [environmentKey] },
  ]);
});
afterAll(() => bed.close());

const put = (provider: string, baseUrl: string, production = false) =>
  replaceProvider({ ...bed.deps, production }, testOperator, {
    provider,
    baseUrl,
    dialect: "openai",
    priority: 10,
    weight: 2,
    reason: "test",
  });

const addKey = (provider: string, apiKey: string) =>
  addProviderKey(bed.deps, testOperator, { provider, apiKey, reason: "test" });

const upstream = (name: string, instance: 0 | 1) => bed.instances[instance].upstreams.find(name);

const auditRows = (resourceId: string) =>
  bed.database.read(
    { purpose: "operator" },
    (tx) => tx`
    select action, actor_name, reason, before, after from audit_logs where resource_id = ${resourceId} order by id`,
  );

describe("an upstream", () => {
  it("is used by both instances when the call answers, exactly as it was written", async () => {
    const view = await put("acme", "https://llm.acme.example/openai/v1/");
    expect(view).toMatchObject({
      name: "acme",
      baseUrl: "https://llm.acme.example/openai/v1/",
      priority: 10,
      weight: 2,
      keys: [],
    });
    for (const instance of [0, 1] as const) {
      expect(upstream("acme", instance)).toMatchObject({
        baseUrl: "https://llm.acme.example/openai/v1",
        keys: [null],
      });
      expect(bed.instances[instance].upstreams.allowsOrigin("https://llm.acme.example")).toBe(true);
    }
    await put("acme", "https://other.acme.example/v1");
    for (const instance of [0, 1] as const) {
      expect(bed.instances[instance].upstreams.allowsOrigin("https://llm.acme.example")).toBe(false);
    }
    expect(await auditRows("acme")).toMatchObject([
      { action: "provider.create", actor_name: "operator@example.com", reason: "test" },
      { action: "provider.update", before: { baseUrl: "https://llm.acme.example/openai/v1/" } },
    ]);
  });

  it("that is refused leaves no row and no audit row", async () => {
    await expect(put("evil", "https://169.254.169.254/v1")).rejects.toMatchObject({
      code: "base_url_not_allowed",
      param: "base_url",
      details: { reason: "special_address" },
    });
    await expect(put("evil", "http://127.0.0.1:4010/v1", true)).rejects.toMatchObject({
      details: { reason: "loopback" },
    });
    await expect(put("Evil", "https://llm.example/v1")).rejects.toMatchObject({ param: "provider" });
    expect(upstream("evil", 0)).toBeNull();
    expect(await auditRows("evil")).toHaveLength(0);
  });
});

describe("a key of an upstream", () => {
  it("is sealed, opened in memory alone, and shown by its ends", async () => {
    await put("keyed", "https://keyed.example/v1");
    const view = await addKey("keyed", canary);
    expect(view.keys).toMatchObject([{ masked: "sk-proj-…WXYZ" }]);
    for (const instance of [0, 1] as const) expect(upstream("keyed", instance)?.keys).toEqual([canary]);
    const id = view.keys[0]!.id!;
    expect(await auditRows(id)).toMatchObject([
      {
        action: "provider_key.create",
        reason: "test",
        after: { provider: "keyed", masked: "sk-proj-…WXYZ" },
      },
    ]);
  });

  it("stands in no column of no table, in no encoding", async () => {
    await put("canary", "https://canary.example/v1");
    await addKey("canary", canary);
    const forms = [
      canary,
      Buffer.from(canary).toString("base64").slice(0, 40),
      Buffer.from(canary).toString("hex"),
    ];
    const found = await bed.database.read({ purpose: "operator" }, async (tx) => {
      const tables = await tx<{ name: string }[]>`
        select table_name as name from information_schema.table_privileges
        where grantee = current_user and privilege_type = 'SELECT' and table_schema = 'public'`;
      const hits: string[] = [];
      for (const { name } of tables) {
        for (const form of forms) {
          const [row] =
            await tx`select 1 from ${tx(name)} as t where position(${form} in t::text) > 0 limit 1`;
          if (row) hits.push(`${name} holds ${form}`);
        }
      }
      return { hits, tables: tables.length };
    });
    expect(found.tables).toBeGreaterThan(20);
    expect(found.hits).toEqual([]);
  });

  it("is gone from both instances when its removal answers; the removal may be repeated", async () => {
    await put("gone", "https://gone.example/v1");
    const id = (await addKey("gone", canary)).keys[0]!.id!;
    await removeProviderKey(bed.deps, testOperator, { provider: "gone", id, reason: "leaked" });
    for (const instance of [0, 1] as const) expect(upstream("gone", instance)?.keys).toEqual([null]);
    await removeProviderKey(bed.deps, testOperator, { provider: "gone", id, reason: "again" });
    expect(await auditRows(id)).toMatchObject([
      { action: "provider_key.create" },
      { action: "provider_key.disable", reason: "leaked", before: { masked: "sk-proj-…WXYZ" } },
    ]);
    const [row] = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`
      select status, sealed_secret from provider_credentials where id = ${id}`,
    );
    expect(row).toEqual({ status: "disabled", sealed_secret: null });
    const foreign = removeProviderKey(bed.deps, testOperator, { provider: "acme", id, reason: "foreign" });
    await expect(foreign).rejects.toMatchObject({ code: "not_found" });
  });

  it("takes the place of the environment's while there is one", async () => {
    const view = await addKey("openrouter", canary);
    expect(view).toMatchObject({ baseUrl: "https://openrouter.ai/api/v1", createdAt: null });
    expect(view.keys).toMatchObject([{ masked: "sk-proj-…WXYZ" }]);
    expect(upstream("openrouter", 1)?.keys).toEqual([canary]);
    const id = view.keys[0]!.id!;
    await removeProviderKey(bed.deps, testOperator, { provider: "openrouter", id, reason: "test" });
    expect(upstream("openrouter", 1)?.keys).toEqual([environmentKey]);
    expect(bed.instances[0].upstreams.configured()[0]!.masked).toEqual(["sk-or-v1-…QRST"]);
  });

  it("needs an upstream, and there are at most 20", async () => {
    await expect(addKey("nowhere", canary)).rejects.toMatchObject({ code: "not_found" });
    await put("many", "https://many.example/v1");
    for (let count = 0; count < 20; count++) await addKey("many", `${canary}${count}`);
    await expect(addKey("many", canary)).rejects.toMatchObject({
      code: "conflict",
      details: { reason: "too_many" },
    });
  });

  it("that was copied from another row does not open, and the keys beside it still serve", async () => {
    await put("mixed", "https://mixed.example/v1");
    await addKey("mixed", canary);
    const { keys } = await addKey("mixed", `${canary}2`);
    const [first, second] = keys.map(({ id }) => id!);
    await bed.database.write(
      { purpose: "operator" },
      (tx) => tx`
      update provider_credentials set sealed_secret =
        (select sealed_secret from provider_credentials where id = ${second!}) where id = ${first!}`,
    );
    await bed.instances[0].upstreams.reload();
    expect(upstream("mixed", 0)?.keys).toEqual([`${canary}2`]);
  });
});
