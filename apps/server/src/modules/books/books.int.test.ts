// Longer than other tests, because one database and one set of words serve every promise of the books.
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { insertCap, insertEndUser, insertTenant, type TestTenant } from "@modelfaucet/testkit/tenant.ts";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type Database, openDatabase } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";
import { formatUsd, parseUsd, type Usd } from "../../lib/money.ts";
import { type Books, createBooks, readEpoch } from "./books.ts";
import { deepChecks, minuteChecks, runChecks } from "./checks.ts";
import {
  type AccountSpec,
  credits,
  type KeyClaim,
  nobody,
  type OpenResult,
  type Settlement,
} from "./items.ts";
import { walletSpec } from "./rules.ts";

const usd = (text: string): Usd => parseUsd(text)!;
let test: TestDatabase;
let superuser: postgres.Sql;
let database: Database;
let books: Books;
let second: Books;
let tenant: TestTenant;

beforeAll(async () => {
  test = await createTestDatabase(inject("postgres"));
  superuser = postgres(test.superuserUrl, { max: 2, onnotice: () => {} });
  database = openDatabase({
    url: test.runtimeUrl,
    poolMax: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "books test",
  });
  books = await newBooks();
  second = await newBooks();
  tenant = await insertTenant(superuser);
});

afterAll(async () => {
  await Promise.all([books.stop(), second.stop()]);
  await database.close();
  await superuser.end();
  await test.drop();
});

afterEach(async () => {
  const results = await database.read({ purpose: "operator" }, (tx) =>
    runChecks(tx, [...minuteChecks, ...deepChecks]),
  );
  expect(results.filter((check) => !check.ok)).toEqual([]);
});

describe("open", () => {
  it("admits exactly those that the wallet pays for, over two processes", async () => {
    for (let round = 0; round < 5; round++) {
      const user = await funded("0.01250000");
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          open(i % 2 ? books : second, user, { min: "0.00125", max: "0.00125" }),
        ),
      );
      const held = results.filter(({ result }) => result.outcome === "held");
      expect(held.length).toBe(10);
      const reasons = new Set(
        results.flatMap(({ result }) => (result.outcome === "refused" ? [result.by.reason] : [])),
      );
      expect([...reasons]).toEqual(["held"]);
      await Promise.all(
        held.map(({ id }, i) => close(i % 2 ? second : books, id, { charge: "0.00125", cost: "0.001" })),
      );
      expect(await balance(user)).toEqual({ balance: "0.00000000", held: "0.00000000" });
      const late = await open(books, user, { min: "0.00125", max: "0.00125" });
      expect(late.result).toMatchObject({ outcome: "refused", by: { reason: "balance", kind: "wallet" } });
    }
  });

  it("grants what the purse affords, between the least and the most that was asked", async () => {
    const user = await funded("0.00100000");
    const { result, id } = await open(books, user, { min: "0.0001", max: "0.005" });
    expect(result).toMatchObject({ outcome: "held", holdUsd: usd("0.001"), cutBy: "wallet" });
    await close(books, id, { charge: "0.0002", cost: "0.0001" });
    expect(await balance(user)).toEqual({ balance: "0.00080000", held: "0.00000000" });
  });

  it("tells of the session's cap first, and takes nothing when one account refuses", async () => {
    const user = await funded("0.00100000");
    const session = uuidV7();
    await insertCap(superuser, tenant, {
      kind: "session",
      ownerId: session,
      scopeId: user,
      limitUsd: "0.0011",
    });
    const cap: AccountSpec = {
      kind: "session",
      ownerId: session,
      scopeId: user,
      setBy: "app",
      window: "total",
      zone: "UTC",
      limitUsd: null,
    };
    const { result } = await open(books, user, { min: "0.00125", max: "0.00125", also: [cap], session });
    expect(result).toMatchObject({
      outcome: "refused",
      by: { kind: "session", balanceUsd: usd("0.0011"), requiredUsd: usd("0.00125") },
    });
    expect(await balance(user)).toEqual({ balance: "0.00100000", held: "0.00000000" });
    const fits = await open(books, user, { min: "0.0005", max: "0.0005", also: [cap], session });
    await close(books, fits.id, { charge: "0.0004", cost: "0.0004" });
    const [row] =
      await superuser`select balance_usd, held_usd from accounts where kind = 'session' and owner_id = ${session}`;
    expect(row).toMatchObject({ balance_usd: "0.00070000", held_usd: "0.00000000" });
  });

  it("spends promotional credit first, then test money, and pays the developer from collected money alone", async () => {
    const user = await funded("0.00050000");
    await books.move(moveOf(user, "credit", "0.0003", "paid"));
    const { id } = await open(books, user, { min: "0.0006", max: "0.0006" });
    await close(books, id, { charge: "0.0006", cost: "0.0001" });
    const lines =
      await superuser`select reason, fund, amount_usd from transfers where source_id = ${id} order by line`;
    expect(lines.map((line) => [line.reason, line.fund, line.amount_usd])).toEqual([
      ["usage_developer_share", "paid", "0.00010000"],
      ["usage_developer_share", "test", "0.00010000"],
      ["usage_provider_cost", "test", "0.00010000"],
      ["usage_platform_share", "test", "0.00030000"],
    ]);
  });

  it("refuses the whole wallet while there is any debt", async () => {
    const user = await funded("0.00100000");
    await superuser`update accounts set debt_usd = 0.0001 where owner_id = ${user} and fund = 'paid'`;
    const { result } = await open(books, user, { min: "0.0001", max: "0.0001" });
    expect(result).toMatchObject({ outcome: "refused", by: { kind: "wallet", reason: "debt" } });
    await superuser`update accounts set debt_usd = 0 where owner_id = ${user} and fund = 'paid'`;
  });

  it("does not spend test money where it may not be spent", async () => {
    const user = await funded("0.00100000");
    const { result } = await open(books, user, { min: "0.0001", max: "0.0001", spendsTest: false });
    expect(result).toMatchObject({ outcome: "refused", by: { reason: "balance" } });
  });
});

