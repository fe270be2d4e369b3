import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join, normalize } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, openPage } from "./browser.ts";
import { type RunningPlatform, startPlatform } from "./running-platform.ts";

// A165: the official client in a browser, unbundled, as a page of a registered origin would use it.

const clientFolder = dirname(createRequire(import.meta.url).resolve("openai"));
let platform: RunningPlatform;
let browser: Browser;
let stranger: Server;

beforeAll(async () => {
  [platform, browser, stranger] = await Promise.all([startPlatform(), launchBrowser(), serveEmptyPage()]);
});

afterAll(async () => {
  await browser?.close();
  await platform?.[Symbol.asyncDispose]();
  stranger?.close();
});

test("streams from a registered origin, through a preflight", async () => {
  const page = await openWithClient(platform.pageUrl);
  const answer = await callOpenAI(page, { token: await openSession({}) });
  expect(answer.text.length).toBeGreaterThan(20);
  expect(answer.error).toBeUndefined();
});

test("reads the body of a 401 and of a 402, each after exactly one attempt", async () => {
  const page = await openWithClient(platform.pageUrl);
  expect(await callOpenAI(page, { token: "mf_sess_unknown" })).toMatchObject({
    error: { status: 401, code: "invalid_session", requestId: expect.stringMatching(/^req_/) },
    attempts: 1,
  });
  const poor = await openSession({ max_spend_usd: "0.00000100" });
  expect(await callOpenAI(page, { token: poor })).toMatchObject({
    error: { status: 402, code: "price_above_maximum", requestId: expect.stringMatching(/^req_/) },
    attempts: 1,
  });
});

test("a page of another origin gets no allow header and no answer, with a good session too", async () => {
  const token = await openSession({});
  const strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const page = await openWithClient(strangerUrl);
  const answer = await callOpenAI(page, { token });
  expect(answer.text).toBe("");
  expect(answer.error?.status).toBeUndefined();
  const preflight = await fetch(`${platform.gatewayUrl}/chat/completions`, {
    method: "OPTIONS",
    headers: {
      origin: strangerUrl,
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization, content-type",
    },
  });
  expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
});

type Answer = {
  text: string;
  attempts: number;
  error?: { status?: number; code?: string; requestId?: string; message: string };
};

/** Streams one completion with the client's own defaults: two retries where the server does not forbid them. */
function callOpenAI(page: Page, input: { token: string }): Promise<Answer> {
  return page.evaluate(
    async ({ token, gatewayUrl }) => {
      const { OpenAI } = globalThis as unknown as Pick<typeof import("openai"), "OpenAI">;
      let attempts = 0;
      const client = new OpenAI({
        baseURL: gatewayUrl,
        apiKey: token,
        dangerouslyAllowBrowser: true,
        fetch: (url, init) => {
          attempts += 1;
          return fetch(url, init);
        },
      });
      let text = "";
      try {
        const stream = await client.chat.completions.create({
          model: "auto:customer_reply",
          messages: [{ role: "user", content: "Where is my order?" }],
          stream: true,
        });
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
        return { text, attempts };
      } catch (caught) {
        const error = caught as { status?: number; code?: string; requestID?: string; message: string };
        const { status, code, requestID, message } = error;
        return {
          text,
          attempts,
          error: {
            message,
            ...(status === undefined ? {} : { status }),
            ...(code ? { code } : {}),
            ...(requestID ? { requestId: requestID } : {}),
          },
        };
      }
    },
    { ...input, gatewayUrl: platform.gatewayUrl },
  );
}

/** The client's own modules, served beside the page as they lie in its package. */
async function openWithClient(url: string): Promise<Page> {
  const page = await openPage(browser, url, {
    before: (fresh) =>
      fresh.route("**/openai-client/**", async (route) => {
        const path = normalize(new URL(route.request().url()).pathname.replace("/openai-client/", ""));
        const body = await readFile(join(clientFolder, path), "utf8");
        await route.fulfill({ contentType: "text/javascript", body });
      }),
  });
  const content = 'import { OpenAI } from "/openai-client/index.mjs"; globalThis.OpenAI = OpenAI;';
  await page.addScriptTag({ type: "module", content });
  await page.waitForFunction("globalThis.OpenAI");
  return page;
}

/** As a page of the registered origin does it. */
async function openSession(narrowed: Record<string, unknown>): Promise<string> {
  const response = await fetch(`${platform.apiUrl}/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: platform.pageUrl },
    body: JSON.stringify({ public_app_id: "app_pub_demo", external_user_id: "crm-demo-user", ...narrowed }),
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { session_token: string }).session_token;
}

async function serveEmptyPage(): Promise<Server> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.end("<!doctype html><title>Another origin</title>");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
