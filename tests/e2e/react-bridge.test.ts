import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launchBrowser, screenshot, seriousFaults } from "./browser.ts";
import { type ReactGround, refuses, says, startReactGround } from "./react-ground.ts";

// The component for the bridge: its five states, pairing and unpairing. The real bridge is in `crm-demo-modes.test.ts`.

let ground: ReactGround;
let browser: Browser;

beforeAll(async () => {
  [ground, browser] = await Promise.all([startReactGround(), launchBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await ground?.[Symbol.asyncDispose]();
});
beforeEach(() => ground.reset());

const show = (component: string, callbacks: string[] = []) => ({ component, callbacks });
const heard = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { heard: [string, unknown][] }).heard);

test("the bridge: nothing there, then a wrong code, then the right one, then models, then unpaired", async () => {
  const page = await ground.open(browser, { show: [show("FaucetLocalBridge", ["onPaired"])] });
  await page.getByText(/Start it with “modelfaucet-bridge start”/).waitFor();
  let paired = false;
  ground.answer("GET /health", (response, call) =>
    says(200, { ok: true, paired, pair: { start: "/pair/start", help: "" } })(response, call),
  );
  const expiresAt = new Date(Date.now() + 300_000).toISOString();
  ground.answer("POST /pair/start", says(201, { pairing_id: "p1", expires_at: expiresAt, code_length: 8 }));
  ground.answer("POST /pair/complete", (response, call) => {
    if (call.body.code !== "BCDF-GHJK") {
      return refuses(403, "invalid_pairing_code", { reason: "wrong", attempts_left: 4 })(response, call);
    }
    paired = true;
    const grant = {
      token: "mf_br_secret",
      grant_id: "g1",
      origin: ground.url,
      models: ["*"],
      expires_at: expiresAt,
    };
    return says(201, grant)(response, call);
  });
  const model = { provider: "ollama", capabilities: ["chat"], context_length: 32768 };
  const items = [
    { ...model, id: "ollama:qwen3:8b", endpoint_id: "ollama" },
    { ...model, id: "box:big", endpoint_id: "box", remote: true },
  ];
  ground.answer("GET /models", says(200, { items }));
  ground.answer(
    "GET /diagnostics",
    says(200, {
      ok: true,
      endpoints: [
        { id: "ollama", name: "Ollama", kind: "ollama", remote: false, reachable: true },
        { id: "box", name: "Office GPU", kind: "vllm", remote: true, reachable: true },
      ],
    }),
  );
  ground.answer("DELETE /pair", (response, call) => {
    paired = false;
    return says(200, { ok: true })(response, call);
  });

  await page.getByRole("button", { name: "Look for models on this computer" }).click();
  await page.getByRole("button", { name: "Pair with this computer" }).click();
  await page.getByText(`The terminal shows a code for ${ground.url}.`).waitFor();
  const code = page.getByLabel("Code");
  await code.fill("xxxx-xxxx");
  await code.press("Enter");
  await page.getByRole("alert").getByText("That code is wrong. 4 more tries.").waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, "react-bridge-code");
  await code.fill("bcdf-ghjk");
  await code.press("Enter");
  await page.getByText("Paired.", { exact: true }).waitFor();
  expect(await page.locator(".mf-models li").allTextContents()).toEqual([
    "ollama:qwen3:8b 32,768",
    "box:big not this computer 32,768",
  ]);
  await expect.poll(async () => (await heard(page)).filter(([name]) => name === "onPaired").length).toBe(1);
  await page.getByRole("button", { name: "Unpair" }).click();
  await page.getByRole("button", { name: "Pair with this computer" }).waitFor();
  expect(paired).toBe(false);
  expect(await page.evaluate(() => JSON.stringify({ ...localStorage }))).not.toContain("mf_br_secret");
});

describe("a page from elsewhere says what keeps it from this computer, and asks for nothing by itself", () => {
  const nobody = "http://127.0.0.1:9";
  let elsewhere: Browser;
  const origin = (name: string) => `http://${name}.example:${new URL(ground.url).port}`;
  beforeAll(async () => {
    // Pages of this machine are never asked; these are taken for public ones, and the first for one with https.
    elsewhere = await launchBrowser([
      "--host-resolver-rules=MAP *.example 127.0.0.1",
      `--ip-address-space-overrides=127.0.0.1:${new URL(ground.url).port}=public`,
      `--unsafely-treat-insecure-origin-as-secure=${origin("crm")}`,
    ]);
  });
  afterAll(() => elsewhere?.close());

  test.each([
    [
      "insecure page",
      "plain",
      null,
      "unsupported",
      /Use another browser, the extension or the desktop app/,
      null,
    ],
    ["undecided", "crm", null, "permission", /Press the button, and allow this page/, "Look for models"],
    [
      "denied",
      "crm",
      [],
      "denied",
      /Allow local network access for it in the browser's site settings/,
      "Look for models",
    ],
    [
      "granted",
      "crm",
      ["local-network-access"],
      "unavailable",
      /No bridge answers on this computer/,
      "Look for models",
    ],
  ] as const)("%s", async (_name, host, granted, state, sentence, next) => {
    const asked: string[] = [];
    const page = await ground.open(
      elsewhere,
      { origin: origin(host), localBridgeBaseUrl: nobody, show: [show("FaucetLocalBridge")] },
      {
        before: async (fresh) => {
          fresh.on("request", (request) => asked.push(request.url()));
          if (granted) await fresh.context().grantPermissions([...granted], { origin: origin(host) });
        },
      },
    );
    await page.locator(`.mf-bridge[data-state="${state}"]`).getByText(sentence).waitFor();
    expect(asked.some((url) => url.startsWith(nobody))).toBe(state === "unavailable");
    const buttons = page.locator(".mf-bridge button");
    expect(await buttons.allTextContents()).toEqual(next ? [expect.stringContaining(next)] : []);
    await page.context().close();
  });
});
