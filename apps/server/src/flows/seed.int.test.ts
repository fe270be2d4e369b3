import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { runSeed } from "../commands/seed.ts";
import type { Tx } from "../lib/db.ts";
import { systemOwners } from "../modules/books/books.ts";
import { readSettings } from "../modules/tenancy/tenancy.ts";
import { updateApp } from "./apps.ts";
import { openSession } from "./open-session.ts";
import { bootstrapCaller, openTestbed, type Testbed, testActor } from "./open-session-testbed.ts";
import { ensureShippedPrices } from "./prices-shipped.ts";
import { type SeedDeps, seed } from "./seed.ts";
import { settleProbe } from "./seed-probe.ts";
import { updateSettings } from "./settings.ts";

let bed: Testbed;
beforeAll(async () => {
  bed = await openTestbed(inject("postgres"));
});
afterAll(() => bed.close());

describe("the seed", () => {
  it("makes each row once, also when two run at once", async () => {
    const [first, second] = await Promise.all([
      seed(seedDeps(), { demo: true }),
      seed(seedDeps(), { demo: true }),
    ]);
    const made = [...first, ...second].filter((row) => row.created).map((row) => row.what);
    expect(new Set(made).size).toBe(made.length);
    expect(made).toContain("app app_pub_demo");
    expect(made).toContain("session of isolation-user");
    expect(first.map((row) => row.what)).toEqual(second.map((row) => row.what));
    const again = await seed(seedDeps(), { demo: true });
    expect(again.filter((row) => row.created)).toEqual([]);
  });

  it("credits each opening balance by one transfer of the fund test", async () => {
    const rows = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`select t.source_id, t.amount_usd, t.fund, t.reason, a.balance_usd from transfers t
        join accounts a on a.app_id = t.app_id and a.owner_id = t.to_id and a.fund = t.fund
        where t.kind = 'seed' order by t.source_id`,
    );
    const credit = { fund: "test", reason: "seed_opening_balance" };
    expect([...rows]).toEqual([
      { source_id: "crm-demo", amount_usd: "10.00000000", balance_usd: "10.00000000", ...credit },
      { source_id: "isolation", amount_usd: "1.00000000", balance_usd: "1.00000000", ...credit },
    ]);
  });

  it("makes a demo app that a page on its port can use", async () => {
    const session = await openSession(bed.deps, null, {
      publicAppId: "app_pub_demo",
      externalUserId: "crm-demo-user",
      requestOrigin: "http://127.0.0.1:5174",
      address: "192.0.2.1",
    });
    expect(session.walletBalanceUsd).toBe(1_000_000_000n);
    expect(session.modes.items[0]).toMatchObject({ mode: "platform", available: true });
    expect(session.features).toMatchObject([
      {
        featureKey: "customer_reply",
        displayName: "客户回复生成",
        models: ["simulated/sim-small", "simulated/sim-large"],
        routePreference: ["local", "byok", "developer_key", "platform"],
      },
    ]);
  });

  it("follows a port that moved until somebody edits, and undoes no edit", async () => {
    const moved = seedDeps({ crmDemo: 6174, simulatedProvider: 6010 });
    await seed(moved, { demo: true });
    expect(await facts()).toEqual({
      origins: ["http://127.0.0.1:6174", "http://localhost:6174"],
      provider: "http://127.0.0.1:6010/v1",
    });
    await updateApp(bed.deps, bootstrapCaller, testActor, {
      publicAppId: "app_pub_demo",
      change: { allowedOrigins: ["https://kept.example.com"], name: "Edited" },
    });
    await seed(seedDeps(), { demo: true });
    expect((await facts()).origins).toEqual(["https://kept.example.com"]);
  });

  it("brings a demo feature that nobody has edited to the newest step, and leaves an edited one", async () => {
    const asOperator = (work: (tx: Tx) => Promise<unknown>) =>
      bed.database.write({ purpose: "operator" }, async (tx) => void (await work(tx)));
    const demo = async () => {
      const [row] = await bed.database.read(
        { purpose: "operator" },
        (tx) => tx`select version, policy -> 'route_preference' as payers, pricing ->> 'byok_fee_usd' as fee
          from app_features where feature_key = 'customer_reply'`,
      );
      return row;
    };
    const newest = { payers: ["local", "byok", "developer_key", "platform"], fee: "0.0005" };
    expect(await demo()).toEqual({ version: 1, ...newest });
    const setVersion = async (version: number, manifest: object, changedBy: string) => {
      await asOperator(
        (tx) => tx`update app_features set version = ${version}, policy = ${tx.json(manifest as never)},
        pricing = '{"mode": "usage_markup", "markup_percent": 30, "developer_share_bps": 4000}'
        where feature_key = 'customer_reply'`,
      );
      await asOperator(
        (tx) => tx`insert into feature_versions
          (app_id, feature_id, version, developer_id, display_name, policy, pricing, changed_by)
        select app_id, id, version, developer_id, display_name, policy, pricing, ${changedBy}
        from app_features where feature_key = 'customer_reply'`,
      );
    };
    const stepOne = { route_preference: ["platform"], model_policy: "in_order", privacy: "standard" };
    // As a database of the release before has it.
    await setVersion(2, stepOne, "seed");
    const grown = await seed(seedDeps(), { demo: true });
    expect(grown.filter(({ created }) => created).map(({ what }) => what)).toEqual([
      "feature customer_reply after step 1",
    ]);
    expect(await demo()).toEqual({ version: 3, ...newest });
    await setVersion(4, stepOne, "developer");
    const kept = await seed(seedDeps(), { demo: true });
    expect(kept.filter(({ created }) => created)).toEqual([]);
    expect(await demo()).toMatchObject({ version: 4, payers: ["platform"] });
  });

  it("leaves nothing of the isolation tenant usable", async () => {
    const rows = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`select s.revoked_at is not null and t.revoked_at is not null as dead from apps a
        join virtual_sessions s on s.app_id = a.id join developer_api_tokens t on t.developer_id = a.developer_id
        where a.public_app_id = 'app_pub_isolation'`,
    );
    expect([...rows]).toEqual([{ dead: true }]);
  });

  it("lets auto-text follow the environment until an operator has said what it is", async () => {
    const withKey = { ...seedDeps(), autoText: [{ provider: "openai", model: "gpt-5-mini" }] };
    await seed(withKey, { demo: false });
    expect((await bed.database.read({}, readSettings)).autoText).toEqual(withKey.autoText);
    await updateSettings(
      bed.deps,
      testActor,
      { autoText: [{ provider: "groq", model: "own-choice" }] },
      "ours",
    );
    await seed(seedDeps(), { demo: false });
    expect((await bed.database.read({}, readSettings)).autoText).toEqual([
      { provider: "groq", model: "own-choice" },
    ]);
  });

  it("is a command that can be run again", async () => {
    expect(await runSeed(seedDeps(), ["--wrong"])).toBe(2);
    expect(await runSeed(seedDeps(), ["--demo", "--no-demo"])).toBe(2);
    expect(await runSeed(seedDeps(), ["--json"])).toBe(0);
  });
});