describe("close", () => {
  it("settles once, however often and from wherever it is asked", async () => {
    const user = await funded("1.00000000");
    const { id } = await open(books, user, { min: "0.001", max: "0.001" });
    const closed = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        close(i % 2 ? books : second, id, { charge: "0.00025", cost: "0.0002" }),
      ),
    );
    expect(closed.filter((result) => result.outcome === "settled" && !result.repeated).length).toBe(1);
    expect(
      closed.every(
        (result) => result.outcome === "settled" && formatUsd(result.figures.chargeUsd) === "0.00025000",
      ),
    ).toBe(true);
    expect(await balance(user)).toEqual({ balance: "0.99975000", held: "0.00000000" });
  });

  it("never charges above the hold: the rest is absorbed, and no share is paid on it", async () => {
    const user = await funded("1.00000000");
    const { id } = await open(books, user, { min: "0.0001", max: "0.0001" });
    const closed = await close(books, id, { charge: "0.00025", cost: "0.0002", failed: ["0.00001"] });
    expect(closed).toMatchObject({
      outcome: "settled",
      figures: {
        chargeUsd: usd("0.0001"),
        upstreamCostUsd: usd("0.0001"),
        developerShareUsd: 0n,
        platformShareUsd: 0n,
        absorbedCostUsd: usd("0.00011"),
      },
    });
    const lines =
      await superuser`select reason, amount_usd from transfers where source_id = ${id} order by line`;
    expect(lines.map((line) => [line.reason, line.amount_usd])).toEqual([
      ["usage_provider_cost", "0.00010000"],
      ["usage_absorbed_cost", "0.00010000"],
      ["usage_absorbed_cost", "0.00001000"],
    ]);
  });

  it("lets one of recovery and a late settle win, and books what upstream took when recovery did", async () => {
    const user = await funded("1.00000000");
    for (let round = 0; round < 50; round++) {
      const { id } = await open(books, user, { min: "0.001", max: "0.001" });
      await superuser`update holds set lease_until = mf_now() - interval '1 minute' where id = ${id}`;
      const before = await balance(user);
      const [flagged, late] = await Promise.all([
        second.close({
          appId: tenant.appId,
          requestId: id,
          settlement: settlementOf({ charge: "0", cost: "0", outcome: "flagged" }),
          key: null,
          onlyIfAbandoned: true,
        }),
        close(books, id, { charge: "0.00025", cost: "0.0002" }),
      ]);
      const recovered = flagged.outcome === "settled" && !flagged.repeated;
      expect(late.outcome).toBe(recovered ? "flagged" : "settled");
      const after = await balance(user);
      expect(after.balance).toBe(
        recovered ? before.balance : formatUsd(usd(before.balance) - usd("0.00025")),
      );
      const corrections =
        await superuser`select amount_usd from transfers where kind = 'cost_correction' and source_id = ${id}`;
      expect(corrections.map((row) => row.amount_usd)).toEqual(recovered ? ["0.00020000"] : []);
      await close(books, id, { charge: "0.00025", cost: "0.0002" });
    }
  });

  it("leaves a hold alone whose lease was renewed", async () => {
    const user = await funded("1.00000000");
    const { id } = await open(books, user, { min: "0.001", max: "0.001" });
    await books.renew([{ appId: tenant.appId, id, progress: { sent: true } }]);
    const swept = await second.close({
      appId: tenant.appId,
      requestId: id,
      settlement: settlementOf({ charge: "0", cost: "0", outcome: "flagged" }),
      key: null,
      onlyIfAbandoned: true,
    });
    expect(swept.outcome).toBe("alive");
    await close(books, id, { charge: "0.00025", cost: "0.0002" });
    expect(await books.renew([{ appId: tenant.appId, id, progress: {} }])).toEqual(new Set());
  });
});

