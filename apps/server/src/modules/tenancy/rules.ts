import type { EffectivePricing } from "@modelfaucet/contract/manifest.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, parseUsd, type Usd } from "../../lib/money.ts";

/** What the operator allows; of one developer or one app where the operator said so, else of everybody. */
export type Maxima = { maxMarkupPercent: number; maxDeveloperShareBps: number; maxFeeUsd: Usd };

/** Stored as the wire spells them; absent: the operator's general setting. */
export type StoredLimits = {
  max_markup_percent?: number;
  max_developer_share_bps?: number;
  max_fee_usd?: string;
};

/** The nearest word counts: the app's, else the developer's, else the operator's settings. */
export function maximaOf(general: Maxima, developer: StoredLimits, app: StoredLimits = {}): Maxima {
  const fee = app.max_fee_usd ?? developer.max_fee_usd;
  return {
    maxMarkupPercent: app.max_markup_percent ?? developer.max_markup_percent ?? general.maxMarkupPercent,
    maxDeveloperShareBps:
      app.max_developer_share_bps ?? developer.max_developer_share_bps ?? general.maxDeveloperShareBps,
    maxFeeUsd: (fee === undefined ? null : parseUsd(fee)) ?? general.maxFeeUsd,
  };
}

/** The limits after a change in which `null` returns a limit to the general setting. */
export function mergeLimits(
  stored: StoredLimits,
  change: { [Name in keyof StoredLimits]?: StoredLimits[Name] | null | undefined },
): StoredLimits {
  const merged: Record<string, unknown> = { ...stored };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  return merged as StoredLimits;
}

export type Issue = { param: string; message: string; maximum?: number | string };

const mostFixedPriceUsd = parseUsd("100")!;

/** Every figure of a manifest that is above what the operator allows. */
export function issuesOfPricing(pricing: EffectivePricing, maxima: Maxima): Issue[] {
  const issues: Issue[] = [];
  const above = (field: string, maximum: number | string) =>
    issues.push({ param: `pricing.${field}`, message: `must be at most ${maximum}`, maximum });
  if (pricing.markup_percent > maxima.maxMarkupPercent) above("markup_percent", maxima.maxMarkupPercent);
  if (pricing.developer_share_bps > maxima.maxDeveloperShareBps) {
    above("developer_share_bps", maxima.maxDeveloperShareBps);
  }
  // Where it was not set it is the other one, which has been told already.
  const ownMarkup = pricing.developer_key_markup_percent !== pricing.markup_percent;
  if (ownMarkup && pricing.developer_key_markup_percent > maxima.maxMarkupPercent)
    above("developer_key_markup_percent", maxima.maxMarkupPercent);
  const requestFee = pricing.mode === "fixed_fee" ? "fixed_fee_usd" : "request_fee_usd";
  for (const [field, amount, most] of [
    [requestFee, pricing.request_fee_usd, maxima.maxFeeUsd],
    ["byok_fee_usd", pricing.byok_fee_usd, maxima.maxFeeUsd],
    ["fixed_price_usd", pricing.fixed_price_usd ?? "0", mostFixedPriceUsd],
  ] as const) {
    const fee = parseUsd(amount);
    if (fee === null || fee > most) above(field, formatUsd(most));
  }
  return issues;
}

/** @throws ApiError invalid_request that names the first field, its maximum and all issues */
export function refuseIssues(issues: readonly Issue[]): void {
  const [first] = issues;
  if (!first) return;
  throw new ApiError("invalid_request", `\`${first.param}\` ${first.message}.`, {
    param: first.param,
    details: { issues, ...(first.maximum === undefined ? {} : { maximum: first.maximum }) },
  });
}

/** https anywhere, extension schemes, and http on loopback outside production. */
export function isOriginAllowedHere(origin: string, production: boolean): boolean {
  if (!origin.startsWith("http://")) return true;
  return !production && isLoopback(new URL(origin).hostname);
}

/** https, or http on loopback outside production. */
export function isUrlAllowedHere(url: string, production: boolean): boolean {
  const parsed = URL.parse(url);
  if (parsed === null) return false;
  return parsed.protocol === "https:" || (!production && isLoopback(parsed.hostname));
}

export function invalidApp(): ApiError {
  return new ApiError("invalid_app", "There is no such app, or it is disabled.");
}

export function featureNotFound(): ApiError {
  return new ApiError("feature_not_found", "The app has no such feature.", { param: "feature_key" });
}

/** @throws ApiError conflict when the caller changed an older version than the one that is there */
export function refuseOtherVersion(expected: number | undefined, actual: number): void {
  if (expected === undefined || expected === actual) return;
  throw new ApiError("conflict", `This was changed meanwhile: its version is ${actual}. Read it again.`, {
    param: "expected_version",
    details: { reason: "version", version: actual },
  });
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