function seedDeps(ports = { crmDemo: 5174, simulatedProvider: 4010 }): SeedDeps {
  return {
    database: bed.database,
    directDatabase: bed.database,
    secretBox: bed.secretBox,
    production: false,
    sessionTtlSeconds: 3600,
    ports,
    autoText: [
      { provider: "simulated", model: "sim-small" },
      { provider: "simulated", model: "sim-large" },
    ],
    seedPrices: () => ensureShippedPrices({ database: bed.database, feed: bed.feed, production: false }),
    settleProbeRequest: (probe) => settleProbe(bed, probe),
    creditOpeningBalance: async ({ walletId, ...credit }) => {
      const moved = await bed.books.move({
        ...credit,
        kind: "seed",
        endUserId: walletId,
        direction: "credit",
        fund: "test",
        counterparty: { scope: "external", id: systemOwners.externalOpening },
        reason: "seed_opening_balance",
        adjustment: null,
        audit: null,
      });
      return { created: moved.outcome === "moved" && !moved.repeated };
    },
  };
}

async function facts() {
  const [row] = await bed.database.read(
    { purpose: "operator" },
    (tx) => tx`select a.allowed_origins as origins, p.base_url as provider from apps a, providers p
      where a.public_app_id = 'app_pub_demo' and p.name = 'simulated'`,
  );
  return { ...row };
}
