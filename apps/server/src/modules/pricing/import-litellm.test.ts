import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUsd } from "../../lib/money.ts";
import { parseLitellm } from "./import-litellm.ts";
import { entryToWire, PriceListRefused, readPrice } from "./price-entry.ts";

const chat = `"mode": "chat", "litellm_provider": "openai"`;

function only(text: string, options?: Parameters<typeof parseLitellm>[1]) {
  const { entries } = parseLitellm(text, options);
  expect(entries).toHaveLength(1);
  return entryToWire(entries[0]!);
}

function faultsOf(text: string): string[] {
  try {
    parseLitellm(text);
  } catch (error) {
    if (error instanceof PriceListRefused)
      return error.issues.map(({ path, message }) => `${path} ${message}`);
    throw error;
  }
  throw new Error("the list was accepted");
}

describe("exact decimals", () => {
  it("shifts any price per token to a million tokens without a float artefact, however it is written", () => {
    const written = fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 14n }), fc.integer({ min: -3, max: 3 }))
      .map(([units, moved]) => ({ units, text: exponentForm(units, moved) }));
    fc.assert(
      fc.property(written, ({ units, text }) => {
        expect(readPrice(text, "input", 6)).toBe(units);
        const map = `{"m": {${chat}, "input_cost_per_token": ${text}, "output_cost_per_token": ${text}}}`;
        expect(only(map).per_million.output_usd).toBe(formatUsd(units));
      }),
    );
  });

  it.each([
    ["1.5e-07", "0.15000000"],
    ["1.1e-6", "1.10000000"],
    ["0.00000035", "0.35000000"],
    ["2.9e-07", "0.29000000"],
    ["1E-14", "0.00000001"],
    ["0.0", "0.00000000"],
  ])("reads %s per token as %s per million", (text, expected) => {
    const map = `{"m": {${chat}, "input_cost_per_token": ${text}, "output_cost_per_token": ${text}}}`;
    expect(only(map).per_million.input_usd).toBe(expected);
  });
});

/** `units` × 1e-14 in scientific notation, the point moved about. */
function exponentForm(units: bigint, moved: number): string {
  const digits = units.toString().padStart(6, "0");
  const cut = Math.max(1, digits.length - 3 + moved);
  const [whole, fraction] = [digits.slice(0, cut).replace(/^0+(?=\d)/, ""), digits.slice(cut)];
  return `${whole}${fraction === "" ? "" : `.${fraction}`}e${fraction.length - 14}`;
}

