import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { openPage } from "./browser.ts";

/** One page that shows components of the package, and beside it, on the same origin, servers that say what a test wants. */
export type ReactGround = AsyncDisposable & {
  url: string;
  /** Every request of the components, in order. */
  seen: SeenCall[];
  /** Of one route, `GET /v1/user/wallet`. */
  on(route: string): SeenCall[];
  /** What a route answers from now on. */
  answer(route: string, reply: Reply): void;
  /** What a route answered before the test. */
  reset(): void;
  open(browser: Browser, asked: Asked, options?: Parameters<typeof openPage>[2]): Promise<Page>;
};

type SeenCall = { route: string; query: URLSearchParams; body: Record<string, unknown>; open: boolean };
type Reply = (response: ServerResponse, call: SeenCall) => void | Promise<void>;

type Asked = {
  /** The address that the page is opened under; the servers are there as well. */
  origin?: string;
  localBridgeBaseUrl?: string;
  locale?: string;
  messages?: Record<string, string>;
  appearance?: Record<string, unknown>;
  show: { component: string; props?: Record<string, unknown>; callbacks?: string[] }[];
};

const root = join(import.meta.dirname, "..", "..");
const html =
  '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Components</title><link rel="stylesheet" href="/page.css"><main id="root"></main><script type="module" src="/page.js"></script></html>';
/** Nothing but the page's own files and servers: what a strict page allows. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' http://127.0.0.1:*; img-src 'self'";

export async function startReactGround(): Promise<ReactGround> {
  const files = await bundlePage();
  const seen: SeenCall[] = [];
  let replies: Record<string, Reply> = { ...usual };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const file = files[url.pathname];
    if (file) {
      response.writeHead(200, { "content-type": file.type, "content-security-policy": policy });
      response.end(file.text);
      return;
    }
    void answerCall(request, response, url);
  });
  async function answerCall(request: IncomingMessage, response: ServerResponse, url: URL) {
    const route = `${request.method} ${url.pathname}`;
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString("utf8");
    const call: SeenCall = { route, query: url.searchParams, body: text ? JSON.parse(text) : {}, open: true };
    response.once("close", () => {
      call.open = false;
    });
    seen.push(call);
    await (replies[route] ?? says(404, { error: { code: "not_found", message: "nothing here" } }))(
      response,
      call,
    );
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    on: (route) => seen.filter((call) => call.route === route),
    answer(route, reply) {
      replies[route] = reply;
    },
    reset() {
      replies = { ...usual };
      seen.length = 0;
    },
    open(browser, { show, origin = url, ...provider }, options) {
      const addresses = { baseUrl: origin, gatewayBaseUrl: `${origin}/v1`, localBridgeBaseUrl: origin };
      const who = { publicAppId: "app_pub_demo", user: { id: "reader" } };
      const asked = encodeURIComponent(
        JSON.stringify({ provider: { ...who, ...addresses, ...provider }, show }),
      );
      return openPage(browser, `${origin}/#${asked}`, { viewport: { width: 720, height: 900 }, ...options });
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function says(status: number, body: unknown): Reply {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
}

export function refuses(status: number, code: string, details: Record<string, unknown> = {}): Reply {
  const message = `refused as ${code}.`;
  return says(status, {
    error: { code, message, type: "api_error", param: null, request_id: "req_refused", details },
  });
}

export type Payer = { mode: string; available: boolean; reason?: string; fee_usd?: string };

/** `GET /v1/user/modes` of a feature with these payers. */
export function modesOf(selected: string, payers: readonly Payer[], fallback = false) {
  const paidBy: Record<string, string> = { byok: "own_key", local: "own_device" };
  return {
    selected,
    fallback_to_platform: fallback,
    items: payers.map(({ fee_usd = "0.00000000", ...payer }) => ({
      ...payer,
      fee_usd,
      paid_by: paidBy[payer.mode] ?? "credits",
      ...(payer.mode === "byok" ? { disclosure_version: `byok-1:${fee_usd}`, credential_id: "key-1" } : {}),
    })),
  };
}

