import { request } from "node:http";
import { Readable } from "node:stream";
import {
  createFaucet,
  FaucetAuthError,
  type FaucetClientInternals,
  FaucetError,
  type FaucetOptions,
  type FetchLike,
} from "@modelfaucet/sdk";
import { createSessions, signUserToken } from "@modelfaucet/sdk/server";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { credit, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type RunningBridge, startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

// Our own client against the real product: the three payers as far as the cloud has a part in them.

let product: Product;
let ground: Ground;
let user: string;
let wholeAnswer: string;

const feeUsd = "0.00050000";
const ownVendor = "byok.stub.test";
const ask = { feature: "chat", messages: [{ role: "user" as const, content: "hello" }] };

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: (_database, stub) => ({
      MODELFAUCET_HOST_MAP: `${ownVendor}=127.0.0.1!,api.openai.com=127.0.0.1:${new URL(stub.url).port}!`,
    }),
  });
  ground = await layGround(product);
  wholeAnswer = Array(50).fill("word").join(" ");
});
beforeEach(async () => {
  product.stub.reset();
  user = `user-${crypto.randomUUID()}`;
  await ground.setFeature(
    {
      route_preference: ["platform", "byok", "local"],
      models: ["stub/stub-text", `openai_compatible/stub-text`],
    },
    { byok_fee_usd: feeUsd },
  );
});
afterEach(() => expectBooksClean(product));
afterAll(() => product?.stop());

/** As an app's page: its backend opens the sessions. */
function faucetOf(over: Partial<FaucetOptions> = {}, internals: FaucetClientInternals = {}) {
  const sessions = createSessions({ developerToken: product.developerAdminToken, baseUrl: product.api });
  const options: FaucetOptions = {
    publicAppId: ground.publicAppId,
    baseUrl: product.api,
    gatewayBaseUrl: product.gateways[0]!,
    fetchSession: ({ feature }) =>
      sessions.create({
        publicAppId: ground.publicAppId,
        userId: user,
        ...(feature === undefined ? {} : { featureKey: feature }),
      }),
    maxRetries: 0,
    ...over,
  };
  return createFaucet(options, internals);
}

/** Node's own fetch sends a header of browsers, which a program's grant is refused with. */
const localFetch: FetchLike = (input, { method = "GET", headers, signal, body } = {}) =>
  new Promise((resolve, reject) => {
    const options = { method, headers: headers as Record<string, string>, ...(signal ? { signal } : {}) };
    const call = request(String(input), options, (answer) => {
      const stream = Readable.toWeb(answer) as ReadableStream<Uint8Array>;
      const answered = { status: answer.statusCode!, headers: answer.headers as Record<string, string> };
      resolve(new Response(stream, answered));
    });
    call.on("error", reject).end(body as string | undefined);
  });

async function fill(amountUsd: string): Promise<string> {
  const { answer } = await ground.openSession(user);
  await credit(product, answer.end_user_id, amountUsd);
  return answer.session_token;
}

describe("credits", () => {
  it("chat, stream and runFeature cost the same, and the receipt adds up", async () => {
    const token = await fill("1.00");
    const faucet = faucetOf();
    const whole = await faucet.chat(ask);
    const streamed = faucet.stream(ask);
    expect(await streamed.text()).toBe(wholeAnswer);
    const run = await faucet.runFeature({ feature: "chat", input: { ticket: 7 } });
    expect(run.text).toBe(wholeAnswer);
    for (const { charge_usd } of [whole.modelfaucet, (await streamed.final()).modelfaucet, run.modelfaucet]) {
      expect(charge_usd).toBe("0.00025000");
    }
    const receipt = await faucet.receipts.get(whole.modelfaucet.receipt_id!);
    expect(await faucet.receipts.verify(receipt)).toMatchObject({ valid: true, checks: { sums: true } });
    expect((await faucet.usage({ routeMode: "platform" })).items).toHaveLength(3);
    const { balance_usd } = await faucet.wallet();
    expect(balance_usd).toBe((await wallet(product, token)).balance_usd);
  });
});

