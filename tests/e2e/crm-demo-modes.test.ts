import { type RunningBridge, startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { launchBrowser, openPage, screenshot, seriousFaults } from "./browser.ts";
import { type RunningPlatform, startPlatform } from "./running-platform.ts";

// One page, one button, three payers: credits, a key of the user's own at its vendor, a model on the user's computer. The
// vendor is a stub in the place of api.openai.com, the computer has the real bridge before a stub of Ollama.

let platform: RunningPlatform;
let browser: Browser;
let vendor: StubUpstream;
let ollama: LocalServer;
let bridge: RunningBridge;
let page: Page;

const ownKey = "sk-own-0123456789abcdefghijklmnopqrstuvwxyz";
const feeUnits = 50_000n;

beforeAll(async () => {
  [vendor, ollama, browser] = await Promise.all([
    startStubUpstream(),
    startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 8192 }]),
    launchBrowser(),
  ]);
  bridge = await startBridge({
    config: `version: 1
endpoints: [{ id: ollama, name: Ollama on this computer, kind: ollama, base_url: "${ollama.baseUrl}" }]
aliases: { default: "ollama:qwen3:8b" }
`,
  });
  platform = await startPlatform({
    MODELFAUCET_HOST_MAP: `api.openai.com=127.0.0.1:${vendor.port}!`,
    VITE_MODELFAUCET_BRIDGE_URL: bridge.url,
  });
  page = await openPage(browser, platform.pageUrl);
});
afterAll(async () => {
  await browser?.close();
  await platform?.[Symbol.asyncDispose]();
  await bridge?.stop();
  await ollama?.close();
  await vendor?.close();
});
beforeEach(() => {
  vendor.reset();
  ollama.script({});
});

const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 15_000 });
const units = (amount: string) => BigInt(amount.replace(".", ""));
const balance = async () => units((await page.getByTestId("balance").textContent()) ?? "");
const suggest = () => page.getByRole("button", { name: /^Suggest a/ });
const payer = (name: RegExp) => page.getByRole("radio", { name });
const paidBy = (mode: string) => page.locator(`[data-paid-by="${mode}"]`);
const newestRow = () => page.locator(".request").first();
const isSettled = async () => (await newestRow().getAttribute("data-state")) === "settled";

/** The sentence that always stands there, and who it names. */
const namedPayer = async () =>
  /^Paid by: (.*)\. Only you can change this\.$/.exec(
    (await page.locator(".payers .mf-payer-mode").textContent()) ?? "",
  )?.[1];

/** Requests of the page to the gateway for an answer, and what they asked for. */
function watchCalls(): { calls: string[]; stop: () => void } {
  const calls: string[] = [];
  const listener = (request: { method(): string; url(): string }) => {
    if (request.method() === "POST" && request.url().endsWith("/chat/completions")) calls.push(request.url());
  };
  page.on("request", listener);
  return { calls, stop: () => page.off("request", listener) };
}

test("A189: before the first call every payer is there with its price, and who pays is said", async () => {
  const { calls, stop } = watchCalls();
  await page.getByTestId("balance").waitFor({ state: "attached" });
  await eventually(() => page.locator(".payers .mf-mode").allTextContents()).toEqual([
    expect.stringMatching(/^Credits\$0\.\d+ per million tokens in, \$\d\.\d+ out$/),
    "Your key$0.0005 per request, plus your provider’s billAdd a key first",
    "This computerFree",
  ]);
  expect(await namedPayer()).toBe("Credits");
  await page.getByText(/^About \$0\.\d+, at most \$0\.\d+, from your balance of \$10\.00\.$/).waitFor();
  expect(calls).toEqual([]);
  expect(ollama.modelCalls).toEqual([]);
  stop();
});

test("credits pay, and the answer says so", async () => {
  const before = await balance();
  await suggest().click();
  await paidBy("platform").getByText("Paid by credits").waitFor();
  await eventually(balance).toBeLessThan(before);
  expect(vendor.billableCalls).toBe(0);
  expect(ollama.modelCalls).toHaveLength(0);
});

test("A157: an own key is chosen before there is one: nothing is sent and nobody else pays", async () => {
  const before = await balance();
  await payer(/^Your key/).check();
  await eventually(namedPayer).toBe("Your key");
  await suggest().click();
  const alert = page.getByRole("alert");
  await alert.getByText(/You were not charged\./).waitFor();
  expect(await balance()).toBe(before);
  expect(vendor.billableCalls).toBe(0);
  await page.getByRole("heading", { name: "Your provider keys" }).waitFor();
  await screenshot(page, "crm-demo-byok-missing");
});

