import type { FaucetClient, FaucetOptions } from "@modelfaucet/sdk";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { credit, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type RunningBridge, startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";
import { type OpenedPage, type SdkPage, startSdkPage } from "./sdk-page.ts";

// The client in Chromium, on a hosted https page, with the real bridge on this computer and the real servers elsewhere.

let product: Product;
let ground: Ground;
let ollama: LocalServer;
let bridge: RunningBridge;
let site: SdkPage;
let user: string;

const prompt = "Where is the order of 4711?";

beforeAll(async () => {
  [product, ollama] = await Promise.all([
    startProduct({ postgres: inject("postgres") }),
    startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 8192 }]),
  ]);
  bridge = await startBridge({
    config: `version: 1
endpoints: [{ id: ollama, kind: ollama, base_url: "${ollama.baseUrl}" }]
aliases: { default: "ollama:qwen3:8b" }
`,
  });
  [ground, site] = await Promise.all([layGround(product), startSdkPage([product.api, product.gateways[0]!])]);
  await ground.setFeature({ route_preference: ["local", "platform"], models: ["stub/stub-text"] });
  const app = { allowed_origins: [site.origin], identity_mode: "demo" };
  const patched = await product.developer("PATCH", `/v1/developer/apps/${ground.publicAppId}`, app);
  expect(patched.status, patched.text).toBe(200);
});
afterAll(async () => {
  await site?.[Symbol.asyncDispose]();
  await bridge?.stop();
  await ollama?.close();
  await product?.stop();
});
beforeEach(() => {
  user = `user-${crypto.randomUUID()}`;
  ollama.script({});
  product.stub.reset();
});

function faucetOptions(over: Partial<FaucetOptions> = {}): FaucetOptions {
  return {
    publicAppId: ground.publicAppId,
    baseUrl: product.api,
    gatewayBaseUrl: product.gateways[0]!,
    localBridgeBaseUrl: bridge.url,
    user: { id: user },
    maxRetries: 0,
    ...over,
  };
}

/** A page that was paired with a code which its user asked the bridge for in advance. */
async function openPaired(): Promise<OpenedPage> {
  const opened = await site.open({ faucet: faucetOptions(), permission: "granted" });
  const { stdout } = await bridge.command("pair", "--origin", site.origin);
  const code = /[B-Z2-7]{4}-[B-Z2-7]{4}/.exec(stdout.replace(site.origin, ""))![0];
  const grant = await inPage(opened, (faucet, [given]) => faucet.local.pair({ code: given! }), code);
  expect(grant).toMatchObject({ origin: site.origin });
  return opened;
}

/** Work on the page's client that needs no click. */
function inPage<T>(
  { page }: OpenedPage,
  work: (faucet: FaucetClient, given: string[]) => Promise<T>,
  ...given: string[]
): Promise<T> {
  return page.evaluate(`(${work.toString()})(globalThis.faucet, ${JSON.stringify(given)})`);
}

const chat = (opened: OpenedPage) =>
  inPage(opened, (faucet, [input]) => faucet.chat({ feature: "chat", input: input! }), prompt);

describe("A160: five states, five codes, each with a next step, and no probe before a user's gesture", () => {
  test("undecided: the page asks for the user's click, and has sent nothing", async () => {
    const opened = await site.open({ faucet: faucetOptions(), permission: "undecided" });
    expect(await opened.onLoad()).toMatchObject({
      available: false,
      reason: "local_permission_required",
      nextStep: "local.permission",
    });
    expect(opened.asked(bridge.url)).toEqual([]);
    await opened.close();
  });

  test("denied: nothing is sent, with a click neither", async () => {
    const opened = await site.open({ faucet: faucetOptions(), permission: "denied" });
    const found = await opened.click((faucet) => faucet.local.detectBridge({ prompt: true }));
    expect(found).toMatchObject({ reason: "local_permission_denied", nextStep: "local.denied" });
    const failed = await opened.click((faucet) =>
      faucet.chat({ feature: "chat", input: "Hello", routeMode: "local" }),
    );
    expect(failed).toMatchObject({ failed: { code: "local_permission_denied", nextStep: "local.denied" } });
    expect(opened.asked(bridge.url)).toEqual([]);
    expect(opened.asked(product.gateways[0]!)).toEqual([]);
    await opened.close();
  });

  test("bridge off", async () => {
    const nobody = await startLocalServer("openai_compatible", []);
    await nobody.close();
    const away = `http://127.0.0.1:${nobody.port}`;
    const opened = await site.open({
      faucet: faucetOptions({ localBridgeBaseUrl: away }),
      permission: "granted",
    });
    expect(await opened.onLoad()).toMatchObject({
      reason: "local_bridge_unavailable",
      nextStep: "local.unavailable",
    });
    await opened.close();
  });

  test("bridge on but unpaired: the page learns that, and nothing else", async () => {
    const opened = await site.open({ faucet: faucetOptions(), permission: "granted" });
    const found = await opened.click((faucet) => faucet.local.detectBridge({ prompt: true }));
    expect(found).toMatchObject({
      available: false,
      paired: false,
      reason: "local_pairing_required",
      nextStep: "local.pairing",
    });
    expect(Object.keys((found as { health: object }).health).sort()).toEqual(["ok", "pair", "paired"]);
    const failed = await opened.click((faucet) =>
      faucet.chat({ feature: "chat", input: "Hello", routeMode: "local" }),
    );
    expect(failed).toMatchObject({ failed: { code: "local_pairing_required" } });
    expect(opened.asked(product.gateways[0]!)).toEqual([]);
    await opened.close();
  });

  test("a browser like Safari", async () => {
    const opened = await site.open({
      faucet: faucetOptions(),
      permission: "granted",
      before: () => {
        Object.defineProperty(navigator, "vendor", { value: "Apple Computer, Inc." });
        Reflect.deleteProperty(Request.prototype, "targetAddressSpace");
      },
    });
    expect(await opened.onLoad()).toMatchObject({
      reason: "local_browser_unsupported",
      nextStep: "local.unsupported",
      details: { reason: "mixed_content" },
    });
    expect(opened.asked(bridge.url)).toEqual([]);
    await opened.close();
  });
});

