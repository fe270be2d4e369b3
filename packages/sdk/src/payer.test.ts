import { describe, expect, test } from "vitest";
import { FaucetLocalError, FaucetPermissionError } from "./index.ts";
import { decidePayer, type PayerFacts } from "./payer.ts";
import {
  bridgeRefuses,
  completionsPath,
  faucetOn,
  featureOf,
  memoryStorage,
  modesOf,
  startLocalGround,
} from "./scripted-bridge.ts";
import { json } from "./scripted-server.ts";
import type { FaucetModes, RouteMode } from "./wire.ts";

const ask = { feature: "customer_reply", input: "Hello" } as const;
const chatRoute = `POST ${completionsPath}`;

function facts(
  order: readonly RouteMode[],
  over: Partial<PayerFacts> & { selected?: string } = {},
): PayerFacts {
  const { selected = "auto", ...rest } = over;
  return {
    featureKey: "customer_reply",
    routeMode: undefined,
    ownKey: false,
    feature: featureOf(order),
    listed: true,
    modes: modesOf(selected) as unknown as FaucetModes,
    paired: true,
    ...rest,
  };
}

const missingKey = modesOf("auto", { items: [{ mode: "byok", available: false, reason: "no_key" }] });
const brokenKey = modesOf("auto", { items: [{ mode: "byok", available: false, reason: "key_invalid" }] });

test.each([
  ["the feature's order, first: local", facts(["local", "platform"]), "local"],
  ["a machine that is not set up is passed over", facts(["local", "platform"], { paired: false }), "cloud"],
  ["the feature's order, first: platform", facts(["platform", "local"]), "cloud"],
  ["a missing key is passed over", facts(["byok", "local"], { modes: missingKey as never }), "local"],
  ["a broken key is not", facts(["byok", "local"], { modes: brokenKey as never }), "cloud"],
  ["the user's mode before the order", facts(["platform", "local"], { selected: "local" }), "local"],
  [
    "the user's mode, unpaired: still local",
    facts(["platform", "local"], { selected: "local", paired: false }),
    "local",
  ],
  ["the user's mode byok", facts(["local", "byok"], { selected: "byok" }), "cloud"],
  [
    "a mode that the feature lacks does not count",
    facts(["local", "platform"], { selected: "byok" }),
    "local",
  ],
  [
    "the call before the user's mode",
    facts(["local", "platform"], { selected: "local", routeMode: "platform" }),
    "cloud",
  ],
  [
    "the call's local before the user's mode",
    facts(["local", "platform"], { selected: "platform", routeMode: "local" }),
    "local",
  ],
  ["a key of the call's own", facts(["local", "byok"], { selected: "local", ownKey: true }), "cloud"],
  ["a feature without local", facts(["platform"], { selected: "local" }), "cloud"],
  ["a feature with nothing but local, unpaired", facts(["local"], { paired: false }), "local"],
  ["no feature known", facts([], { feature: undefined, listed: false }), "cloud"],
] as const)("decides: %s", (_name, given, where) => {
  expect(decidePayer(given).where).toBe(where);
});

test.each([
  ["another payer for what may not leave", facts(["local"], { routeMode: "platform" }), "policy_local_only"],
  ["an own key for what may not leave", facts(["local"], { ownKey: true }), "policy_local_only"],
  [
    "local where the feature does not allow it",
    facts(["platform"], { routeMode: "local" }),
    "invalid_request",
  ],
  [
    "local for an unknown feature",
    facts([], { feature: undefined, routeMode: "local" }),
    "feature_not_found",
  ],
] as const)("refuses on the device: %s", (_name, given, code) => {
  expect(() => decidePayer(given)).toThrow(expect.objectContaining({ code }));
});