export const wallet = (over: Record<string, string> = {}) => ({
  balance_usd: "9.98740000",
  held_usd: "0.00000000",
  available_usd: "9.98740000",
  spendable_usd: "9.98740000",
  status: "active",
  ...over,
});

export const providerKey = (over: Record<string, unknown> = {}) => ({
  id: "key-1",
  provider: "openai",
  masked: "sk-…wxyz",
  status: "active",
  models_allowed: [],
  fee_usd: "0.00050000",
  ...over,
});

export const settled = (over: Record<string, unknown> = {}) => ({
  request_id: "req_1",
  receipt_id: "rcpt_1",
  feature_key: "customer_reply",
  route_mode: "platform",
  provider: "stub",
  model: "small",
  usage_source: "provider",
  simulated: false,
  charge_usd: "0.00042016",
  fee_usd: "0.00000000",
  upstream_cost_usd: "0.00030000",
  wallet_balance_usd: "9.98697984",
  ...over,
});

/** A streamed answer; without `end` it stays open. */
export function streams(pieces: readonly string[], { end = true, over = {} } = {}): Reply {
  return (response) => {
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "x-modelfaucet-request-id": "req_1",
      "x-modelfaucet-route-mode": "platform",
      "x-modelfaucet-hold-usd": "0.00210000",
    });
    const event = (value: unknown) => response.write(`data: ${JSON.stringify(value)}\n\n`);
    for (const content of pieces) event({ choices: [{ index: 0, delta: { content } }] });
    if (!end) return;
    event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    const usage = { prompt_tokens: 1234, completion_tokens: 56, total_tokens: 1290 };
    event({ choices: [], usage, modelfaucet: settled(over) });
    response.end("data: [DONE]\n\n");
  };
}

const features = [{ feature_key: "customer_reply", route_preference: ["platform", "byok", "local"] }];

const usual: Record<string, Reply> = {
  "POST /v1/sessions": says(200, {
    session_token: "mf_sess_reader",
    expires_in: 3600,
    session_id: "session-1",
    expires_at: "2027-01-01T00:00:00.000Z",
    available_modes: ["platform"],
    features: features.map((feature) => ({ ...feature, privacy: "standard", models: [] })),
    modes: modesOf("auto", []),
  }),
  "GET /v1/user/me": says(200, { app_name: "Larkspur CRM", features }),
  "GET /v1/user/modes": says(
    200,
    modesOf("auto", [
      { mode: "platform", available: true },
      { mode: "byok", available: false, reason: "no_key", fee_usd: "0.00050000" },
      { mode: "local", available: true },
    ]),
  ),
  // The first reading answers, a waiting one waits: nothing changes by itself.
  "GET /v1/user/wallet": (response, call) => {
    if (!call.query.has("changed_from")) says(200, wallet())(response, call);
  },
  "GET /v1/user/provider-keys": says(200, { items: [], next_cursor: null }),
  "GET /v1/models": says(200, {
    data: [
      { id: "auto:customer_reply", owned_by: "modelfaucet" },
      {
        id: "small",
        owned_by: "stub",
        max_output_tokens: 2000,
        pricing: { input_usd: "0.40000000", output_usd: "1.60000000" },
      },
    ],
  }),
  "POST /v1/chat/completions": streams(["Hello **reader**, ", "all is well."]),
};

type Served = { type: string; text: string };

async function bundlePage(): Promise<Record<string, Served>> {
  const folder = join(root, "packages/react");
  const result = await build({
    configFile: false,
    envDir: false,
    logLevel: "error",
    root: folder,
    define: { "process.env.NODE_ENV": JSON.stringify("development") },
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: {
        entry: join(folder, "test-page/main.tsx"),
        formats: ["es"],
        fileName: "page",
        cssFileName: "page",
      },
    },
  });
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) =>
    "output" in one ? one.output : [],
  );
  const script = outputs.find((output) => output.type === "chunk")!.code;
  const css = outputs.find((output) => output.type === "asset" && output.fileName.endsWith(".css"));
  return {
    "/": { type: "text/html", text: html },
    "/page.js": { type: "text/javascript", text: script },
    "/page.css": { type: "text/css", text: css?.type === "asset" ? String(css.source) : "" },
  };
}
