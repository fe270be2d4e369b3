import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readAppUsage } from "@modelfaucet/contract/routes/apps.ts";
import type { readRequest } from "@modelfaucet/contract/routes/developer.ts";
import type { listUserUsage, readUserReceipt } from "@modelfaucet/contract/routes/user.ts";
import { receiptIdOf, requestIdOf } from "../../lib/ids.ts";
import { formatUsd, subtractUsd, type Usd, usdFromStore, zeroUsd } from "../../lib/money.ts";

export type UsageItem = AnswerOf<typeof listUserUsage>["items"][number];
export type Receipt = AnswerOf<typeof readUserReceipt>;
/** Without what the books say of it, which the caller of this module adds. */
export type RequestDetail = Omit<AnswerOf<typeof readRequest>, "transactions">;
export type AppUsageItem = AnswerOf<typeof readAppUsage>["usage"][number];

/** A closed request as the settlement log has it; money as the database writes it. */
export type UsageRow = {
  app_id: string;
  public_app_id: string;
  id: string;
  end_user_id: string;
  feature_key: string;
  feature_version: number;
  price_version: number;
  route_mode: "platform" | "developer_key" | "byok" | "local";
  provider: string;
  served_model: string;
  endpoint: string;
  client_request_id: string | null;
  input_tokens: number;
  cached_input_tokens: number;
  cache_write_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  usage_source: "provider" | "estimated" | "reconciled";
  simulated: boolean;
  lines: Receipt["lines"];
  pricing: { mode: string; markup_percent?: string; developer_share_bps: number };
  hold_usd: string;
  upstream_cost_usd: string;
  absorbed_cost_usd: string;
  developer_share_usd: string;
  platform_share_usd: string;
  fee_usd: string;
  charge_usd: string;
  /** What the owner of an own key pays elsewhere, where the price book knows the model. */
  provider_estimate_usd: string | null;
  paid_usd: string;
  promo_usd: string;
  test_usd: string;
  outcome: "succeeded" | "failed" | "aborted" | "flagged";
  error_code: string | null;
  attempts: StoredAttempt[];
  first_byte_ms: number | null;
  duration_ms: number;
  opened_at: Date;
  created_at: Date;
};

export type StoredAttempt = {
  number: number;
  provider: string;
  model: string;
  outcome: string;
  status_class: string | null;
  first_byte_ms: number | null;
  duration_ms: number;
  cost_usd?: string;
  usage_source?: "provider" | "estimated";
};

/** A request that is still open: nothing is known of its usage or price yet. */
export type OpenRow = Pick<
  UsageRow,
  | "public_app_id"
  | "id"
  | "feature_key"
  | "price_version"
  | "route_mode"
  | "provider"
  | "endpoint"
  | "client_request_id"
  | "hold_usd"
> & { model: string; created_at: Date };

/** A closed request as every list shows it: the answered model, and the time at which the request began. */
export function usageItemOf(row: UsageRow): UsageItem {
  return {
    request_id: requestIdOfRow(row),
    ...(row.client_request_id === null ? {} : { client_request_id: row.client_request_id }),
    public_app_id: row.public_app_id,
    feature_key: row.feature_key,
    endpoint: row.endpoint,
    route_mode: row.route_mode,
    provider: row.provider,
    model: row.served_model,
    status: row.outcome,
    ...tokensOf(row),
    usage_source: row.usage_source,
    simulated: row.simulated,
    ...partsOf(row),
    ...absorbed(usdFromStore(row.absorbed_cost_usd)),
    ...estimateOf(row),
    ...(hasReceipt(row) ? { receipt_id: receiptIdOf(row.id) } : {}),
    price_version: row.price_version,
    ...(row.first_byte_ms === null ? {} : { first_byte_ms: row.first_byte_ms }),
    duration_ms: row.duration_ms,
    created_at: row.opened_at.toISOString(),
  };
}

/** An open request in the same shape: no tokens and no charge yet. */
export function openItemOf(row: OpenRow): UsageItem {
  const none = formatUsd(zeroUsd);
  return {
    request_id: requestIdOfRow(row),
    ...(row.client_request_id === null ? {} : { client_request_id: row.client_request_id }),
    public_app_id: row.public_app_id,
    feature_key: row.feature_key,
    endpoint: row.endpoint,
    route_mode: row.route_mode,
    provider: row.provider,
    model: row.model,
    status: "pending",
    input_tokens: 0,
    cached_input_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 0,
    reasoning_tokens: 0,
    usage_source: "estimated",
    simulated: row.provider === "simulated",
    upstream_cost_usd: none,
    developer_share_usd: none,
    platform_share_usd: none,
    charge_usd: none,
    fee_usd: none,
    price_version: row.price_version,
    created_at: row.created_at.toISOString(),
  };
}

/**
 * A served request has a receipt, one that its client left too; a failed one charges nothing and has none, nor has what a
 * device reported of itself.
 */
