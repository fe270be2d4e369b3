import { z } from "zod";
import { modelName, moneyIn, moneyOut, providerName, reserved, timeOut } from "../values.ts";

const unitsIn = {
  input_usd: moneyIn,
  output_usd: moneyIn,
  cached_input_usd: moneyIn.optional(),
  cache_write_usd: moneyIn.optional(),
  reasoning_usd: moneyIn.optional(),
  request_usd: moneyIn.optional(),
  ...reserved("later", "image_usd", "second_usd"),
};

const units = z.strictObject({
  input_usd: moneyOut,
  cached_input_usd: moneyOut.optional(),
  cache_write_usd: moneyOut.optional(),
  output_usd: moneyOut,
  reasoning_usd: moneyOut.optional(),
  request_usd: moneyOut.optional(),
});

export const capability = z.enum(["tools", "vision", "json", "embeddings", "long_context"]);

/** One model's prices as an operator hands them in. A tier holds for inputs of more than `above_input_tokens`. */
export const priceEntryIn = z.strictObject({
  provider: providerName,
  model: modelName,
  per_million: z.strictObject(unitsIn),
  tiers: z
    .array(z.strictObject({ above_input_tokens: z.int().min(1), per_million: z.strictObject(unitsIn) }))
    .max(8)
    .optional(),
  context_length: z.int().min(1).max(100_000_000).optional(),
  max_output_tokens: z.int().min(1).max(100_000_000).optional(),
  capabilities: z.array(capability).max(8).optional(),
});

export const price = z.strictObject({
  provider: z.string(),
  model: z.string(),
  per_million: units,
  tiers: z.array(z.strictObject({ above_input_tokens: z.int(), per_million: units })).optional(),
  context_length: z.int().optional(),
  max_output_tokens: z.int().optional(),
  capabilities: z.array(z.string()),
  effective_at: timeOut,
  effective_until: timeOut.optional(),
  version: z.int().min(1),
});

export const priceVersionStatus = z.enum(["draft", "scheduled", "published"]);

export const priceVersion = z.strictObject({
  version: z.int().min(1),
  status: priceVersionStatus,
  source: z.string(),
  entries: z.int().min(0),
  imported_by: z.string().optional(),
  effective_at: timeOut.optional(),
  published_at: timeOut.optional(),
  created_at: timeOut,
});

/** What an import would change, or a publication has changed. A dry run has no `version`. */
export const priceChange = z.strictObject({
  version: z.int().min(1).optional(),
  status: priceVersionStatus,
  added: z.int().min(0),
  changed: z.int().min(0),
  removed: z.int().min(0),
  diff: z.array(
    z.strictObject({
      provider: z.string(),
      model: z.string(),
      unit: z.string().optional(),
      before_usd: moneyOut.optional(),
      after_usd: moneyOut.optional(),
      change_percent: z.number().optional(),
      kind: z.enum(["added", "changed", "removed"]),
    }),
  ),
  warnings: z.array(z.string()),
});
