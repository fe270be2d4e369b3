import type { Tx } from "../../lib/db.ts";
import { type Usd, usdFromStore, zeroUsd } from "../../lib/money.ts";
import type { PriceEntry } from "./price-entry.ts";
import type { PerMillion, PriceUnit } from "./rules.ts";

/** One published version with the models that it names, in the order in which versions come into force. */
export type PublishedVersion = {
  version: number;
  source: PriceSource;
  effectiveMs: number;
  prices: PriceEntry[];
};

export type PriceSource = "seed" | "litellm" | "csv" | "entries";

type VersionRow = PriceRow & { version: number; source: PriceSource; effective_ms: number };

/** A row of `priced_models` with its prices. */
export type PriceRow = {
  provider: string;
  model: string;
  context_length: number;
  max_output_tokens: number;
  capabilities: string[];
  prices: { unit: PriceUnit; above: number; usd: string }[];
};

/**
 * Every published version. A time that passed before the publication is no longer meant: nothing is in force before
 * somebody published it, and what is published last is laid over what was in force then.
 */
export async function readPublishedVersions(tx: Tx): Promise<PublishedVersion[]> {
  const rows = await tx<VersionRow[]>`
    select v.version, v.source, (extract(epoch from greatest(v.effective_from, p.published_at)) * 1000)::float8 as effective_ms,
      m.provider, m.model, m.context_length, m.max_output_tokens, m.capabilities, ${pricesOf(tx)} as prices
    from price_versions v join price_publications p using (version) join priced_models m using (version)
    order by greatest(v.effective_from, p.published_at), p.published_at, v.version, m.provider, m.model`;
  const versions: PublishedVersion[] = [];
  for (const row of rows) {
    if (versions.at(-1)?.version !== row.version) {
      const { version, source, effective_ms: effectiveMs } = row;
      versions.push({ version, source, effectiveMs, prices: [] });
    }
    versions.at(-1)!.prices.push(entryOf(row));
  }
  return versions;
}

/** The prices of one row `m` of `priced_models`, as a JSON list. */
export function pricesOf(tx: Tx) {
  return tx`(select json_agg(json_build_object('unit', p.unit, 'above', p.above_input_tokens, 'usd', p.price_per_million_usd::text))
    from model_prices p where (p.version, p.provider, p.model) = (m.version, m.provider, m.model))`;
}

export const unitFields: Record<PriceUnit, keyof PerMillion> = {
  input: "input",
  cached_input: "cachedInput",
  cache_write: "cacheWrite",
  output: "output",
  reasoning: "reasoning",
  request: "request",
};

export function entryOf(row: PriceRow): PriceEntry {
  const tiers = new Map<number, PerMillion>();
  for (const { unit, above, usd } of row.prices ?? []) {
    const prices = tiers.get(above) ?? noPrices();
    prices[unitFields[unit]] = usdFromStore(usd);
    tiers.set(above, prices);
  }
  return {
    provider: row.provider,
    model: row.model,
    perMillion: tiers.get(0) ?? noPrices(),
    tiers: [...tiers]
      .filter(([above]) => above > 0)
      .sort(([a], [b]) => a - b)
      .map(([aboveInputTokens, perMillion]) => ({ aboveInputTokens, perMillion })),
    contextLength: row.context_length,
    maxOutputTokens: row.max_output_tokens,
    capabilities: row.capabilities,
  };
}

function noPrices(): PerMillion {
  const none: Usd = zeroUsd;
  return { input: none, cachedInput: none, cacheWrite: none, output: none, reasoning: none, request: none };
}