describe("LiteLLM's cost map", () => {
  it("takes the provider's own model name, limits, capabilities and thresholds", () => {
    const map = `{
      "sample_spec": {"litellm_provider": "one of many", "mode": "one of: chat"},
      "azure/gpt-x": {"mode": "chat", "litellm_provider": "azure", "max_input_tokens": 400000, "max_output_tokens": 1e5,
        "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07,
        "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
        "input_cost_per_token_batches": 1, "input_cost_per_token_above_200k_tokens_priority": 1, "input_cost_per_request": 0.005,
        "supports_function_calling": true, "supports_vision": false, "supports_response_schema": true, "anything": {}}
    }`;
    expect(only(map)).toEqual({
      provider: "azure_openai",
      model: "gpt-x",
      per_million: {
        input_usd: "1.25000000",
        cached_input_usd: "0.12500000",
        cache_write_usd: "1.25000000",
        output_usd: "10.00000000",
        reasoning_usd: "10.00000000",
        request_usd: "5000.00000000",
      },
      tiers: [
        {
          above_input_tokens: 200_000,
          per_million: {
            input_usd: "2.50000000",
            cached_input_usd: "2.50000000",
            cache_write_usd: "2.50000000",
            output_usd: "15.00000000",
            reasoning_usd: "15.00000000",
            request_usd: "5000.00000000",
          },
        },
      ],
      context_length: 400_000,
      max_output_tokens: 4_096,
      capabilities: ["json", "long_context", "tools"],
    });
  });

  it("reads ranges of input tokens as tiers, the first as the base", () => {
    const range = (from: number, price: string) =>
      `{"range": [${from}, 9e9], "input_cost_per_token": ${price}, "output_cost_per_token": ${price}}`;
    const map = `{"dashscope/q": {"mode": "chat", "litellm_provider": "dashscope", "max_input_tokens": 1000,
      "tiered_pricing": [${range(0, "1e-06")}, ${range(32000, "2e-06")}, ${range(128000, "3e-06")}]}}`;
    const { per_million, tiers } = only(map);
    expect(per_million.input_usd).toBe("1.00000000");
    expect(tiers!.map((tier) => [tier.above_input_tokens, tier.per_million.output_usd])).toEqual([
      [32_000, "2.00000000"],
      [128_000, "3.00000000"],
    ]);
  });

  it("never sells a cache write for nothing beside paid input", () => {
    const map = `{"m": {${chat}, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "cache_creation_input_token_cost": 0.0}}`;
    expect(only(map).per_million.cache_write_usd).toBe("1.00000000");
  });

  it("refuses what it cannot price exactly, all at once, model and field named", () => {
    const map = `{
      "a": {${chat}, "input_cost_per_token": -1e-6, "output_cost_per_token": 2.0000000000000002e-07},
      "b": {${chat}, "input_cost_per_token": 1e-6},
      "c": {${chat}, "input_cost_per_token": "cheap", "output_cost_per_token": 1.01},
      "d": {${chat}, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "output_cost_per_token_above_200k_tokens": 1e-6},
      "e": 1
    }`;
    expect(faultsOf(map)).toEqual([
      "a.input_cost_per_token is negative",
      "a.output_cost_per_token has more than 8 decimal places per million",
      "b.output_cost_per_token is missing",
      "c.input_cost_per_token is not a decimal number",
      "c.output_cost_per_token is above 1000000 USD per million tokens",
      "d.input_cost_per_token_above_200k_tokens is missing",
      "e must be an object",
    ]);
  });

  it("goes without faulty models when told so, and says which", () => {
    const map = `{
      "a": {${chat}, "input_cost_per_token": 2.0000000000000002e-07, "output_cost_per_token": 1e-6},
      "b": {${chat}, "max_input_tokens": 9, "max_output_tokens": 9, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
      "c": {${chat}, "max_input_tokens": 9, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}
    }`;
    const { entries, warnings } = parseLitellm(map, { faulty: "leave_out", assumeLimits: false });
    expect(entries.map(({ model }) => model)).toEqual(["b"]);
    expect(warnings).toEqual([
      "1 × left out, the price cannot be used: a.input_cost_per_token has more than 8 decimal places per million",
      "1 × left out, context length or output limit not told: c",
    ]);
  });

  it("leaves out other modes, other units and withdrawn models with a warning each, and points at free ones", () => {
    const priced = `"max_input_tokens": 9000, "max_output_tokens": 900, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6`;
    const map = `{
      "image": {"mode": "image_generation", "litellm_provider": "openai", ${priced}},
      "seconds": {${chat}, "input_cost_per_second": 1},
      "old": {${chat}, ${priced}, "deprecation_date": "2026-01-31"},
      "free": {${chat}, ${priced}, "input_cost_per_token": 0, "output_cost_per_token": 0},
      "boundless": {${chat}, "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6},
      "plain": {"litellm_provider": "openai", ${priced}}
    }`;
    const { entries, warnings } = parseLitellm(map, { retiredBy: "2026-01-31" });
    expect(entries.map(({ model }) => model)).toEqual(["boundless", "free", "plain"]);
    expect(entries[0]).toMatchObject({ contextLength: 128_000, maxOutputTokens: 4_096 });
    expect(entries[1]).toMatchObject({ contextLength: 9_000, maxOutputTokens: 900 });
    expect(warnings).toEqual([
      "1 × left out, no chat model: image",
      "1 × left out, not priced per token: seconds",
      "1 × left out, withdrawn by their providers: old",
      "1 × context length or output limit not told, so assumed: boundless",
      "1 × costs nothing in this list: openai/free",
    ]);
  });

  it("takes a model that stands there twice once if the prices agree, else refuses it", () => {
    const one = (price: string) =>
      `{${chat}, "input_cost_per_token": ${price}, "output_cost_per_token": 1e-6}`;
    expect(parseLitellm(`{"m": ${one("1e-6")}, "openai/m": ${one("0.000001")}}`).entries).toHaveLength(1);
    expect(faultsOf(`{"m": ${one("1e-6")}, "openai/m": ${one("2e-6")}}`)).toEqual([
      "openai/m is a second price for openai/m, after m",
    ]);
  });

  it.each([
    ["{", "file is not valid JSON"],
    ["[]", "file must be a JSON object, one member per model"],
    ["{}", "file prices no chat model per token"],
  ])("refuses %s", (text, fault) => {
    expect(faultsOf(text)).toEqual([fault]);
  });
});