describe("A189: the payer and its price are seen before the first call, and switched by the user", () => {
  it("shows every payer of the feature with its fee, and takes the choice for the next call", async () => {
    await fill("1.00");
    const faucet = faucetOf();
    const { selected, items } = await faucet.modes.get({ feature: "chat" });
    expect(selected).toBe("auto");
    expect(items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          mode: "platform",
          available: true,
          paid_by: "credits",
          fee_usd: "0.00000000",
        }),
        expect.objectContaining({ mode: "byok", available: false, paid_by: "own_key", fee_usd: feeUsd }),
        expect.objectContaining({ mode: "local", paid_by: "own_device", fee_usd: "0.00000000" }),
      ]),
    );
    expect((await faucet.chat(ask)).modelfaucet.route_mode).toBe("platform");
    expect((await faucet.modes.set({ mode: "byok", feature: "chat" })).selected).toBe("byok");
    const refused = await faucet.chat(ask).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(FaucetError);
    expect(refused).toMatchObject({
      status: expect.toSatisfy((status: number) => status === 401 || status === 403),
    });
    expect((await faucet.modes.set({ mode: "auto", feature: "chat" })).selected).toBe("auto");
    expect((await faucet.chat(ask)).modelfaucet.route_mode).toBe("platform");
  });
});

describe("an own key", () => {
  const key = () => `key-${crypto.randomUUID()}`;
  const baseUrl = () => `http://${ownVendor}:${new URL(product.stub.url).port}/v1`;
  const consent = async (faucet: ReturnType<typeof faucetOf>) =>
    (await faucet.modes.get({ feature: "chat" })).items.find(({ mode }) => mode === "byok")!
      .disclosure_version!;

  it("is added, tested, used at the printed fee, and destroyed", async () => {
    const token = await fill("1.00");
    const faucet = faucetOf();
    const apiKey = key();
    const added = await faucet.byok.addKey({
      provider: "openai_compatible",
      apiKey,
      baseUrl: baseUrl(),
      disclosureVersion: await consent(faucet),
    });
    expect(added).toMatchObject({ status: "active", disclosure_current: true });
    expect(added.masked).not.toContain(apiKey);
    expect((await faucet.byok.listKeys()).items).toMatchObject([{ id: added.id }]);
    expect(await faucet.byok.testKey(added.id)).toMatchObject({ ok: true });
    const { modelfaucet } = await faucet.chat({ ...ask, routeMode: "byok" });
    expect(modelfaucet).toMatchObject({ route_mode: "byok", charge_usd: feeUsd, fee_usd: feeUsd });
    expect((await wallet(product, token)).balance_usd).toBe("0.99950000");
    await faucet.byok.deleteKey(added.id);
    expect((await faucet.byok.listKeys()).items.filter(({ status }) => status === "active")).toEqual([]);
  });

  it("that its vendor refuses is an error, and the wallet stays as it was", async () => {
    const token = await fill("1.00");
    const faucet = faucetOf();
    await faucet.byok.addKey({
      provider: "openai_compatible",
      apiKey: key(),
      baseUrl: baseUrl(),
      disclosureVersion: await consent(faucet),
    });
    await faucet.modes.set({ mode: "byok" });
    product.stub.script("stub-text", { status: 401 });
    for (const stream of [false, true]) {
      const failed = await (stream ? faucet.stream(ask).text() : faucet.chat(ask)).catch(
        (error: unknown) => error,
      );
      expect(failed).toBeInstanceOf(FaucetAuthError);
      expect(failed).toMatchObject({ code: "byok_key_invalid" });
    }
    expect((await wallet(product, token)).balance_usd).toBe("1.00000000");
  });
});

describe("the user's own consent", () => {
  it("alone lets a failed own key be replaced by credits, and the answer says so", async () => {
    const token = await fill("1.00");
    const faucet = faucetOf();
    const { items } = await faucet.modes.get({ feature: "chat" });
    await faucet.byok.addKey({
      provider: "openai_compatible",
      apiKey: `key-${crypto.randomUUID()}`,
      baseUrl: `http://${ownVendor}:${new URL(product.stub.url).port}/v1`,
      disclosureVersion: items.find(({ mode }) => mode === "byok")!.disclosure_version!,
    });
    await faucet.modes.set({ mode: "byok", fallbackToPlatform: true });
    product.stub.queue("stub-text", { status: 401 });
    const { modelfaucet } = await faucet.chat(ask);
    expect(modelfaucet).toMatchObject({ route_mode: "platform", charge_usd: "0.00025000" });
    expect((await wallet(product, token)).balance_usd).toBe("0.99975000");
  });
});

describe("a key of one call", () => {
  it("pays upstream for that call alone, and is in no log", async () => {
    await ground.setFeature(
      { route_preference: ["platform", "byok"], models: ["stub/stub-text", "openai/stub-text"] },
      { byok_fee_usd: "0" },
    );
    await fill("1.00");
    const faucet = faucetOf();
    const apiKey = `sk-proj-${crypto.randomUUID()}`;
    const { modelfaucet } = await faucet.chat({ ...ask, ownKey: { provider: "openai", apiKey } });
    expect(modelfaucet).toMatchObject({ route_mode: "byok", charge_usd: "0.00000000" });
    expect(product.stub.requests.at(-1)!.headers.authorization).toBe(`Bearer ${apiKey}`);
    expect((await faucet.chat(ask)).modelfaucet.route_mode).toBe("platform");
    expect((await faucet.byok.listKeys()).items).toEqual([]);
    const logs = [product.control, ...product.gatewayProcesses].map((server) => server.output()).join("");
    expect(logs).not.toContain(apiKey);
  });
});

