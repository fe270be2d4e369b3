import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parseSnapshot } from "../src/modules/pricing/import-formats.ts";
import { entryToWire } from "../src/modules/pricing/price-entry.ts";

const read = (name: string) => readFile(new URL(name, import.meta.url), "utf8");

describe("the start book", () => {
  it("prices at least 150 models of the large providers, every one with input and output above 0", async () => {
    const { entries } = parseSnapshot(await read("snapshot.json"));
    expect(entries.length).toBeGreaterThanOrEqual(150);
    const providers = new Set(entries.map(({ provider }) => provider));
    for (const name of [
      "anthropic",
      "azure_openai",
      "cohere",
      "deepseek",
      "fireworks",
      "gemini",
      "groq",
      "mistral",
    ]) {
      expect(providers).toContain(name);
    }
    for (const name of ["openai", "together", "xai"]) expect(providers).toContain(name);
    for (const { perMillion, tiers } of entries) {
      for (const prices of [perMillion, ...tiers.map((tier) => tier.perMillion)]) {
        expect(prices.input).toBeGreaterThan(0n);
        expect(prices.output).toBeGreaterThan(0n);
        expect(prices.cachedInput).toBeLessThanOrEqual(prices.input);
      }
    }
  });

  it("is written one entry per line, sorted, with its source, version, date and licence", async () => {
    const text = await read("snapshot.json");
    const { source, source_version, retrieved, licence } = JSON.parse(text);
    expect({ source, licence }).toEqual({ source: expect.any(String), licence: expect.any(String) });
    expect(source_version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(retrieved).toMatch(/^\d{4}-\d{2}-\d{2}$/);
    const lines = text.split("\n").filter((line) => line.startsWith('    {"provider"'));
    const { entries } = parseSnapshot(text);
    expect(lines.map((line) => JSON.parse(line.replace(/,$/, "")).model)).toEqual(
      entries.map(({ model }) => model),
    );
  });

  it("holds published prices as they stand", async () => {
    const { entries } = parseSnapshot(await read("snapshot.json"));
    const wire = (provider: string, model: string) =>
      entryToWire(entries.find((entry) => entry.provider === provider && entry.model === model)!);
    // Source: the providers' price pages as LiteLLM 1.110.2 lists them, 2026-11-25.
    expect(wire("openai", "gpt-4o-mini").per_million).toEqual({
      input_usd: "0.15000000",
      cached_input_usd: "0.07500000",
      cache_write_usd: "0.15000000",
      output_usd: "0.60000000",
      reasoning_usd: "0.60000000",
      request_usd: "0.00000000",
    });
    expect(wire("anthropic", "claude-sonnet-4-5").per_million).toMatchObject({
      cached_input_usd: "0.30000000",
      cache_write_usd: "3.75000000",
    });
    expect(wire("gemini", "gemini-2.5-pro").tiers).toMatchObject([
      {
        above_input_tokens: 200_000,
        per_million: { input_usd: "2.50000000", cached_input_usd: "0.25000000", output_usd: "15.00000000" },
      },
    ]);
  });
});

describe("the simulated provider", () => {
  it("has the two prices that the first run shows", async () => {
    const { entries } = parseSnapshot(await read("simulated.json"));
    const shown = entries
      .map(entryToWire)
      .map((entry) => [
        `${entry.provider}/${entry.model}`,
        ...[entry.per_million.input_usd, entry.per_million.cached_input_usd, entry.per_million.output_usd],
        entry.context_length,
        entry.max_output_tokens,
      ]);
    expect(shown).toEqual([
      ["simulated/sim-large", "2.50000000", "0.62500000", "10.00000000", 128_000, 16_384],
      ["simulated/sim-small", "0.40000000", "0.10000000", "1.60000000", 128_000, 16_384],
    ]);
  });
});
