// Regenerates apps/server/prices/snapshot.json, the price book that a new platform starts with, from LiteLLM's cost map:
//   pip download litellm --no-deps, unzip, then
//   node scripts/run.mjs scripts/build-price-snapshot.ts <model_prices_and_context_window_backup.json> [version] [date]
// The version and the date of the map are kept from the present snapshot when they are not given. The same map gives the
// same file, byte for byte.
import { readFile, writeFile } from "node:fs/promises";
import { formatUsd, type Usd, zeroUsd } from "@modelfaucet/server/lib/money.ts";
import { parseLitellm } from "@modelfaucet/server/modules/pricing/import-litellm.ts";
import type { PriceEntry } from "@modelfaucet/server/modules/pricing/price-entry.ts";
import type { PerMillion } from "@modelfaucet/server/modules/pricing/rules.ts";

const target = new URL("../apps/server/prices/snapshot.json", import.meta.url);
const usage = "usage: build-price-snapshot.ts <cost map json> [litellm version] [YYYY-MM-DD]";

/** What the start book lists: well-known chat models under the names that the providers' own APIs take. */
const listed: Record<string, RegExp> = {
  ai21: /^jamba-(?:large|mini)-[\d.]+$/,
  anthropic: /^claude-/,
  azure_openai: /^(?:gpt-(?:4o|4\.1|5|6)|o1|o3|o4)/,
  cerebras: /^/,
  cohere: /^command-/,
  dashscope: /^qwen(?:-(?:flash|max|plus|turbo)$|3[-.])/,
  deepseek: /^deepseek-/,
  fireworks:
    /^accounts\/fireworks\/models\/(?:deepseek-(?:r1$|r1-0528$|v)|glm-\d|gpt-oss-\d|kimi-|llama-v3p[13]|llama4-|minimax-|qwen3)/,
  gemini: /^(?:gemini|gemma)-/,
  groq: /^/,
  minimax: /^MiniMax-/,
  mistral: /^(?:codestral|devstral|magistral|ministral|mistral|open-mistral|pixtral)-/,
  moonshot: /^(?:kimi|moonshot)-/,
  openai: /^(?:chat-latest|gpt-|o\d)/,
  sambanova: /^/,
  together: /\//,
  xai: /^grok-/,
  zai: /^glm-/,
};

/**
 * Left out: other media and agents that are charged in units we have no meter for, tuned and restricted models,
 * classifiers, experiments, and Azure's regional duplicates.
 */
const unlisted =
  /^ft:|audio|(?:^|-)(?:tts|live|omni|search|exp|experimental|beta|multi-agent|gv\d)(?:-|$)|computer-use|deep-research|robotics|cyber|rosalind|daybreak|-law$|prompt-guard|gemma-2-|draft|-1b$|-us$|safeguard|image|customtools|mistral-(?:vibe|code)|^(?:eu|us|apac|global|global-standard)\/|\/(?:Tev|Ternary)|-experimental$/;

async function main(args: readonly string[]): Promise<void> {
  const [path, givenVersion, givenDate] = args;
  if (!path) throw new Error(usage);
  const present: Record<string, unknown> = JSON.parse(await readFile(target, "utf8").catch(() => "{}"));
  const version = givenVersion ?? present.source_version;
  const date = givenDate ?? present.retrieved;
  if (typeof version !== "string" || typeof date !== "string" || !/^\d{4}-\d{2}-\d{2}$/.test(date)) {
    throw new Error(usage);
  }
  const text = await readFile(path, "utf8");
  const { entries, warnings } = parseLitellm(text, {
    faulty: "leave_out",
    retiredBy: date,
    assumeLimits: false,
  });
  const chosen = entries.filter(isListed);
  await writeFile(target, render(chosen, version, date));
  for (const warning of warnings) console.warn(warning.slice(0, 400));
  const counts = Map.groupBy(chosen, ({ provider }) => provider);
  console.log([...counts].map(([provider, models]) => `${provider} ${models.length}`).join(", "));
  console.log(`${chosen.length} models written to apps/server/prices/snapshot.json`);
}

function isListed(entry: PriceEntry): boolean {
  const { input, output } = entry.perMillion;
  return (
    (listed[entry.provider]?.test(entry.model) ?? false) &&
    !unlisted.test(entry.model) &&
    input > 0n &&
    output > 0n
  );
}

function render(entries: readonly PriceEntry[], version: string, date: string): string {
  const header = {
    source: "model_prices_and_context_window_backup.json of the PyPI package litellm",
    source_version: version,
    retrieved: date,
    licence:
      "Public prices and limits of the named providers, taken as facts from LiteLLM's list (MIT, copyright 2023 Berri AI)",
    note: "USD per million. Absent: cached input and cache writes cost input, reasoning costs output, a request nothing",
  };
  const lines = entries.map((entry) => `    ${JSON.stringify(compact(entry))}`);
  return `${JSON.stringify(header, null, 2).slice(0, -2)},\n  "entries": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

function compact(entry: PriceEntry) {
  return {
    provider: entry.provider,
    model: entry.model,
    per_million: compactPrices(entry.perMillion),
    ...(entry.tiers.length === 0
      ? {}
      : {
          tiers: entry.tiers.map(({ aboveInputTokens, perMillion }) => ({
            above_input_tokens: aboveInputTokens,
            per_million: compactPrices({ ...perMillion, request: zeroUsd }),
          })),
        }),
    context_length: entry.contextLength,
    max_output_tokens: entry.maxOutputTokens,
    capabilities: entry.capabilities,
  };
}

/** Only what `parseEntries` would not fill in by itself. */
function compactPrices(prices: PerMillion) {
  return {
    input_usd: shortUsd(prices.input),
    ...(prices.cachedInput === prices.input ? {} : { cached_input_usd: shortUsd(prices.cachedInput) }),
    ...(prices.cacheWrite === prices.input ? {} : { cache_write_usd: shortUsd(prices.cacheWrite) }),
    output_usd: shortUsd(prices.output),
    ...(prices.reasoning === prices.output ? {} : { reasoning_usd: shortUsd(prices.reasoning) }),
    ...(prices.request === 0n ? {} : { request_usd: shortUsd(prices.request) }),
  };
}

function shortUsd(amount: Usd): string {
  return formatUsd(amount).replace(/\.?0+$/, "");
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
