import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type RunningBridge, startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launchBrowser } from "./browser.ts";

// T-23 in Chromium, with its permission for local networks. A page of this computer is never asked, so both pages here
// are given a public address by a switch; what the browser does with that is its own.

type Permission = "granted" | "denied" | "prompt";
const rebound = "rebound.example";
let models: LocalServer;
let bridge: RunningBridge;
let site: Server;
let stranger: Server;
let browser: Browser;
let context: BrowserContext | null = null;

beforeAll(async () => {
  models = await startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 4096, isLoaded: true }]);
  bridge = await startBridge({
    config: `version: 1\nendpoints: [{ id: ollama, kind: ollama, base_url: "${models.baseUrl}" }]\n`,
  });
  [site, stranger] = await Promise.all([serveEmptyPage(), serveEmptyPage()]);
  browser = await launchBrowser([
    `--ip-address-space-overrides=${[site, stranger].map((server) => `127.0.0.1:${portOf(server)}=public`).join(",")}`,
    `--host-resolver-rules=MAP ${rebound} 127.0.0.1`,
  ]);
});

afterAll(async () => {
  await browser?.close();
  await bridge?.stop();
  await models?.close();
  site?.close();
  stranger?.close();
});

beforeEach(() => models.script({}));

afterEach(async () => {
  await context?.close();
  context = null;
});

describe("the browser's permission", () => {
  test.each(["denied", "prompt"] as const)(
    "%s: nothing of the page reaches the bridge",
    async (permission) => {
      const page = await open(site, permission);
      const before = requestsSeen();
      expect(await permissionOf(page)).toBe(permission);
      expect(await ask(page, { path: "/health" })).toMatchObject({
        failed: expect.stringContaining("Failed to fetch"),
      });
      expect(await ask(page, { method: "POST", path: "/pair/start", body: {} })).toHaveProperty("failed");
      expect(requestsSeen()).toBe(before);
    },
  );

  test("granted: an unpaired page reads that a bridge is there and how to pair, and nothing else", async () => {
    const page = await open(stranger, "granted");
    const health = await ask(page, { path: "/health" });
    expect(health).toMatchObject({
      status: 200,
      body: { ok: true, paired: false, pair: { start: "/pair/start" } },
    });
    for (const path of ["/models", "/v1/models", "/diagnostics", "/pair", "/nothing"]) {
      // With a token the browser asks before; without one it hides the answer. Either way the page reads nothing.
      expect(await ask(page, { path, token: "mf_br_guess" })).toHaveProperty("failed");
      expect(await ask(page, { path })).toHaveProperty("failed");
    }
  });
});

describe("granted", () => {
  test("pairs, lists, streams, reads errors, and is told when it is revoked in the middle", async () => {
    const page = await open(site, "granted");
    const origin = originOf(site);
    const started = await ask(page, { method: "POST", path: "/pair/start", body: { app_name: "Test page" } });
    expect(started).toMatchObject({ status: 201, body: { code_length: 8 } });
    const { code } = await bridge.event((line) => line.event === "pairing" && line.origin === origin);
    const wrong = await ask(page, { method: "POST", path: "/pair/complete", body: { code: "BBBB-BBBB" } });
    expect(wrong).toMatchObject({
      status: 403,
      body: { error: { code: "invalid_pairing_code", details: { attempts_left: 4 } } },
    });
    const paired = await ask(page, { method: "POST", path: "/pair/complete", body: { code } });
    expect(paired).toMatchObject({ status: 201, body: { origin, token: expect.stringMatching(/^mf_br_/) } });
    const { token } = paired.body;

    expect(await ask(page, { path: "/health", token })).toMatchObject({
      status: 200,
      body: { paired: true, version: expect.any(String) },
    });
    expect(await ask(page, { path: "/models", token })).toMatchObject({
      status: 200,
      body: { items: [{ id: "ollama:qwen3:8b" }] },
    });
    const chat = { model: "ollama:qwen3:8b", messages: [{ role: "user", content: "hello" }] };
    const whole = await ask(page, { method: "POST", path: "/v1/chat/completions", token, body: chat });
    expect(whole).toMatchObject({
      status: 200,
      headers: { "x-modelfaucet-route-mode": "local", "x-request-id": expect.stringMatching(/^req_local_/) },
      body: { modelfaucet: { route_mode: "local", provider: "ollama" } },
    });
    const streamed = await ask(page, {
      method: "POST",
      path: "/v1/chat/completions",
      token,
      body: { ...chat, stream: true },
    });
    expect(streamed).toMatchObject({
      status: 200,
      text: expect.stringMatching(/"modelfaucet":\{[^}]*\}\}\n\ndata: \[DONE\]\n\n$/),
    });
    const unknown = await ask(page, {
      method: "POST",
      path: "/v1/chat/completions",
      token,
      body: { ...chat, model: "ollama:x:1b" },
    });
    expect(unknown).toMatchObject({
      status: 404,
      headers: { "x-should-retry": "false" },
      body: { error: { code: "model_not_found" } },
    });

    // Another origin with the same token gets nothing, and neither does a frame without one.
    const other = await (context as BrowserContext).newPage();
    await permit(originOf(stranger), "granted", other);
    await other.goto(originOf(stranger));
    expect(await ask(other, { path: "/models", token })).toHaveProperty("failed");
    expect(await askFromSandbox(page, token)).toBe("failed");

    let release = (): void => {};
    models.script({
      pieces: Array(50).fill("word "),
      between: (index) =>
        index < 3 ? Promise.resolve() : new Promise<void>((resolve) => (release = resolve)),
    });
    const running = ask(page, {
      method: "POST",
      path: "/v1/chat/completions",
      token,
      body: { ...chat, stream: true },
    });
    await expect.poll(() => models.streamedBytes).toBeGreaterThan(0);
    await bridge.command("revoke", origin);
    expect((await running).text).toMatch(/data: \{"error":\{.*"code":"invalid_grant".*\}\}\n\n$/);
    release();
    // The browser remembers for ten minutes that it may ask; the token no longer counts.
    const ended = { status: 401, body: { error: { code: "invalid_grant" } } };
    expect(await ask(page, { path: "/models", token })).toMatchObject(ended);
    expect(await ask(page, { path: "/diagnostics", token })).toHaveProperty("failed");
    expect(await ask(page, { path: "/health" })).toMatchObject({ body: { paired: false } });
  });

  test("what a browser sends without asking first, a form's post, reaches no model", async () => {
    const page = await open(stranger, "granted");
    const calls = models.modelCalls.length;
    const before = requestsSeen();
    await page.evaluate(
      (url) =>
        fetch(`${url}/v1/chat/completions`, {
          method: "POST",
          mode: "no-cors",
          body: JSON.stringify({ model: "ollama:qwen3:8b", messages: [{ role: "user", content: "hello" }] }),
          targetAddressSpace: "loopback",
        } as RequestInit).catch(() => {}),
      bridge.url,
    );
    await expect.poll(requestsSeen).toBeGreaterThan(before);
    expect(bridge.output()).toContain('"status":403');
    expect(models.modelCalls.length).toBe(calls);
  });
});

