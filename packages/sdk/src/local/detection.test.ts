import { afterEach, describe, expect, test, vi } from "vitest";
import {
  bridgeRefuses,
  completionsPath,
  faucetOn,
  featureOf,
  type LocalGround,
  memoryStorage,
  modesOf,
  startLocalGround,
} from "../scripted-bridge.ts";
import { json } from "../scripted-server.ts";

// A160: the five states of a page on a public https origin, told apart; nothing is sent before its user's gesture.

const session = { features: [featureOf(["local", "platform"])], modes: modesOf("local") };
const ask = { feature: "customer_reply", input: "Hello" } as const;

type PageFacts = {
  url?: string;
  permission?: "granted" | "denied" | "prompt" | "none";
  /** Of the older name alone. */
  olderName?: boolean;
  gesture?: boolean;
  secure?: boolean;
  policy?: boolean;
  vendor?: string;
};

/** As much of a browser's page as decides. */
function bePage(facts: PageFacts = {}): void {
  const { url = "https://crm.example/tickets", permission = "granted", gesture = false } = facts;
  const { hostname, protocol } = new URL(url);
  const name = facts.olderName ? "local-network-access" : "loopback-network";
  vi.stubGlobal("location", { hostname, protocol });
  vi.stubGlobal("isSecureContext", facts.secure ?? true);
  vi.stubGlobal("document", {
    ...(facts.policy === undefined
      ? {}
      : { featurePolicy: { features: () => [name], allowsFeature: () => facts.policy } }),
  });
  vi.stubGlobal("navigator", {
    vendor: facts.vendor ?? "Google Inc.",
    userActivation: { isActive: gesture },
    permissions: {
      query: async (asked: { name: string }) => {
        if (permission === "none" || asked.name !== name) throw new TypeError("unknown permission");
        return { state: permission };
      },
    },
  });
}

afterEach(() => vi.unstubAllGlobals());

async function withGround(work: (ground: LocalGround) => Promise<void>, routes = {}): Promise<void> {
  await using ground = await startLocalGround(session, { bridge: routes });
  await work(ground);
}

describe.each([
  ["a page that is not secure", { secure: false, url: "http://crm.example/" }, "insecure_page"],
  ["a frame that was not allowed", { policy: false }, "frame"],
  ["a browser like Safari", { vendor: "Apple Computer, Inc." }, "mixed_content"],
] satisfies [string, PageFacts, string][])("%s", (_name, facts, reason) => {
  test("is unsupported, with its reason and a next step, and nothing is sent", () =>
    withGround(async (ground) => {
      bePage({ ...facts, gesture: true });
      const faucet = faucetOn(ground);
      const step = { nextStep: "local.unsupported", details: { reason } };
      expect(await faucet.local.detectBridge({ prompt: true })).toMatchObject({
        available: false,
        reason: "local_browser_unsupported",
        ...step,
      });
      await expect(faucet.chat(ask)).rejects.toMatchObject({ code: "local_browser_unsupported", ...step });
      await expect(faucet.local.pair()).rejects.toMatchObject({ code: "local_browser_unsupported" });
      expect(ground.bridge.seen).toHaveLength(0);
    }));
});

test("a worker is unsupported", () =>
  withGround(async (ground) => {
    vi.stubGlobal("WorkerGlobalScope", class {});
    expect(await faucetOn(ground).local.detectBridge({ prompt: true })).toMatchObject({
      reason: "local_browser_unsupported",
      details: { reason: "worker" },
    });
    expect(ground.bridge.seen).toHaveLength(0);
  }));

test.each([
  ["denied", "local_permission_denied", "local.denied"],
  ["prompt", "local_permission_required", "local.permission"],
] as const)("permission %s without a gesture: %s, nothing is sent", (permission, code, nextStep) =>
  withGround(async (ground) => {
    bePage({ permission });
    const faucet = faucetOn(ground);
    expect(await faucet.local.detectBridge()).toMatchObject({ available: false, reason: code, nextStep });
    expect(await faucet.local.detectBridge({ prompt: true })).toMatchObject({ reason: code });
    await expect(faucet.chat(ask)).rejects.toMatchObject({ code, nextStep });
    expect(await faucet.local.diagnose()).toMatchObject({ available: false, problems: [code] });
    expect(ground.bridge.seen).toHaveLength(0);
    expect(ground.server.on(completionsPath)).toHaveLength(0);
  }),
);

test("an undecided permission is asked for in a gesture alone, and only when that is wanted", () =>
  withGround(async (ground) => {
    bePage({ permission: "prompt", gesture: true });
    const faucet = faucetOn(ground);
    expect(await faucet.local.detectBridge()).toMatchObject({ reason: "local_permission_required" });
    expect(ground.bridge.seen).toHaveLength(0);
    expect(await faucet.local.detectBridge({ prompt: true })).toMatchObject({
      available: true,
      paired: true,
    });
  }));

