import { expect, test } from "vitest";
import { timesMillion } from "./litellm-list.ts";
import { faultsAtLines, readPriceList } from "./price-list.ts";

const csv = [
  "model,provider,input_usd,output_usd,cached_input_usd,context_length,capabilities",
  '"a ""b"", c",acme,0.4,1.60,,128000,tools vision',
  "",
  "d,acme,lots,2,0.1,many,",
].join("\r\n");

test("CSV is read with its quotes, empty fields left out, and every entry knows its line", () => {
  const list = readPriceList(`\uFEFF${csv}`);
  expect(list).toMatchObject({ format: "csv", faults: [], notes: [] });
  expect(list.entries).toEqual([
    {
      provider: "acme",
      model: 'a "b", c',
      per_million: { input_usd: "0.4", output_usd: "1.60" },
      context_length: 128000,
      capabilities: ["tools", "vision"],
    },
    {
      provider: "acme",
      model: "d",
      per_million: { input_usd: "lots", output_usd: "2", cached_input_usd: "0.1" },
      context_length: "many",
    },
  ]);
  expect([list.lineOf(0, ""), list.lineOf(1, "per_million.input_usd")]).toEqual([2, 4]);
});

test("faults of CSV's form stand at their lines", () => {
  const faults = (text: string) =>
    readPriceList(text).faults.map(({ line, path, message }) => `${line} ${path} ${message}`);
  expect(faults("provider,model,price,model\na,b,1,c")).toEqual([
    "1 price is no column of a price list",
    "1 model is named twice",
    "1 input_usd is missing among the columns",
    "1 output_usd is missing among the columns",
  ]);
  expect(faults("provider,model,input_usd,output_usd\na,b,1,2\na,b,1")).toEqual([
    "3  has 3 fields where the header has 4",
  ]);
  expect(faults('provider,model,input_usd,output_usd\na,b,1,2\n"a,b,1,2\na,b,1,2')).toEqual([
    "3  has a quote that is not closed or not doubled",
  ]);
  expect(faults("provider,model,input_usd,output_usd\n")).toEqual(["2  there is no price below the header"]);
  expect(faults("")).toHaveLength(5);
});

test("entries are taken from a list, a file or an answer of the price book, without what is of a version", () => {
  const entry = { provider: "acme", model: "m", per_million: { input_usd: "1", output_usd: "2" } };
  const answered = {
    items: [{ ...entry, version: 3, effective_at: "2026-01-01T00:00:00.000Z" }],
    next_cursor: null,
  };
  for (const value of [[entry], { source: "x", entries: [entry] }, answered]) {
    expect(readPriceList(JSON.stringify(value, null, 2))).toMatchObject({
      format: "entries",
      entries: [entry],
      faults: [],
    });
  }
  expect(readPriceList("{}").faults).toMatchObject([{ message: "holds no list of prices under entries" }]);
  expect(readPriceList('[\n  { "provider": "a",\n "model": }\n]').faults).toMatchObject([{ line: 3 }]);
});

test("the server's faults are brought back to the line, down to the field", () => {
  const text = JSON.stringify([{ provider: "a", model: "m", per_million: { input_usd: 1 } }], null, 2);
  const list = readPriceList(text);
  const issues = [
    { param: "entries.0.per_million.input_usd", message: "must be a decimal string" },
    { param: "entries[0].per_million.output_usd", message: "is missing" },
    { param: "entries[0]", message: "is a second price for a/m, after entries[0]" },
  ];
  expect(faultsAtLines(issues, list)).toEqual([
    { path: "input_usd", message: "must be a decimal string", line: 6 },
    { path: "output_usd", message: "is missing", line: 5 },
    { path: "", message: "is a second price for a/m, after line 2", line: 2 },
  ]);
  expect(faultsAtLines([{ param: "reason", message: "is required" }], list)).toBe(null);
});

test("a price per token becomes one per million to the last digit, or none at all", () => {
  expect(["1.5e-07", "0.00000025", "2E-6", "1", "0", "0.0", "1e-14"].map(timesMillion)).toEqual([
    "0.15",
    "0.25",
    "2",
    "1000000",
    "0",
    "0",
    "0.00000001",
  ]);
  expect(["1e-15", "-1", "", "many", "1.234567890123456e-7"].map(timesMillion)).toEqual([
    null,
    null,
    null,
    null,
    null,
  ]);
});

const litellm = `{
  "sample_spec": { "mode": "one of" },
  "acme/large": {
    "litellm_provider": "acme", "mode": "chat", "max_input_tokens": 1000000, "max_output_tokens": 8192,
    "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "cache_creation_input_token_cost": 0.0,
    "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
    "supports_vision": true
  },
  "large": { "litellm_provider": "acme", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05,
    "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05 },
  "acme/draw": { "mode": "image_generation", "output_cost_per_image": 0.04 },
  "acme/odd": {
    "mode": "chat",
    "input_cost_per_token": 1.00000000000001e-07,
    "output_cost_per_token": 1e-06
  }
}`;

test("LiteLLM's map is read as the server's importer reads it; its faulty models are named or left out", () => {
  const strict = readPriceList(litellm);
  expect(strict).toMatchObject({ format: "litellm", faults: strict.skippable });
  expect(strict.faults).toEqual([
    {
      path: "acme/odd.input_cost_per_token",
      message: "is no price with at most 8 decimal places per million",
      line: 14,
    },
  ]);
  const list = readPriceList(litellm, { leaveOutFaulty: true });
  expect(list.faults).toEqual([]);
  expect(list.notes).toEqual([
    "1 × left out, no chat model",
    "1 × the same price under two names, read once",
  ]);
  expect(list.entries).toEqual([
    {
      provider: "acme",
      model: "large",
      per_million: { input_usd: "1.25", output_usd: "10" },
      tiers: [{ above_input_tokens: 200000, per_million: { input_usd: "2.5", output_usd: "15" } }],
      context_length: 1000000,
      max_output_tokens: 8192,
      capabilities: ["long_context", "vision"],
    },
  ]);
  expect(list.lineOf(0, "")).toBe(3);
});