describe("an Idempotency-Key", () => {
  const claim = (key: string, fingerprint = "a"): KeyClaim => ({
    caller: "end_user:x",
    route: "POST /v1/chat/completions",
    key,
    fingerprint,
  });

  it("is claimed by one of many, over two processes", async () => {
    const user = await funded("1.00000000");
    const key = claim("parallel");
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        open(i % 2 ? books : second, user, { min: "0.001", max: "0.001", claim: key }),
      ),
    );
    const held = results.filter(({ result }) => result.outcome === "held");
    expect(held.length).toBe(1);
    expect(
      results.filter(({ result }) => result.outcome === "key" && result.state === "running").length,
    ).toBe(39);
    await books.close({
      appId: tenant.appId,
      requestId: held[0]!.id,
      settlement: settlementOf({ charge: "0.0001", cost: "0.0001" }),
      key: { claim: key, finish: "done" },
    });
    const again = await open(second, user, { min: "0.001", max: "0.001", claim: key });
    expect(again.result).toEqual({ outcome: "key", state: "done", requestId: held[0]!.id });
    const other = await open(second, user, { min: "0.001", max: "0.001", claim: claim("parallel", "b") });
    expect(other.result).toMatchObject({ outcome: "key", state: "mismatch" });
  });

  it("keeps a final refusal, and is free again after one that was not final or a failure", async () => {
    const user = await funded("0.00010000");
    const first = await open(books, user, { min: "0.001", max: "0.001", claim: claim("kept") });
    expect(first.result.outcome).toBe("refused");
    await books.move(moveOf(user, "credit", "1", "paid"));
    const repeated = await open(books, user, { min: "0.001", max: "0.001", claim: claim("kept") });
    expect(repeated.result).toMatchObject({
      outcome: "key_refused",
      by: { kind: "wallet", reason: "balance", balanceUsd: usd("0.0001") },
    });
    const failing = await open(books, user, { min: "0.001", max: "0.001", claim: claim("freed") });
    await books.close({
      appId: tenant.appId,
      requestId: failing.id,
      settlement: settlementOf({ charge: "0", cost: "0", outcome: "failed" }),
      key: { claim: claim("freed"), finish: "free" },
    });
    const retried = await open(books, user, { min: "0.001", max: "0.001", claim: claim("freed") });
    expect(retried.result.outcome).toBe("held");
    await close(books, retried.id, { charge: "0.0001", cost: "0.0001" });
  });
});