export function hasReceipt(row: Pick<UsageRow, "outcome" | "route_mode">): boolean {
  return row.route_mode !== "local" && (row.outcome === "succeeded" || row.outcome === "aborted");
}

/** The receipt of a served request: the attempt that served, line by line, and where its charge went. */
export function receiptOf(row: UsageRow): Receipt {
  const { mode, markup_percent, developer_share_bps } = row.pricing;
  return {
    receipt_id: receiptIdOf(row.id),
    version: 1,
    request_id: requestIdOfRow(row),
    public_app_id: row.public_app_id,
    end_user_id: row.end_user_id,
    feature_key: row.feature_key,
    endpoint: row.endpoint,
    route_mode: row.route_mode,
    paid_by: paidBy(row),
    provider: row.provider,
    model: row.served_model,
    usage_source: row.usage_source,
    simulated: row.simulated,
    lines: row.lines,
    ...partsOf(row),
    ...absorbed(absorbedOfServing(row)),
    ...estimateOf(row),
    funded: {
      paid_usd: row.paid_usd,
      promo_usd: row.promo_usd,
      ...(usdFromStore(row.test_usd) === 0n ? {} : { test_usd: row.test_usd }),
    },
    price_version: row.price_version,
    pricing_version: row.feature_version,
    pricing: {
      mode,
      ...(markup_percent === undefined ? {} : { markup_percent: Number(markup_percent) }),
      developer_share_bps,
    },
    issued_at: row.created_at.toISOString(),
    signature: "pending",
  };
}

export function requestDetailOf(row: UsageRow): RequestDetail {
  return {
    ...usageItemOf(row),
    attempts: row.attempts.map(attemptOf),
    hold_usd: row.hold_usd,
    ...(hasReceipt(row) ? { receipt: receiptOf(row) } : {}),
    ...(row.error_code === null ? {} : { error: { code: row.error_code } }),
    webhook_deliveries: [],
  };
}

export function openDetailOf(row: OpenRow): RequestDetail {
  return { ...openItemOf(row), attempts: [], hold_usd: row.hold_usd, webhook_deliveries: [] };
}

export function appUsageItemOf(row: UsageRow): AppUsageItem {
  return {
    request_id: requestIdOfRow(row),
    feature_key: row.feature_key,
    route_mode: row.route_mode,
    provider: row.provider,
    model: row.served_model,
    input_tokens: row.input_tokens,
    output_tokens: row.output_tokens,
    charge_usd: row.charge_usd,
    developer_share_usd: row.developer_share_usd,
    created_at: row.opened_at.toISOString(),
  };
}

/**
 * What the operator carries of the attempt that served: everything absorbed less the failed attempts, which stand in
 * `attempts[]`. With it the lines add up: lines = upstream cost + this.
 */
function absorbedOfServing(row: UsageRow): Usd {
  return row.attempts.reduce(
    (rest, attempt) =>
      subtractUsd(rest, attempt.cost_usd === undefined ? zeroUsd : usdFromStore(attempt.cost_usd)),
    usdFromStore(row.absorbed_cost_usd),
  );
}

function attemptOf(stored: StoredAttempt): RequestDetail["attempts"][number] {
  return {
    number: stored.number,
    provider: stored.provider,
    model: stored.model,
    outcome: stored.outcome,
    ...(stored.status_class === null ? {} : { status_class: stored.status_class }),
    ...(stored.first_byte_ms === null ? {} : { first_byte_ms: Math.round(stored.first_byte_ms) }),
    duration_ms: Math.round(stored.duration_ms),
    ...(stored.cost_usd === undefined ? {} : { cost_usd: stored.cost_usd }),
    ...(stored.usage_source === undefined ? {} : { usage_source: stored.usage_source }),
  };
}

/** Disjoint counts: a cached token is not an input token, a reasoning token not an output token. */
function tokensOf(row: UsageRow) {
  const { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens } = row;
  return { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens };
}

function partsOf(row: UsageRow) {
  const { upstream_cost_usd, developer_share_usd, platform_share_usd, fee_usd, charge_usd } = row;
  return { upstream_cost_usd, developer_share_usd, platform_share_usd, fee_usd, charge_usd };
}

function estimateOf({ provider_estimate_usd: estimate }: UsageRow): { provider_estimate_usd?: string } {
  return estimate === null ? {} : { provider_estimate_usd: estimate };
}

function paidBy({ route_mode: mode }: UsageRow): Receipt["paid_by"] {
  if (mode === "byok") return "own_key";
  return mode === "local" ? "own_device" : "credits";
}

/** Requests of the user's own device are numbered by the device. */
const requestIdOfRow = ({ id, route_mode }: Pick<UsageRow, "id" | "route_mode">): string =>
  route_mode === "local" ? `req_local_${id}` : requestIdOf(id);

function absorbed(amount: Usd): { absorbed_cost_usd?: string } {
  return amount > 0n ? { absorbed_cost_usd: formatUsd(amount) } : {};
}