describe("paired", () => {
  test("by the code that the terminal shows beside the page's address", async () => {
    const opened = await site.open({ faucet: faucetOptions(), permission: "granted" });
    const started = await opened.click(async (faucet) => {
      const pairing = await faucet.local.pair({ appName: "CRM" });
      Object.assign(globalThis, { pairing });
      return pairing.expiresAt;
    });
    expect(started).toEqual(expect.any(String));
    const shown = await bridge.event(({ event }) => event === "pairing");
    expect(shown).toMatchObject({ origin: site.origin, app_name: "CRM", public_app_id: ground.publicAppId });
    const submit = (code: string) =>
      opened.page.evaluate(
        `globalThis.pairing.submit("${code}").catch(({ code, details }) => ({ code, details }))`,
      );
    expect(await submit("BBBB-BBBB")).toMatchObject({
      code: "invalid_pairing_code",
      details: { reason: "wrong", attempts_left: 4 },
    });
    const grant = await submit(String(shown.code).toLowerCase().replace("-", " "));
    expect(grant).toMatchObject({ origin: site.origin });
    expect(JSON.stringify(grant)).not.toContain("mf_br_");
    const found = await inPage(opened, (faucet) => faucet.local.detectBridge());
    expect(found).toMatchObject({ available: true, paired: true });
    expect((await inPage(opened, (faucet) => faucet.local.listModels())).items).toMatchObject([
      { id: "ollama:qwen3:8b", endpoint_id: "ollama" },
    ]);
    expect(await inPage(opened, (faucet) => faucet.local.endpoints())).toMatchObject([
      { id: "ollama", kind: "ollama", remote: false, reachable: true },
    ]);
    await opened.close();
  });

  test("A163: answers on this computer, counted, charged nothing, and the counts reach the API", async () => {
    const { answer } = await ground.openSession(user, { origins: [site.origin] });
    await credit(product, answer.end_user_id, "1.00");
    ollama.script({ pieces: ["From ", "here"], usage: "missing" });
    const opened = await openPaired();
    const said = await chat(opened);
    expect(said).toMatchObject({
      choices: [{ message: { content: "From here" } }],
      modelfaucet: {
        route_mode: "local",
        usage_source: "estimated",
        charge_usd: "0.00000000",
        fee_usd: "0.00000000",
        usage_report_status: "sent",
      },
    });
    expect(ollama.modelCalls.at(-1)?.body).toMatchObject({ model: "qwen3:8b" });
    expect(opened.asked(product.gateways[0]!)).toEqual([]);
    expect(product.stub.calls).toBe(0);
    expect((await wallet(product, answer.session_token)).balance_usd).toBe("1.00000000");
    await opened.close();
    await expectBooksClean(product);
  });

  test("A163: with the API away the bridge keeps the counts until they are delivered", async () => {
    const opened = await openPaired();
    await opened.page.route("**/v1/local/usage-reports", (route) => route.abort());
    expect(await chat(opened)).toMatchObject({ modelfaucet: { usage_report_status: "queued" } });
    const flush = () => inPage(opened, (faucet) => faucet.local.flushUsageReports());
    await expect(flush()).rejects.toThrow("cannot be reached");
    await opened.page.unroute("**/v1/local/usage-reports");
    expect(await flush()).toEqual({ flushed: 1, pending: 0 });
    expect(await flush()).toEqual({ flushed: 0, pending: 0 });
    await opened.close();
  });

  test("streams piece by piece, and after unpairing it is an error that costs nothing and leaves nothing", async () => {
    ollama.script({ pieces: ["one ", "two ", "three"], usage: "reported" });
    const opened = await openPaired();
    const types = await opened.click(async (faucet) => {
      const seen: string[] = [];
      for await (const event of faucet.stream({ feature: "chat", input: "Count" })) seen.push(event.type);
      return seen;
    });
    expect(types).toEqual(["start", "text", "text", "text", "finish"]);
    await opened.click((faucet) => faucet.local.unpair());
    expect(await opened.page.evaluate(() => Object.keys(localStorage))).toEqual([]);
    const failed = await opened.click((faucet) =>
      faucet.chat({ feature: "chat", input: "Hello", routeMode: "local" }),
    );
    expect(failed).toMatchObject({ failed: { code: "local_pairing_required" } });
    expect(opened.asked(product.gateways[0]!)).toEqual([]);
    await opened.close();
  });
});
