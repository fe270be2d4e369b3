import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { launchBrowser, openPage } from "./browser.ts";
import { type RunningPlatform, startPlatform } from "./running-platform.ts";

type Kind = "developer" | "operator";
type StorageState = NonNullable<BrowserContextOptions["storageState"]>;

export type ConsoleTestbed = AsyncDisposable & {
  platform: RunningPlatform;
  browser: Browser;
  /** What pages logged as errors or threw so far. What a test provokes, it takes out. */
  faults: string[];
  /** A page of somebody who signed in by the printed link, at a path of the console. */
  open: (path: string, options?: BrowserContextOptions & { as?: Kind; before?: Before }) => Promise<Page>;
  /** Calls through the gateway, one after another; the answers' request ids. */
  call: (count: number) => Promise<string[]>;
};

type Before = (page: Page) => Promise<unknown>;

/** The whole platform with a browser, and traffic to look at. */
export async function openConsoleTestbed(): Promise<ConsoleTestbed> {
  const [platform, browser] = await Promise.all([startPlatform(), launchBrowser()]);
  const faults: string[] = [];
  const states = new Map<Kind, StorageState>();
  const watched = (page: Page) => {
    page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(`${page.url()}: ${message.text()}`);
    });
  };
  const stateOf = async (kind: Kind): Promise<StorageState> => {
    const known = states.get(kind);
    if (known) return known;
    const page = await openPage(browser, platform.signInLinks[kind], {
      before: async (fresh) => watched(fresh),
    });
    await page.waitForURL((url) => url.pathname !== "/sign-in");
    const state = await page.context().storageState();
    states.set(kind, state);
    await page.context().close();
    return state;
  };
  return {
    platform,
    browser,
    faults,
    call: (count) => callGateway(platform, count),
    open: async (path, { as = "developer", before, ...options } = {}) =>
      openPage(browser, `${platform.consoleUrl}${path}`, {
        ...options,
        storageState: await stateOf(as),
        before: async (page) => {
          watched(page);
          await before?.(page);
        },
      }),
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await platform[Symbol.asyncDispose]();
    },
  };
}

async function callGateway({ apiUrl, gatewayUrl }: RunningPlatform, count: number): Promise<string[]> {
  const post = (url: string, body: object, token?: string) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
    });
  const opened = await post(`${apiUrl}/v1/sessions`, {
    public_app_id: "app_pub_demo",
    external_user_id: "crm-demo-user",
  });
  const { session_token: token } = (await opened.json()) as { session_token: string };
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const answer = await post(
      `${gatewayUrl}/chat/completions`,
      {
        model: "auto:customer_reply",
        stream: index % 2 === 0,
        max_tokens: 20,
        messages: [{ role: "user", content: "Where is my order?" }],
      },
      token,
    );
    await answer.text();
    ids.push(answer.headers.get("x-request-id") ?? "");
  }
  return ids;
}