test("a dismissed question is not a missing bridge", () =>
  withGround(
    async (ground) => {
      bePage({ permission: "prompt", gesture: true });
      const faucet = faucetOn(ground);
      expect(await faucet.local.detectBridge({ prompt: true })).toMatchObject({
        reason: "local_permission_required",
      });
    },
    { "GET /health": (response: { destroy(): void }) => response.destroy() },
  ));

test("without such a permission nothing is probed on load, until the user has paired this page", () =>
  withGround(async (ground) => {
    bePage({ permission: "none" });
    const stranger = faucetOn(ground, { storage: memoryStorage() });
    expect(await stranger.local.detectBridge()).toMatchObject({ reason: "local_permission_required" });
    expect(ground.bridge.seen).toHaveLength(0);
    expect(await faucetOn(ground).local.detectBridge()).toMatchObject({ available: true });
  }));

test("the older name of the permission is understood", () =>
  withGround(async (ground) => {
    bePage({ permission: "denied", olderName: true });
    expect(await faucetOn(ground).local.detectBridge()).toMatchObject({ reason: "local_permission_denied" });
  }));

test("a page from this computer is asked for nothing", () =>
  withGround(async (ground) => {
    bePage({ url: "http://localhost:5174/", permission: "prompt" });
    expect(await faucetOn(ground).local.detectBridge()).toMatchObject({ available: true });
  }));

test.each([
  ["is not ours", { "GET /health": json(200, { status: "nginx" }) }],
  ["refuses", { "GET /health": json(500, {}) }],
  ["is silent", { "GET /health": () => {} }],
])("a bridge that %s is unavailable within two seconds", (_name, routes) =>
  withGround(async (ground) => {
    bePage();
    const startedMs = Date.now();
    expect(await faucetOn(ground).local.detectBridge()).toMatchObject({
      available: false,
      reason: "local_bridge_unavailable",
      nextStep: "local.unavailable",
    });
    expect(Date.now() - startedMs).toBeLessThan(3_000);
  }, routes),
);

test.each([
  ["says so", { "GET /health": json(200, { ok: true, paired: false }) }, {}],
  ["has no token", {}, { storage: memoryStorage() }],
  ["has a revoked token", { "GET /models": bridgeRefuses(401, "invalid_grant") }, {}],
])("unpaired: the bridge or the page %s", (_name, routes, over) =>
  withGround(async (ground) => {
    bePage();
    const faucet = faucetOn(ground, over);
    await expect(faucet.local.listModels()).rejects.toMatchObject({
      code: "local_pairing_required",
      nextStep: "local.pairing",
    });
  }, routes),
);

test("a preflight that was refused is told apart from a bridge that is away, by its bare health", () => {
  let paired = true;
  const routes = {
    "GET /health": (...args: Parameters<ReturnType<typeof json>>) => json(200, { ok: true, paired })(...args),
    // As a browser shows a refused preflight: no answer at all.
    [`POST ${completionsPath}`]: (response: { destroy(): void }) => {
      paired = false;
      response.destroy();
    },
  };
  return withGround(async (ground) => {
    bePage();
    await expect(faucetOn(ground).chat(ask)).rejects.toMatchObject({ code: "local_pairing_required" });
    const bare = ground.bridge.on("/health").at(-1);
    expect(bare?.headers.authorization).toBeUndefined();
  }, routes);
});

test("where no page can reach it, another carrier brings the same calls", () =>
  withGround(async (ground) => {
    bePage({ vendor: "Apple Computer, Inc.", permission: "denied" });
    const carried: string[] = [];
    const localFetch = (input: string | URL | Request, init?: RequestInit) => {
      carried.push(String(input));
      return fetch(input, init);
    };
    const faucet = faucetOn(ground, {}, { localFetch });
    expect((await faucet.chat(ask)).modelfaucet.route_mode).toBe("local");
    expect(carried).toContain(`${ground.bridge.url}${completionsPath}`);
  }));

test("calls to the bridge say that loopback is meant", () =>
  withGround(async (ground) => {
    bePage();
    const spaces: unknown[] = [];
    const faucet = faucetOn(
      ground,
      {},
      {
        fetch: (input, init) => {
          if (String(input).startsWith(ground.bridge.url)) {
            spaces.push((init as { targetAddressSpace?: string }).targetAddressSpace);
          }
          return fetch(input, init);
        },
      },
    );
    await faucet.chat(ask);
    expect(new Set(spaces)).toEqual(new Set(["loopback"]));
  }));
