import { openDatabase } from "@modelfaucet/server/lib/db.ts";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { parseUsd, type Usd, zeroUsd } from "@modelfaucet/server/lib/money.ts";
import { createBooks, readEpoch, walletSpec } from "@modelfaucet/server/modules/books/books.ts";
import { credits, type RequestFacts, type Settlement } from "@modelfaucet/server/modules/books/items.ts";
import type { Ground } from "./ground.ts";
import type { Slice } from "./load.ts";
import type { Rig } from "./rig.ts";

/** The books alone, through their own door, one request at a time: what a settled request costs at the very least. */
export type Probe = {
  /** Opens and closes `pairs` holds one after the other; each latency is one open and its close. */
  run(pairs: number): Promise<Slice>;
  stop(): Promise<void>;
};

export async function createProbe(rig: Rig, ground: Ground): Promise<Probe> {
  const database = openDatabase({
    url: rig.databaseUrl,
    poolMax: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "modelfaucet bench",
  });
  const books = createBooks({
    database,
    maxBatch: 256,
    maxQueued: 1_000,
    statementTimeoutMs: 10_000,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 60 },
    onBatch: () => {},
    onError: (error) => console.error(error),
  });
  const facts = await factsOf(rig, ground);
  const settlement = settlementOf(ground);
  const accounts = [walletSpec(facts.endUserId)];
  const pair = async (): Promise<void> => {
    const requestId = uuidV7();
    const [minUsd, maxUsd] = [parseUsd("0.0001")!, parseUsd("0.001")!];
    const opened = await books.open(
      {
        facts: { ...facts, requestId },
        minUsd,
        maxUsd,
        accounts,
        spendsTest: true,
        claim: null,
        isFinal: true,
      },
      10_000,
    );
    const closed = await books.close({ appId: facts.appId, requestId, settlement, key: null });
    if (opened.outcome !== "held" || closed.outcome !== "settled")
      throw new Error("the books refused the probe");
  };
  return {
    run: async (pairs) => {
      const latenciesMs: number[] = [];
      const startedAt = performance.now();
      for (let index = 0; index < pairs; index++) {
        const began = performance.now();
        await pair();
        latenciesMs.push(performance.now() - began);
      }
      return { requests: pairs, seconds: (performance.now() - startedAt) / 1000, latenciesMs, errors: 0 };
    },
    stop: async () => {
      await books.stop();
      await database.close();
    },
  };
}

async function factsOf(rig: Rig, ground: Ground): Promise<RequestFacts> {
  const [row] = await rig.sql`
    select f.app_id, f.developer_id, f.id as feature_id, f.feature_key,
      (select max(version) from feature_versions v where v.feature_id = f.id) as feature_version,
      (select max(version) from price_versions) as price_version
    from app_features f join apps a on a.id = f.app_id where a.public_app_id = ${ground.main.publicAppId}`;
  return {
    requestId: "",
    appId: row!.app_id,
    developerId: row!.developer_id,
    endUserId: ground.main.userIds.at(-1)!,
    sessionId: uuidV7(),
    featureId: row!.feature_id,
    featureKey: row!.feature_key,
    featureVersion: row!.feature_version,
    priceVersion: row!.price_version,
    routeMode: "platform",
    provider: "stub",
    model: ground.model,
    endpoint: "chat/completions",
    clientRequestId: null,
  };
}

/** As the gateway settles one call of the load: three lines of transfers, one attempt. */
function settlementOf(ground: Ground): Settlement {
  const line = (unit: string, quantity: number, price: string, amount: string) => ({
    unit,
    quantity,
    price_per_million_usd: price,
    amount_usd: amount,
  });
  const attempt = { number: 1, provider: "stub", model: ground.model, outcome: "ok", status_class: "2xx" };
  return {
    outcome: "succeeded",
    errorCode: null,
    provider: "stub",
    model: ground.model,
    servedModel: ground.model,
    payer: credits,
    tokens: { input: 100, cachedInput: 0, cacheWrite: 0, output: 50, reasoning: 0 },
    requests: 1,
    usageSource: "provider",
    simulated: false,
    lines: [line("input", 100, "1.00000000", "0.00010000"), line("output", 50, "2.00000000", "0.00010000")],
    pricing: { mode: "usage_markup", markup_percent: "25.00", developer_share_bps: 4000 },
    costUsd: parseUsd("0.0002") as Usd,
    chargeUsd: ground.chargeUsd,
    feeUsd: zeroUsd,
    developerShareBps: 4000,
    failedCostsUsd: [],
    attempts: [{ ...attempt, first_byte_ms: 1, duration_ms: 1 }],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: 1,
    durationMs: 2,
  };
}
