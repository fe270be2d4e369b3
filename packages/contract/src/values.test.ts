import { describe, expect, test } from "vitest";
import { laterRouteSentence } from "./later-routes.ts";
import { effectiveManifest, policyIn, pricingIn } from "./manifest.ts";
import { routeName } from "./route.ts";
import { apiRoutes, gatewayRoutes } from "./routes/table.ts";
import { moneyIn, origin, reserved, timeIn } from "./values.ts";

describe("money", () => {
  test.each(["1e-8", ".5", "00.10", "+1", "1.000000001", "1234567890123456789012345", "-1", "", " 1", "1."])(
    "refuses %j",
    (amount) => expect(moneyIn.safeParse(amount).success).toBe(false),
  );
  test("refuses a JSON number", () => expect(moneyIn.safeParse(0.1).success).toBe(false));
  test.each(["0.1", "0", "999999999999.99999999"])("takes %j", (amount) =>
    expect(moneyIn.safeParse(amount).success).toBe(true),
  );
});

describe("origins", () => {
  test.each([
    "https://a.example/",
    "https://A.example",
    "https://u:p@a.example",
    "null",
    "*",
    "https://a.example:443",
    "file:///x",
    "javascript://x",
  ])("refuses %j", (value) => expect(origin.safeParse(value).success).toBe(false));
  test.each(["https://a.example", "http://127.0.0.1:5174", "chrome-extension://abcdefghij"])(
    "takes %j",
    (value) => expect(origin.safeParse(value).success).toBe(true),
  );
});

test("a time without an offset is refused", () => {
  expect(timeIn.safeParse("2026-01-31T12:00:00").success).toBe(false);
});

test("a reserved field is refused with the package that brings it", () => {
  const issues = pricingIn.safeParse({ free_allowance: {}, mode: "usage_markup" }).error!.issues;
  expect(issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`)).toEqual([
    "free_allowance: comes with package 4 and is not available yet",
  ]);
  expect(reserved("later", "x").x.safeParse(null).success).toBe(false);
});

test("what must not leave the device has no other route", () => {
  const paths = (policy: unknown) =>
    policyIn.safeParse(policy).error?.issues.map(({ path }) => path.join("."));
  expect(paths({ privacy: "local_only" })).toEqual(["route_preference"]);
  expect(paths({ privacy: "local_only", route_preference: ["local", "byok"] })).toEqual(["route_preference"]);
  expect(paths({ privacy: "local_only", route_preference: ["local"] })).toBeUndefined();
});

test("a price is said in the fields of its mode", () => {
  const paths = (pricing: unknown) =>
    pricingIn.safeParse(pricing).error?.issues.map(({ path }) => path.join("."));
  expect(paths({ fixed_fee_usd: "0.01" })).toEqual(["fixed_fee_usd"]);
  expect(paths({ mode: "fixed_price" })).toEqual(["fixed_price_usd"]);
  expect(paths({ mode: "fixed_price", fixed_price_usd: "0.01", markup_percent: 3 })).toEqual([
    "markup_percent",
  ]);
  expect(paths({ mode: "fixed_fee", fixed_fee_usd: "0" })).toBeUndefined();
  expect(paths({ local_fee_usd: "0.01" })).toEqual(["local_fee_usd"]);
  expect(paths({ local_fee_usd: "0.00" })).toBeUndefined();
});

test("an empty manifest has every default", () => {
  const defaults = { autoText: [{ provider: "simulated", model: "sim-small" }], developerShareBps: 4000 };
  expect(effectiveManifest(policyIn.parse({}), pricingIn.parse({}), defaults)).toEqual({
    policy: {
      route_preference: ["platform"],
      models: [{ provider: "simulated", model: "sim-small" }],
      model_policy: "in_order",
      privacy: "standard",
      requires: [],
      min_quality: 0,
      fallback_to_platform: false,
      limits: { max_output_tokens: 4096 },
    },
    pricing: {
      mode: "usage_markup",
      markup_percent: 30,
      developer_key_markup_percent: 30,
      request_fee_usd: "0.00000000",
      byok_fee_usd: "0.00000000",
      local_fee_usd: "0.00000000",
      developer_share_bps: 4000,
    },
  });
});

test("no route is defined twice, and none that is built is called later", () => {
  for (const routes of [apiRoutes, gatewayRoutes]) {
    const names = routes.map(routeName);
    expect(new Set(names).size).toBe(names.length);
    expect(routes.filter((route) => laterRouteSentence(route.path)).map(routeName)).toEqual([]);
  }
});

test("a planned route says which package brings it", () => {
  expect(laterRouteSentence("/v1/user/topups/preview")).toBe("comes with package 4 and is not available yet");
  expect(laterRouteSentence("/v1/audio/speech")).toBe("is not available yet");
  expect(laterRouteSentence("/v1/user/topup")).toBeUndefined();
});