describe("move", () => {
  it("takes money once per source, and a debit never more than is free", async () => {
    const user = await funded("0.00100000");
    const { id } = await open(books, user, { min: "0.0008", max: "0.0008" });
    const refused = await books.move(moveOf(user, "debit", "0.0003", "paid"));
    expect(refused).toMatchObject({ outcome: "refused", availableUsd: usd("0.0002") });
    const item = moveOf(user, "debit", "0.0002", "paid");
    const moved = await Promise.all([books.move(item), second.move(item), books.move(item)]);
    expect(moved.filter((result) => result.outcome === "moved" && !result.repeated).length).toBe(1);
    await close(books, id, { charge: "0.0008", cost: "0.0008" });
    expect(await balance(user)).toEqual({ balance: "0.00000000", held: "0.00000000" });
  });
});

describe("the committer", () => {
  it("loses nothing and does nothing twice when its connection is cut again and again", async () => {
    const user = await funded("1.00000000");
    let done = 0;
    const all = 20 * 100;
    // Cut after every hundred requests, not by the clock: a slow machine gets to reconnect in between too.
    const cutter = (async () => {
      for (let next = 50; next < all - 100; next += 100) {
        while (done < next) await new Promise((resolve) => setTimeout(resolve, 2));
        await superuser`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'books test'`;
      }
    })();
    let charged = 0n;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 100; i++) {
          const { result, id } = await open(books, user, { min: "0.001", max: "0.001" });
          expect(result.outcome).toBe("held");
          const closed = await close(books, id, { charge: "0.00025", cost: "0.0002" });
          expect(closed.outcome).toBe("settled");
          charged += usd("0.00025");
          done++;
        }
      }),
    );
    await cutter;
    expect(await balance(user)).toEqual({ balance: formatUsd(usd("1") - charged), held: "0.00000000" });
  });
});

// Last, because it moves the database's clock ahead and leaves it there.
describe("a window", () => {
  it("makes a window's account once, with its limit, and a new one after local midnight", async () => {
    const user = await funded("1.00000000");
    const day: AccountSpec = {
      kind: "end_user",
      ownerId: user,
      scopeId: nobody,
      setBy: "user",
      window: "day",
      zone: "Asia/Tokyo",
      limitUsd: usd("0.0025"),
    };
    // 14:59:50 UTC is 23:59:50 in Tokyo.
    const now = new Date();
    const nearMidnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1, 14, 59, 50);
    await test.setClockOffset(nearMidnight - Date.now());
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        open(i % 2 ? books : second, user, { min: "0.00125", max: "0.00125", also: [day] }),
      ),
    );
    const held = results.filter(({ result }) => result.outcome === "held");
    expect(held.length).toBe(2);
    const refused = results.find(({ result }) => result.outcome === "refused")!.result;
    expect(refused).toMatchObject({
      by: {
        kind: "end_user",
        window: "day",
        zone: "Asia/Tokyo",
        resetAt: new Date(nearMidnight + 10_000).toISOString(),
      },
    });
    await test.setClockOffset(nearMidnight + 11_000 - Date.now());
    const tomorrow = await open(books, user, { min: "0.00125", max: "0.00125", also: [day] });
    expect(tomorrow.result.outcome).toBe("held");
    await Promise.all(
      [...held, tomorrow].map(({ id }) => close(books, id, { charge: "0.001", cost: "0.001" })),
    );
    const windows =
      await superuser`select balance_usd, held_usd from accounts where owner_id = ${user} and kind = 'end_user' order by window_start`;
    expect(windows).toMatchObject([
      { balance_usd: "0.00050000", held_usd: "0.00000000" },
      { balance_usd: "0.00150000", held_usd: "0.00000000" },
    ]);
  });
});