describe("the own machine, from a program without a page", () => {
  let ollama: LocalServer;
  let bridge: RunningBridge;
  let program: ReturnType<typeof createFaucet>;

  beforeAll(async () => {
    ollama = await startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 8192 }]);
    bridge = await startBridge({
      config: `version: 1
endpoints: [{ id: ollama, kind: ollama, base_url: "${ollama.baseUrl}" }]
aliases: { default: "ollama:qwen3:8b" }
`,
    });
  });
  afterAll(async () => {
    await bridge?.stop();
    await ollama?.close();
  });
  beforeEach(async () => {
    ollama.script({});
    const { stdout } = await bridge.command("pair", "--native", `job ${user.slice(-8)}`);
    const kept = new Map([[`modelfaucet:bridge:${bridge.url}`, stdout.trim()]]);
    const storage = {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => kept.set(name, value),
      removeItem: (name: string) => kept.delete(name),
    };
    program = faucetOf({ localBridgeBaseUrl: bridge.url, storage }, { localFetch });
    await program.modes.set({ mode: "local" });
  });

  it("answers, streams, and reports its counts", async () => {
    ollama.script({ pieces: ["From ", "here"], usage: "missing" });
    const { choices, modelfaucet } = await program.chat(ask);
    expect(choices[0]!.message.content).toBe("From here");
    expect(modelfaucet).toMatchObject({ route_mode: "local", usage_report_status: "sent" });
    expect(await program.stream(ask).text()).toBe("From here");
    expect(product.stub.calls).toBe(0);
  });

  it("B1: what is wrong with it is an error, and no other payer's affair", async () => {
    const token = await fill("1.00");
    const long = Array(9_000).fill("word").join(" ");
    const tooLong = program.runFeature({ feature: "chat", input: long });
    await expect(tooLong).rejects.toMatchObject({ code: "context_length_exceeded", status: 400 });
    ollama.script({ refuse: { status: 500, body: { error: "out of memory" } } });
    await expect(program.chat(ask)).rejects.toMatchObject({ code: "local_model_unavailable", status: 503 });
    await bridge.command("revoke", "--all");
    await expect(program.chat(ask)).rejects.toMatchObject({
      code: "local_pairing_required",
      nextStep: "local.pairing",
    });
    expect(product.stub.calls).toBe(0);
    expect((await wallet(product, token)).balance_usd).toBe("1.00000000");
    await program.modes.set({ mode: "local", fallbackToPlatform: true });
    expect((await program.chat(ask)).modelfaucet.route_mode).toBe("platform");
    await expect(program.chat({ ...ask, routeMode: "local" })).rejects.toMatchObject({
      code: "local_pairing_required",
    });
  });
});

describe("sessions", () => {
  it("one that was revoked is replaced once, and the call goes on", async () => {
    await fill("1.00");
    const faucet = faucetOf();
    const first = await faucet.sessionToken("chat");
    await product.call("DELETE", "/v1/sessions/current", undefined, { token: first });
    const opened: string[] = [];
    faucet.on("session", ({ sessionId }) => opened.push(sessionId));
    const answers = await Promise.all(Array.from({ length: 5 }, () => faucet.chat(ask)));
    expect(answers.map(({ modelfaucet }) => modelfaucet.route_mode)).toEqual(Array(5).fill("platform"));
    expect(opened).toHaveLength(1);
  });
});

describe("identity", () => {
  it("a user token that the backend signed opens the session", async () => {
    const app = `signed_${crypto.randomUUID().slice(0, 8)}`;
    const made = await product.developer("POST", "/v1/developer/apps", {
      public_app_id: app,
      name: "Signed",
      developer_id: ground.developerId,
    });
    const faucet = createFaucet({
      publicAppId: app,
      baseUrl: product.api,
      gatewayBaseUrl: product.gateways[0]!,
      fetchUserToken: () =>
        signUserToken({ publicAppId: app, userId: user, secret: made.body.identity_secret }),
    });
    expect(await faucet.createSession()).toMatchObject({ identity: { mode: "signed", verified: true } });
    expect(await faucet.sessionToken()).toMatch(/^mf_sess_/);
  });
});
