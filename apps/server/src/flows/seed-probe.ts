import type { Database } from "../lib/db.ts";
import { uuidV7 } from "../lib/ids.ts";
import { parseUsd, type Usd, zeroUsd } from "../lib/money.ts";
import { type Books, credits, walletSpec } from "../modules/books/books.ts";
import type { RequestFacts, Settlement } from "../modules/books/items.ts";

export type Probe = {
  appId: string;
  developerId: string;
  endUserId: string;
  sessionId: string;
  featureKey: string;
};

const usd = (text: string): Usd => parseUsd(text)!;

/**
 * Opens and settles one request of the isolation tenant, so that it owns a usage event and a receipt; at no charge, so
 * that its balance stays the round one that it is seeded with. Once: a tenant that has a settled request keeps it.
 */
export async function settleProbe(
  deps: { database: Database; books: Books },
  probe: Probe,
): Promise<{ created: boolean }> {
  const found = await deps.database.read({ purpose: "operator" }, async (tx) => {
    const [feature] = await tx<{ id: string; version: number; price: number; settled: boolean }[]>`
      select f.id, f.version, (select max(version) from price_publications) as price,
        exists (select 1 from usage_events u where u.app_id = f.app_id) as settled
      from app_features f where f.app_id = ${probe.appId} and f.feature_key = ${probe.featureKey} and f.status <> 'archived'`;
    return feature;
  });
  if (!found || found.settled) return { created: false };
  const facts: RequestFacts = {
    ...probe,
    requestId: uuidV7(),
    featureId: found.id,
    featureVersion: found.version,
    priceVersion: found.price,
    routeMode: "platform",
    provider: "simulated",
    model: "sim-small",
    endpoint: "chat/completions",
    clientRequestId: null,
  };
  const maxUsd = usd("0.0001");
  const opened = await deps.books.open(
    {
      facts,
      minUsd: maxUsd,
      maxUsd,
      accounts: [walletSpec(probe.endUserId)],
      spendsTest: true,
      claim: null,
      isFinal: true,
    },
    10_000,
  );
  if (opened.outcome !== "held") return { created: false };
  await deps.books.close({
    appId: probe.appId,
    requestId: facts.requestId,
    settlement: freeSettlement,
    key: null,
  });
  return { created: true };
}

const freeSettlement: Settlement = {
  outcome: "succeeded",
  errorCode: null,
  provider: "simulated",
  model: "sim-small",
  servedModel: "sim-small",
  payer: credits,
  tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 },
  requests: 1,
  usageSource: "provider",
  simulated: true,
  lines: [],
  pricing: { mode: "usage_markup", markup_percent: "30.00", developer_share_bps: 4000 },
  costUsd: zeroUsd,
  chargeUsd: zeroUsd,
  feeUsd: zeroUsd,
  developerShareBps: 4000,
  failedCostsUsd: [],
  attempts: [],
  stopped: null,
  outputLimit: null,
  warnings: [],
  firstByteMs: null,
  durationMs: 0,
};
