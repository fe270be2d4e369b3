import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { FaucetClient, FaucetOptions } from "@modelfaucet/sdk";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { buildPackage } from "../../scripts/build-package.ts";

/** A hosted page, as far as a browser can tell: https, a name of its own, a public address; it runs the built client. */
export type SdkPage = AsyncDisposable & {
  origin: string;
  /** Shows the page to a user of its own, who has answered the browser's question in this way. */
  open(options: Asked): Promise<OpenedPage>;
};

type Asked = {
  faucet: FaucetOptions;
  permission: "granted" | "denied" | "undecided";
  /** Runs before anything of the page does. */
  before?: () => void;
};

export type OpenedPage = {
  page: Page;
  /** What `detectBridge()` found while the page was loading, before its user touched it. */
  onLoad(): Promise<unknown>;
  /** Work on the client in a user's click; an error comes as its own fields. */
  click<T>(work: (faucet: FaucetClient) => Promise<T>): Promise<T | Failed>;
  /** Everything that the page has asked a server for. */
  asked(serverUrl: string): string[];
  close(): Promise<void>;
};

export type Failed = { failed: { code: string; nextStep?: string; details?: Record<string, unknown> } };

const name = "crm.hosted.test";
const html = `<!doctype html><meta charset="utf-8"><title>Hosted page</title><button>Run</button>
<script type="module">
  import { createFaucet } from "/sdk/index.js";
  globalThis.faucet = createFaucet(globalThis.faucetOptions);
  globalThis.onLoad = globalThis.faucet.local.detectBridge();
  document.querySelector("button").onclick = () => { globalThis.clicked = globalThis.work(globalThis.faucet); };
</script>`;

/** `publicUrls`: servers of this machine that stand for ones on the internet. */
export async function startSdkPage(publicUrls: readonly string[]): Promise<SdkPage> {
  const folder = mkdtempSync(join(tmpdir(), "mf-sdk-page-"));
  await buildPackage(join(import.meta.dirname, "../../packages/sdk"), join(folder, "sdk"));
  const server = createServer(selfSigned(folder), (request, response) => {
    const file = /^\/sdk\/[\w.-]+\.js$/.test(request.url ?? "") ? basename(request.url!) : undefined;
    response.setHeader("content-type", file ? "text/javascript" : "text/html");
    response.end(file ? readFileSync(join(folder, "sdk", file)) : html);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `https://${name}:${port}`;
  const browser = await launch([port, ...publicUrls.map((url) => Number(new URL(url).port))]);
  return {
    origin,
    open: (asked) => openPage(browser, origin, asked),
    async [Symbol.asyncDispose]() {
      await browser.close();
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A page from this machine is never asked for its local network, unless the browser is told to take it for a public one. */
function launch(publicPorts: readonly number[]): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      `--host-resolver-rules=MAP ${name} 127.0.0.1`,
      `--ip-address-space-overrides=${publicPorts.map((port) => `127.0.0.1:${port}=public`).join(",")}`,
    ],
  });
}

async function openPage(browser: Browser, origin: string, asked: Asked): Promise<OpenedPage> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  await decide(context, origin, asked.permission);
  const page = await context.newPage();
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await page.addInitScript((options) => Object.assign(globalThis, { faucetOptions: options }), asked.faucet);
  if (asked.before) await page.addInitScript(asked.before);
  await page.goto(origin);
  await page.waitForFunction("globalThis.onLoad !== undefined");
  return {
    page,
    onLoad: () => page.evaluate("globalThis.onLoad"),
    async click(work) {
      await page.evaluate(`globalThis.work = async (faucet) => {
        try { return await (${work.toString()})(faucet); }
        catch (error) { return { failed: { code: error.code, nextStep: error.nextStep, details: error.details } }; }
      }`);
      await page.getByRole("button").click();
      return (await page.evaluate("globalThis.clicked")) as never;
    },
    asked: (serverUrl) => requests.filter((url) => url.startsWith(serverUrl)),
    close: () => context.close(),
  };
}

/** Whoever has granted anything at all has denied the rest; with nothing granted or denied the browser would ask. */
async function decide(
  context: BrowserContext,
  origin: string,
  permission: Asked["permission"],
): Promise<void> {
  if (permission === "granted") await context.grantPermissions(["local-network-access"], { origin });
  if (permission === "denied") await context.grantPermissions([], { origin });
}

function selfSigned(folder: string): { key: Buffer; cert: Buffer } {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  const form = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...form, ...subject, "-keyout", key, "-out", cert], {
    stdio: "ignore",
  });
  return { key: readFileSync(key), cert: readFileSync(cert) };
}