test("A158: a key is saved once its text is ticked, pays at the printed fee, and is nowhere in the page", async () => {
  const save = page.getByRole("button", { name: "Save key" });
  const agree = page.getByRole("checkbox", { name: "I have read this" });
  await page
    .getByText(
      "You use your own OpenAI key. OpenAI bills you for the usage. CRM Demo charges only the fee shown here: $0.0005 per request.",
    )
    .first()
    .waitFor();
  const field = page.getByLabel("API key");
  await field.fill("sk-ant-of-another-vendor-0123456789");
  expect(await save.isDisabled()).toBe(true);
  await agree.check();
  await save.click();
  await page.locator("#setup").getByRole("alert").waitFor();
  expect(vendor.calls).toBe(0);
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, "crm-demo-byok-form");

  await field.fill(ownKey);
  await field.press("Enter");
  await page.getByText(/^Key sk-.*wxyz is saved\.$/).waitFor();
  const before = await balance();
  await page.getByText(/^\$0\.0005 fee, and what OpenAI bills you/).waitFor();
  await suggest().click();
  const line = paidBy("byok");
  await line.getByText("Paid by your key").waitFor();
  await line.getByText("$0.0005", { exact: true }).waitFor();
  await line.getByText(/^Paid to OpenAI, about <?\$0\.\d+; fee \$0\.0005\.$/).waitFor();
  await eventually(balance).toBe(before - feeUnits);
  expect(vendor.billableCalls).toBe(1);
  expect(vendor.requests.at(-1)?.headers.authorization).toBe(`Bearer ${ownKey}`);
  expect(await newestRow().textContent()).toContain("your key");

  await line.getByRole("button", { name: "receipt" }).click();
  const slip = page.getByRole("dialog", { name: "Receipt" });
  await slip.getByText("Adds up: this page computed every sum again.").waitFor();
  await slip.getByText("paid to OpenAI").waitFor();
  expect(await slip.getByRole("img", { name: /^wrong/ }).count()).toBe(0);
  await screenshot(page, "crm-demo-byok-receipt");
  await page.keyboard.press("Escape");
  const kept = await page.evaluate(() =>
    JSON.stringify([document.documentElement.outerHTML, { ...localStorage }, { ...sessionStorage }]),
  );
  expect(kept).not.toContain(ownKey);
});

test("A156: a key that fails is an error: the wallet stays, and no other payer steps in", async () => {
  vendor.script("*", { status: 401 });
  const before = await balance();
  await suggest().click();
  await page
    .getByRole("alert")
    .getByText(/You were not charged\./)
    .waitFor();
  expect(vendor.billableCalls).toBe(1);
  expect(await balance()).toBe(before);
  await eventually(namedPayer).toBe("Your key");
  expect(await newestRow().getAttribute("data-state")).toBe("failed");
  await screenshot(page, "crm-demo-byok-failed");
});

test("A157: credits step in for the failed key only once the user has ticked it, and each answer says so", async () => {
  const fallback = page.getByRole("checkbox", {
    name: "If my key fails, use my credits and charge my balance.",
  });
  expect(await fallback.isChecked()).toBe(false);
  await fallback.check();
  const isSet = async () =>
    (await page.locator(".payers [aria-busy=true]").count()) === 0 && (await fallback.isChecked());
  await eventually(isSet).toBe(true);
  const before = await balance();
  await suggest().click();
  await paidBy("platform").getByText("Paid by credits").waitFor();
  await eventually(balance).toBeLessThan(before);
  expect(await newestRow().textContent()).not.toContain("your key");
  expect(await namedPayer()).toBe("Your key");
  await fallback.uncheck();
  await eventually(async () => (await page.locator(".payers [aria-busy=true]").count()) === 0).toBe(true);
  expect(await fallback.isChecked()).toBe(false);
});