test("a page whose name was rebound to this computer gets an empty 403", async () => {
  context = await browser.newContext();
  const page = await context.newPage();
  const answer = await page
    .goto(`http://${rebound}:${bridge.port}/health`)
    .catch((error: Error) => error.message);
  // An empty refusal is no page: Chromium shows its own.
  if (typeof answer === "string") expect(answer).toContain("ERR_HTTP_RESPONSE_CODE_FAILURE");
  else expect(answer?.status()).toBe(403);
  await expect.poll(() => bridge.output()).toContain('"code":"host_not_allowed"');
});

type PageAnswer = {
  status?: number;
  headers?: Record<string, string>;
  text?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read it field by field; a missing one fails them.
  body?: any;
  failed?: string;
};

/** As a page does it: with its own fetch, whose failures tell it nothing. */
function ask(
  page: Page,
  input: { method?: string; path: string; token?: string; body?: unknown },
): Promise<PageAnswer> {
  return page.evaluate(
    async ({ url, method, path, token, body }) => {
      try {
        const answer = await fetch(`${url}${path}`, {
          method: method ?? "GET",
          headers: {
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          targetAddressSpace: "loopback",
        } as RequestInit);
        const text = await answer.text();
        const headers = Object.fromEntries(answer.headers);
        const isJson = (answer.headers.get("content-type") ?? "").includes("json");
        return { status: answer.status, headers, text, ...(isJson ? { body: JSON.parse(text) } : {}) };
      } catch (error) {
        return { failed: String(error) };
      }
    },
    { url: bridge.url, ...input },
  );
}

/** A frame that is sandboxed has the origin `null`. */
function askFromSandbox(page: Page, token: string): Promise<string> {
  return page.evaluate(
    ({ url, grant }) =>
      new Promise<string>((resolve) => {
        addEventListener("message", ({ data }) => resolve(data), { once: true });
        const frame = document.createElement("iframe");
        frame.setAttribute("sandbox", "allow-scripts");
        frame.allow = "loopback-network; local-network-access";
        frame.srcdoc = `<script>fetch(${JSON.stringify(`${url}/models`)}, { headers: { authorization: ${JSON.stringify(`Bearer ${grant}`)} }, targetAddressSpace: "loopback" })
          .then(() => "read", () => "failed").then((outcome) => parent.postMessage(outcome, "*"));</script>`;
        document.body.append(frame);
      }),
    { url: bridge.url, grant: token },
  );
}

async function open(server: Server, permission: Permission): Promise<Page> {
  context = await browser.newContext();
  const page = await context.newPage();
  await permit(originOf(server), permission, page);
  await page.goto(originOf(server));
  return page;
}

/** In Chromium 156 both names of the permission are known to automation. */
async function permit(origin: string, setting: Permission, page: Page): Promise<void> {
  const own = await page.context().newCDPSession(page);
  const { targetInfo } = await own.send("Target.getTargetInfo");
  const whole = await browser.newBrowserCDPSession();
  for (const name of ["local-network-access", "loopback-network"]) {
    await whole.send("Browser.setPermission", {
      permission: { name },
      setting,
      origin,
      ...(targetInfo.browserContextId === undefined ? {} : { browserContextId: targetInfo.browserContextId }),
    });
  }
}

function permissionOf(page: Page): Promise<string> {
  return page.evaluate(
    async () => (await navigator.permissions.query({ name: "loopback-network" as PermissionName })).state,
  );
}

/** By the bridge's own log. */
function requestsSeen(): number {
  return bridge.output().split('"event":"request"').length - 1;
}

async function serveEmptyPage(): Promise<Server> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>A page</title><body></body>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const originOf = (server: Server): string => `http://127.0.0.1:${portOf(server)}`;
