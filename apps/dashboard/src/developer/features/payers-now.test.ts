import { expect, test } from "vitest";
import { payersNow } from "./payers-now.ts";

const models = [
  { provider: "openai", model: "a" },
  { provider: "mistral", model: "b", routes: ["platform" as const] },
];
const key = { provider: "openai", status: "active", models_allowed: [] };
const priced = (mode: "platform" | "developer_key", model: string, provider = "openai") => ({
  route_mode: mode,
  provider,
  model,
});

function whys(
  mode: "platform" | "developer_key" | "byok" | "local",
  prices: Parameters<typeof payersNow>[1],
  keys: Parameters<typeof payersNow>[2] = [],
) {
  const [payer] = payersNow({ route_preference: [mode], models }, prices, keys);
  return payer!.models.map(({ model, why }) => [model, why]);
}

test("payers stand in the order of the preference, each with the models that are for it", () => {
  const payers = payersNow({ route_preference: ["byok", "platform", "local"], models }, [], []);
  expect(payers.map(({ mode, models: own }) => [mode, own.map(({ model }) => model)])).toEqual([
    ["byok", ["a"]],
    ["platform", ["a", "b"]],
    ["local", []],
  ]);
});

test("credits and the developer's key need a price, the user's own key none", () => {
  expect(whys("platform", [priced("platform", "a")])).toEqual([
    ["a", null],
    ["b", "no price in the price book"],
  ]);
  expect(whys("developer_key", [priced("platform", "a")], [key])).toEqual([
    ["a", "no price in the price book"],
  ]);
  expect(whys("byok", [])).toEqual([["a", null]]);
});

test("the developer's key has to be of the vendor, active, and for the model", () => {
  const prices = [priced("developer_key", "a")];
  const why = (...keys: (typeof key)[]) => whys("developer_key", prices, keys)[0]![1];
  expect(why(key)).toBe(null);
  expect(why()).toBe("no key of yours for openai");
  expect(why({ ...key, provider: "mistral" })).toBe("no key of yours for openai");
  expect(why({ ...key, status: "disabled" })).toBe("your key for openai is not active");
  expect(why({ ...key, models_allowed: ["b"] as never })).toBe("your key for openai is not for this model");
  expect(why({ ...key, models_allowed: ["openai/a"] as never })).toBe(null);
  expect(why({ ...key, status: "invalid" }, key)).toBe(null);
  // Who may not read the keys is not told that there are none.
  expect(whys("developer_key", prices, null)).toEqual([["a", null]]);
});

test("a key whose models the manifest does not list brings its own", () => {
  const keys = [
    { provider: "mistral", status: "active", models_allowed: ["mistral/c", "d"] },
    { provider: "deepseek", status: "disabled", models_allowed: ["e"] },
    { provider: "openai", status: "active", models_allowed: ["a", "f"] },
  ];
  const [payer] = payersNow(
    { route_preference: ["developer_key"], models },
    [priced("developer_key", "a")],
    keys,
  );
  expect(payer!.models.map(({ provider, model, tried }) => [provider, model, tried])).toEqual([
    ["openai", "a", "yes"],
    ["mistral", "c", "perhaps"],
    ["mistral", "d", "perhaps"],
  ]);
});
