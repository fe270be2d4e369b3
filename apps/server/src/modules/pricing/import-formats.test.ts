import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatUsd, type Usd } from "../../lib/money.ts";
import { parseCsv, parseEntries } from "./import-formats.ts";
import { entryToWire, type PriceEntry, PriceListRefused, sortEntries } from "./price-entry.ts";

const stubText = {
  provider: "stub",
  model: "stub-text",
  per_million: { input_usd: "1.00", cached_input_usd: "0.10", cache_write_usd: "1.25", output_usd: "2.00" },
  context_length: 128_000,
  max_output_tokens: 32_768,
  capabilities: ["tools", "json"],
};

/** `path message` of every fault that reading must find. */
function faultsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof PriceListRefused)
      return error.issues.map(({ path, message }) => `${path} ${message}`);
    throw error;
  }
  throw new Error("the list was accepted");
}

function withPrices(prices: Record<string, unknown>): unknown[] {
  return [{ ...stubText, per_million: { ...stubText.per_million, ...prices } }];
}

const usd = fc.bigInt({ min: 0n, max: 1_000_000n * 100_000_000n }).map((amount) => amount as Usd);
const prices = fc.record({
  input: usd,
  cachedInput: usd,
  cacheWrite: usd,
  output: usd,
  reasoning: usd,
  request: usd,
});
const tokens = fc.integer({ min: 1, max: 100_000_000 });
const entry: fc.Arbitrary<PriceEntry> = fc
  .record({
    provider: fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/),
    model: fc.stringMatching(/^[A-Za-z0-9/:.@"',-]{1,20}$/),
    perMillion: prices,
    thresholds: fc.uniqueArray(fc.integer({ min: 1, max: 2_000_000 }), { maxLength: 3 }),
    tierPrices: fc.array(prices, { minLength: 3, maxLength: 3 }),
    contextLength: tokens,
    maxOutputTokens: tokens,
    capabilities: fc.subarray(["json", "long_context", "tools", "vision"]),
  })
  .map(({ thresholds, tierPrices, ...rest }) => ({
    ...rest,
    tiers: thresholds
      .sort((a, b) => a - b)
      .map((aboveInputTokens, index) => ({
        aboveInputTokens,
        perMillion: tierPrices[index]!,
      })),
  }));
const entries = fc.uniqueArray(entry, {
  minLength: 1,
  maxLength: 8,
  selector: ({ provider, model }) => `${provider}/${model}`,
});

describe("the entries of the API", () => {
  it("reads back exactly what the price book answers", () => {
    fc.assert(
      fc.property(entries, (list) => {
        const wire: unknown = JSON.parse(JSON.stringify(list.map(entryToWire)));
        expect(parseEntries(wire)).toEqual({ entries: sortEntries(list), warnings: [] });
      }),
    );
  });

  it("lets cached input and cache writes cost input, reasoning cost output and a request nothing when absent", () => {
    const { provider, model } = stubText;
    const bare = [{ provider, model, per_million: { input_usd: "3", output_usd: "15" } }];
    const [read] = parseEntries(bare).entries;
    expect(entryToWire(read!)).toEqual({
      provider,
      model,
      per_million: {
        input_usd: "3.00000000",
        cached_input_usd: "3.00000000",
        cache_write_usd: "3.00000000",
        output_usd: "15.00000000",
        reasoning_usd: "15.00000000",
        request_usd: "0.00000000",
      },
      context_length: 128_000,
      max_output_tokens: 4_096,
      capabilities: [],
    });
  });

  it("accepts an explicit 0, the smallest unit and the largest prices", () => {
    const given = {
      input_usd: "0",
      output_usd: "0.00000001",
      reasoning_usd: "1000000",
      request_usd: "1000000000",
    };
    const [read] = parseEntries(withPrices(given)).entries;
    expect(read!.perMillion).toMatchObject({
      input: 0n,
      output: 1n,
      reasoning: 10n ** 14n,
      request: 10n ** 17n,
    });
  });

  it.each([
    ["output_usd", undefined, "is missing"],
    ["output_usd", null, "is missing"],
    ["input_usd", undefined, "is missing"],
    ["output_usd", "-1", "is negative"],
    ["output_usd", "-0", "is negative"],
    ["output_usd", "", "is not a decimal number"],
    ["output_usd", "1e-6", "is not a decimal number"],
    ["output_usd", "1,5", "is not a decimal number"],
    ["output_usd", " 1", "is not a decimal number"],
    ["output_usd", "NaN", "is not a decimal number"],
    ["output_usd", "0x10", "is not a decimal number"],
    ["output_usd", "١", "is not a decimal number"],
    ["output_usd", "01.5", "is not a decimal number"],
    ["output_usd", "0.100000000", "has more than 8 decimal places"],
    ["output_usd", "9".repeat(100), "is not a decimal number"],
    ["output_usd", 0.1, 'must be a decimal string, such as "0.15"'],
    ["output_usd", "0.123456789", "has more than 8 decimal places"],
    ["output_usd", "1000000.00000001", "is above 1000000 USD per million tokens"],
    ["request_usd", "1000000000.01", "is above 1000000000 USD"],
    ["image_usd", "1", "is not a field of a price"],
  ])("refuses %s = %j by name", (field, value, message) => {
    expect(faultsOf(() => parseEntries(withPrices({ [field]: value })))).toEqual([
      `entries[0].per_million.${field} ${message}`,
    ]);
  });

  it("tells all faults of all entries at once, as a 400 with the first one in param", () => {
    const list = [
      { ...stubText, colour: "red", context_length: 0, capabilities: ["to ols"] },
      { ...stubText, provider: "Bad Name", model: "", max_output_tokens: 1.5 },
      { ...stubText, tiers: [{ above_input_tokens: 200_000, per_million: { input_usd: "1" } }] },
      "text",
      stubText,
      { ...stubText, version: 3, effective_at: "2026-01-01T00:00:00Z", effective_until: null },
    ];
    const faults = faultsOf(() => parseEntries(list));
    expect(faults.map((fault) => fault.split(" ")[0])).toEqual([
      "entries[0].colour",
      "entries[0].context_length",
      "entries[0].capabilities",
      "entries[1].provider",
      "entries[1].model",
      "entries[1].max_output_tokens",
      "entries[2].tiers[0].per_million.output_usd",
      "entries[3]",
      "entries[2]",
      "entries[4]",
      "entries[5]",
    ]);
    expect(() => parseEntries(list)).toThrow(
      expect.objectContaining({ code: "invalid_request", status: 400, param: "entries[0].colour" }),
    );
  });

  it("stops counting at 100 faults and says that there are more", () => {
    const list = Array.from({ length: 300 }, (_, index) => ({
      provider: "stub",
      model: `m${index}`,
      per_million: {},
    }));
    expect(() => parseEntries(list)).toThrow(
      expect.objectContaining({
        issues: expect.objectContaining({ length: 100 }),
        details: expect.objectContaining({ more: true }),
      }),
    );
  });

  it("takes a tier's request price from the base when it names none", () => {
    const tier = { above_input_tokens: 200_000, per_million: { input_usd: "2", output_usd: "4" } };
    const per_million = { ...stubText.per_million, request_usd: "1000" };
    const [read] = parseEntries([{ ...stubText, per_million, tiers: [tier] }]).entries;
    expect(read!.tiers[0]!.perMillion).toMatchObject({
      cachedInput: 200_000_000n,
      request: 100_000_000_000n,
    });
  });

  it("refuses tiers that do not ascend or have a field that no tier has", () => {
    const tier = (above: number, more = {}) => ({
      above_input_tokens: above,
      per_million: { input_usd: "1", output_usd: "2" },
      ...more,
    });
    const list = [
      { ...stubText, tiers: [tier(200_000), tier(200_000), tier(300_000, { input_usd: "1" }), 7] },
    ];
    expect(faultsOf(() => parseEntries(list))).toEqual([
      "entries[0].tiers[1].above_input_tokens must be a whole number above the tier before",
      "entries[0].tiers[2].input_usd is not a field of a price",
      "entries[0].tiers[3] must be an object",
    ]);
  });

  it.each([[undefined], [[]], [{}], [Array.from({ length: 5001 }, () => stubText)]])(
    "refuses what is no list of 1 to 5000 prices",
    (list) => {
      expect(faultsOf(() => parseEntries(list))).toEqual(["entries must be a list of 1 to 5000 prices"]);
    },
  );
});

describe("CSV", () => {
  const header =
    "provider,model,input_usd,cached_input_usd,cache_write_usd,output_usd,reasoning_usd,request_usd,context_length,max_output_tokens,capabilities";

  it("reads back what was written, quotes, commas and all", () => {
    const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const line = (each: PriceEntry) => {
      const { input, cachedInput, cacheWrite, output, reasoning, request } = each.perMillion;
      return [
        each.provider,
        quote(each.model),
        ...[input, cachedInput, cacheWrite, output, reasoning, request].map(formatUsd),
        each.contextLength,
        each.maxOutputTokens,
        each.capabilities.join(" "),
      ].join(",");
    };
    fc.assert(
      fc.property(
        entries,
        fc.constantFrom("\n", "\r\n"),
        fc.constantFrom("", "\uFEFF"),
        (list, newline, mark) => {
          const flat = list.map((each) => ({ ...each, tiers: [] }));
          const text = mark + [header, ...flat.map(line), ""].join(newline);
          expect(parseCsv(text)).toMatchObject({ entries: sortEntries(flat), warnings: [] });
        },
      ),
    );
  });

  it("takes columns in any order and goes without the optional ones", () => {
    const { entries: read } = parseCsv("output_usd,model,provider,input_usd\n2,stub-text,stub,1\n");
    expect(read[0]!.perMillion).toMatchObject({
      input: 100_000_000n,
      cachedInput: 100_000_000n,
      output: 200_000_000n,
    });
  });

  it("names the line and the column of every fault, also after a record of two lines", () => {
    const text = [
      "provider,model,input_usd,output_usd,context_length",
      "stub,a,1,2,1000",
      'stub,"a\nb",1,2,1000',
      "stub,c,-1,,many",
      "",
      "stub,d,1",
      "stub,a,1,2,1000",
    ].join("\n");
    expect(faultsOf(() => parseCsv(text))).toEqual([
      "line 4.model must be 1 to 256 printable characters, no space at either end",
      "line 5.input_usd is negative",
      "line 5.output_usd is missing",
      "line 5.context_length must be a whole number from 1 to 100000000",
      "line 7 has 3 fields where the header has 5",
      "line 8 is a second price for stub/a, after line 2",
    ]);
  });

  it("refuses an unknown, a repeated and a missing column", () => {
    expect(faultsOf(() => parseCsv("provider,model,input,input_usd,input_usd\nstub,a,1,1,1\n"))).toEqual([
      'line 1 names an unknown column: "input"',
      "line 1 names the column input_usd twice",
      "line 1 lacks the column output_usd",
    ]);
  });

  it.each([
    ["", "line 1 lacks the column provider"],
    [`${header}\n`, "line 2 is missing: there is no price below the header"],
    [`${header}\nstub,"a`, "line 2 is not well-formed CSV"],
  ])("refuses %j", (text, fault) => {
    expect(faultsOf(() => parseCsv(text))).toContain(fault);
  });
});
