import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { type Usd, zeroUsd } from "@modelfaucet/server/lib/money.ts";
import {
  type CloseItem,
  credits,
  type MoveItem,
  type OpenItem,
  type RequestFacts,
  type Settlement,
} from "@modelfaucet/server/modules/books/items.ts";
import { walletSpec } from "@modelfaucet/server/modules/books/rules.ts";
import type { TestTenant } from "@modelfaucet/testkit/tenant.ts";

/** Opens a hold on a user's wallet alone. */
export function openOf(tenant: TestTenant, user: string, requestId: string, least: Usd, most: Usd): OpenItem {
  const facts: RequestFacts = {
    requestId,
    appId: tenant.appId,
    developerId: tenant.developerId,
    endUserId: user,
    sessionId: uuidV7(),
    featureId: tenant.featureId,
    featureKey: tenant.featureKey,
    featureVersion: 1,
    priceVersion: tenant.priceVersion,
    routeMode: "platform",
    provider: "stub",
    model: "stub-text",
    endpoint: "chat/completions",
    clientRequestId: null,
  };
  return {
    facts,
    minUsd: least,
    maxUsd: most,
    accounts: [walletSpec(user)],
    spendsTest: false,
    claim: null,
    isFinal: true,
  };
}

export function closeOf(
  tenant: TestTenant,
  requestId: string,
  settlement: Settlement,
  onlyIfAbandoned = false,
): CloseItem {
  return { appId: tenant.appId, requestId, settlement, key: null, onlyIfAbandoned };
}

/** Four fifths of the charge is what upstream took. */
export function settlementOf(outcome: Settlement["outcome"], chargeUsd: Usd): Settlement {
  return {
    outcome,
    errorCode: outcome === "succeeded" ? null : "provider_error",
    provider: "stub",
    model: "stub-text",
    servedModel: "stub-text",
    payer: credits,
    tokens: { input: 100, cachedInput: 0, cacheWrite: 0, output: 50, reasoning: 0 },
    requests: chargeUsd > 0n ? 1 : 0,
    usageSource: "provider",
    simulated: false,
    lines: [],
    pricing: { mode: "usage_markup", markup_percent: "25.00", developer_share_bps: 4000 },
    costUsd: ((chargeUsd * 4n) / 5n) as Usd,
    chargeUsd,
    feeUsd: zeroUsd,
    developerShareBps: 4000,
    failedCostsUsd: [],
    attempts: [],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: 1,
    durationMs: 2,
  };
}

export function moveOf(
  tenant: TestTenant,
  user: string,
  direction: "credit" | "debit",
  amountUsd: Usd,
): MoveItem {
  return {
    kind: "seed",
    appId: tenant.appId,
    developerId: tenant.developerId,
    endUserId: user,
    sourceId: uuidV7(),
    direction,
    amountUsd,
    fund: "paid",
    counterparty: { scope: "external", id: "00000000-0000-0000-0000-000000000011" },
    reason: "seed_opening_balance",
    adjustment: null,
    audit: null,
  };
}