test("this computer answers once it is paired: nothing of it goes to the servers but counts", async () => {
  ollama.script({ pieces: ["Good day, ", "the second payment ", "has been refunded."] });
  const before = await balance();
  const { calls, stop } = watchCalls();
  await payer(/^This computer/).check();
  await eventually(namedPayer).toBe("This computer");
  await page.getByText(/Your prompt is not sent to ModelFaucet or an AI provider/).waitFor();
  const setup = page.locator("#setup");
  await setup.getByRole("button", { name: "Pair with this computer" }).click();
  await setup.getByText(`The terminal shows a code for ${new URL(platform.pageUrl).origin}.`).waitFor();
  const { stdout } = await bridge.command("pair");
  const code = /\b[A-Z0-9]{4}-[A-Z0-9]{4}\b/.exec(stdout.replaceAll(platform.pageUrl, ""))![0];
  await setup.getByLabel("Code").fill("BBBB-BBBB");
  await setup.getByRole("button", { name: "Enter code" }).click();
  await setup.getByRole("alert").getByText("That code is wrong. 4 more tries.").waitFor();
  await screenshot(page, "crm-demo-local-code");
  await setup.getByLabel("Code").fill(code.toLowerCase());
  await setup.getByLabel("Code").press("Enter");
  await setup.getByText("ollama:qwen3:8b").waitFor();
  expect(await seriousFaults(page)).toEqual([]);

  await suggest().click();
  await paidBy("local").getByText("Paid by this computer").waitFor();
  expect(await page.getByRole("textbox", { name: /^Reply to/ }).inputValue()).toBe(
    "Good day, the second payment has been refunded.",
  );
  await paidBy("local")
    .getByText(/counts reported$/)
    .waitFor();
  await eventually(isSettled).toBe(true);
  expect(await newestRow().textContent()).toContain("this computer");
  expect(calls.filter((url) => url.startsWith(platform.gatewayUrl))).toEqual([]);
  expect(ollama.modelCalls).toHaveLength(1);
  expect(await balance()).toBe(before);
  stop();
  await screenshot(page, "crm-demo-local");
});

test.each([
  ["light", 1440],
  ["dark", 1440],
  ["light", 320],
  ["dark", 320],
] as const)(
  "%s at %i px: each payer's screen is whole and without a serious fault",
  async (colorScheme, width) => {
    const fresh = await openPage(browser, platform.pageUrl, {
      colorScheme,
      viewport: { width, height: width === 320 ? 740 : 900 },
    });
    for (const [name, label] of [
      ["credits", /^Credits/],
      ["byok", /^Your key/],
      ["local", /^This computer/],
    ] as const) {
      await fresh.getByRole("radio", { name: label }).check();
      await expect.poll(() => fresh.locator(".payers [aria-busy=true]").count(), { timeout: 15_000 }).toBe(0);
      if (name === "byok") await fresh.getByText("sk-").first().waitFor();
      if (name === "local") await fresh.locator(".mf-bridge:not([data-state=checking])").waitFor();
      const sideways = await fresh.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(sideways).toBeLessThanOrEqual(0);
      expect(await seriousFaults(fresh)).toEqual([]);
      await screenshot(fresh, `crm-demo-${name}-${colorScheme}-${width}`, width === 320);
    }
    await fresh.context().close();
  },
);

test("unpaired, this computer answers nothing, and nobody else does", async () => {
  await page.reload();
  await page.getByTestId("balance").waitFor({ state: "attached" });
  const before = await balance();
  const asked = ollama.modelCalls.length;
  await page.locator("#setup").getByRole("button", { name: "Unpair" }).click();
  await page.locator("#setup").getByRole("button", { name: "Pair with this computer" }).waitFor();
  const { calls, stop } = watchCalls();
  await suggest().click();
  await page.getByRole("alert").first().waitFor();
  expect(calls.filter((url) => url.startsWith(platform.gatewayUrl))).toEqual([]);
  expect(ollama.modelCalls).toHaveLength(asked);
  expect(await balance()).toBe(before);
  const { stdout } = await bridge.command("grants", "--json");
  expect(stdout).not.toContain(new URL(platform.pageUrl).origin);
  stop();
});

test("an operator suspends the app: the open answer ends within two seconds and says why", async () => {
  await payer(/^Credits/).check();
  await eventually(namedPayer).toBe("Credits");
  await suggest().click();
  const draft = page.getByRole("textbox", { name: /^Reply to/ });
  await eventually(() => draft.inputValue()).not.toBe("");
  const setSwitch = async (state: "on" | "off") => {
    const answer = await fetch(`${platform.apiUrl}/v1/admin/switches`, {
      method: "POST",
      headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
      body: JSON.stringify({ target_type: "app", target_id: "app_pub_demo", state, reason: "a test of it" }),
    });
    expect(answer.status, await answer.text()).toBe(200);
  };
  const suspendedAt = performance.now();
  await setSwitch("off");
  await page.getByRole("alert").first().waitFor();
  expect(performance.now() - suspendedAt).toBeLessThan(2_500);
  await page
    .getByRole("alert")
    .getByText(/suspended/)
    .waitFor();
  await screenshot(page, "crm-demo-suspended");
  await setSwitch("on");
  await page.getByText(/Charged <?\$0\.\d+ for what was produced\./).waitFor();
  await page.getByRole("button", { name: "Try again" }).first().click();
  await paidBy("platform").getByText("Paid by credits").waitFor();
});