async function newBooks(): Promise<Books> {
  return createBooks({
    database,
    maxBatch: 64,
    maxQueued: 5_000,
    statementTimeoutMs: 10_000,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 30 },
    onBatch: () => {},
    onError: () => {},
  });
}

async function funded(amount: string): Promise<string> {
  const user = await insertEndUser(superuser, tenant);
  const moved = await books.move(moveOf(user, "credit", amount, "test"));
  expect(moved.outcome).toBe("moved");
  return user;
}

function moveOf(user: string, direction: "credit" | "debit", amount: string, fund: "paid" | "test") {
  return {
    kind: "seed",
    appId: tenant.appId,
    developerId: tenant.developerId,
    endUserId: user,
    sourceId: uuidV7(),
    direction,
    amountUsd: usd(amount),
    fund,
    counterparty: { scope: "external", id: "00000000-0000-0000-0000-000000000011" },
    reason: "seed_opening_balance",
    adjustment: null,
    audit: null,
  } as const;
}

type OpenOptions = {
  min: string;
  max: string;
  also?: AccountSpec[];
  session?: string;
  claim?: KeyClaim;
  spendsTest?: boolean;
};

async function open(
  on: Books,
  user: string,
  options: OpenOptions,
): Promise<{ id: string; result: OpenResult }> {
  const id = uuidV7();
  const result = await on.open(
    {
      facts: {
        requestId: id,
        appId: tenant.appId,
        developerId: tenant.developerId,
        endUserId: user,
        sessionId: options.session ?? user,
        featureId: tenant.featureId,
        featureKey: tenant.featureKey,
        featureVersion: 1,
        priceVersion: tenant.priceVersion,
        routeMode: "platform",
        provider: "stub",
        model: "stub-text",
        endpoint: "chat/completions",
        clientRequestId: null,
      },
      minUsd: usd(options.min),
      maxUsd: usd(options.max),
      accounts: [...(options.also ?? []), walletSpec(user)],
      spendsTest: options.spendsTest ?? true,
      claim: options.claim ?? null,
      isFinal: true,
    },
    10_000,
  );
  return { id, result };
}

function close(on: Books, requestId: string, charge: { charge: string; cost: string; failed?: string[] }) {
  return on.close({ appId: tenant.appId, requestId, settlement: settlementOf(charge), key: null });
}

function settlementOf(charge: {
  charge: string;
  cost: string;
  failed?: string[];
  outcome?: Settlement["outcome"];
}): Settlement {
  return {
    outcome: charge.outcome ?? "succeeded",
    errorCode: null,
    provider: "stub",
    model: "stub-text",
    servedModel: "stub-text",
    payer: credits,
    tokens: { input: 100, cachedInput: 0, cacheWrite: 0, output: 50, reasoning: 0 },
    requests: 1,
    usageSource: "provider",
    simulated: false,
    lines: [],
    pricing: { mode: "usage_markup", markup_percent: "25.00", developer_share_bps: 4000 },
    costUsd: usd(charge.cost),
    chargeUsd: usd(charge.charge),
    feeUsd: 0n as Usd,
    developerShareBps: 4000,
    failedCostsUsd: (charge.failed ?? []).map(usd),
    attempts: [],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: 1,
    durationMs: 2,
  };
}

async function balance(user: string): Promise<{ balance: string; held: string }> {
  const [row] = await superuser<{ balance: string; held: string }[]>`
    select sum(balance_usd)::numeric(20,8)::text as balance, sum(held_usd)::numeric(20,8)::text as held
    from accounts where kind = 'wallet' and owner_id = ${user}`;
  return row!;
}