describe("B1: nothing goes to the cloud when the machine was chosen and fails", () => {
  const local = { features: [featureOf(["local", "platform"])], modes: modesOf("local") };
  test.each([
    ["the bridge is away", { "GET /health": json(502, {}) }, "local_bridge_unavailable"],
    ["the grant is gone", { [chatRoute]: bridgeRefuses(401, "invalid_grant") }, "local_pairing_required"],
    [
      "the model is down",
      { [chatRoute]: bridgeRefuses(503, "local_model_unavailable") },
      "local_model_unavailable",
    ],
    [
      "the prompt is too long",
      { [chatRoute]: bridgeRefuses(400, "context_length_exceeded") },
      "context_length_exceeded",
    ],
    ["too many at once", { [chatRoute]: bridgeRefuses(429, "rate_limited") }, "rate_limited"],
    [
      "the connection breaks",
      { [chatRoute]: (response: { destroy(): void }) => response.destroy() },
      "local_bridge_unavailable",
    ],
  ])("%s", async (_name, routes, code) => {
    for (const over of [{}, { routeMode: "local" as const }]) {
      await using ground = await startLocalGround(local, { bridge: routes as never });
      const faucet = faucetOn(ground);
      await expect(faucet.chat({ ...ask, ...over })).rejects.toMatchObject({ code });
      await expect(faucet.stream({ ...ask, ...over }).text()).rejects.toMatchObject({ code });
      expect(ground.server.on(completionsPath)).toHaveLength(0);
      // A local completion is asked for once.
      expect(ground.bridge.on(completionsPath).length).toBeLessThanOrEqual(2);
    }
  });

  test("the page is not paired", async () => {
    await using ground = await startLocalGround(local);
    const error = await faucetOn(ground, { storage: memoryStorage() })
      .chat(ask)
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FaucetLocalError);
    expect(error).toMatchObject({ code: "local_pairing_required", nextStep: "local.pairing" });
    expect(ground.server.on(completionsPath)).toHaveLength(0);
  });

  test("not even the words of a call that may not leave", async () => {
    await using ground = await startLocalGround({
      features: [featureOf(["local"], { privacy: "local_only" })],
      modes: modesOf("auto", { fallback_to_platform: true }),
    });
    const faucet = faucetOn(ground, { storage: memoryStorage() });
    await expect(faucet.chat({ ...ask, routeMode: "platform" })).rejects.toBeInstanceOf(
      FaucetPermissionError,
    );
    await expect(faucet.chat(ask)).rejects.toBeInstanceOf(FaucetLocalError);
    expect(JSON.stringify(ground.server.seen)).not.toContain("Hello");
  });
});

describe("the user's own consent", () => {
  const down = { [chatRoute]: bridgeRefuses(503, "local_model_unavailable") };
  const consenting = modesOf("local", { fallback_to_platform: true });

  test("moves a failed call to credits, and says so in the answer", async () => {
    await using ground = await startLocalGround(
      { features: [featureOf(["local", "platform"])], modes: consenting },
      { bridge: down },
    );
    const answer = await faucetOn(ground).chat(ask);
    expect(answer.modelfaucet.route_mode).toBe("platform");
    const [sent] = ground.server.on(completionsPath);
    expect(sent?.headers["x-modelfaucet-route"]).toBe("platform");
    expect(sent?.body).toMatchObject({ model: "auto:customer_reply" });
  });

  test("does not cover a call that asks for the machine itself, nor a fault of the caller", async () => {
    await using ground = await startLocalGround(
      { features: [featureOf(["local", "platform"])], modes: consenting },
      { bridge: { [chatRoute]: bridgeRefuses(400, "invalid_request") } },
    );
    const faucet = faucetOn(ground);
    await expect(faucet.chat(ask)).rejects.toMatchObject({ code: "invalid_request" });
    await expect(faucet.chat({ ...ask, routeMode: "local" })).rejects.toMatchObject({
      code: "invalid_request",
    });
    expect(ground.server.on(completionsPath)).toHaveLength(0);
  });

  test("is worth nothing where the feature has no credits route", async () => {
    await using ground = await startLocalGround(
      { features: [featureOf(["local", "byok"])], modes: consenting },
      { bridge: down },
    );
    await expect(faucetOn(ground).chat(ask)).rejects.toMatchObject({ code: "local_model_unavailable" });
    expect(ground.server.on(completionsPath)).toHaveLength(0);
  });
});

describe("A189: switching takes effect on the next call and is echoed in it", () => {
  test("from credits to the own machine and back", async () => {
    const session = { features: [featureOf(["platform", "local"])], modes: modesOf("auto") };
    let mode = "auto";
    await using ground = await startLocalGround(session, {
      server: {
        "PUT /v1/user/modes": (response, seen) => {
          mode = (seen.body as { mode: string }).mode;
          json(200, modesOf(mode))(response, seen);
        },
        "GET /v1/user/modes": (response, seen) => json(200, modesOf(mode))(response, seen),
      },
    });
    const faucet = faucetOn(ground);
    const routeOf = async () => (await faucet.chat(ask)).modelfaucet.route_mode;
    const told: string[] = [];
    faucet.on("mode", ({ selected }) => told.push(selected));
    expect(await routeOf()).toBe("platform");
    await faucet.modes.set({ mode: "local" });
    expect(await routeOf()).toBe("local");
    await faucet.modes.set({ mode: "platform", feature: "customer_reply" });
    expect(await routeOf()).toBe("platform");
    expect(told).toEqual(["local", "platform"]);
  });

  test("the last choice holds while the server is away", async () => {
    const session = { features: [featureOf(["platform", "local"])], modes: modesOf("auto") };
    await using ground = await startLocalGround(session, {
      server: {
        "PUT /v1/user/modes": json(200, modesOf("local")),
        "GET /v1/user/modes": json(503, {}, { "x-should-retry": "false" }),
      },
    });
    const faucet = faucetOn(ground);
    await faucet.modes.set({ mode: "local" });
    expect((await faucet.chat(ask)).modelfaucet.route_mode).toBe("local");
    expect(ground.server.on(completionsPath)).toHaveLength(0);
  });
});
