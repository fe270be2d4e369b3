import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { launchBrowser, screenshot, seriousFaults } from "./browser.ts";
import {
  modesOf,
  providerKey,
  type ReactGround,
  refuses,
  says,
  settled,
  startReactGround,
  streams,
  wallet,
} from "./react-ground.ts";

// The components in a browser, under a strict content security policy, against servers that say what a test wants.

const feature = "customer_reply";
const completions = "POST /v1/chat/completions";
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

const show = (component: string, props: Record<string, unknown> = {}, callbacks: string[] = []) => ({
  component,
  props: { feature, ...props },
  callbacks,
});
const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 10_000 });
const heard = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { heard: [string, unknown][] }).heard);
const prompt = (page: Page) => page.getByRole("textbox", { name: "Prompt" });
const byok = { mode: "byok", fee_usd: "0.00050000" };

test("payer and price stand there before the first call, and the answer says who paid", async () => {
  const page = await ground.open(browser, {
    show: [show("FaucetChat", { showUsage: true, showPrice: true }, ["onFinish"])],
  });
  await page.getByText("Paid by: Credits. Only you can change this.").waitFor();
  await page.getByText(/^About \$0\.0\d+, at most \$0\.0\d+, from your balance of \$9\.9874\.$/).waitFor();
  await page.getByText("$0.40 per million tokens in, $1.60 out").waitFor();
  expect(ground.on(completions)).toEqual([]);

  await prompt(page).fill("How are you?");
  await prompt(page).press("Enter");
  await page.locator(".mf-log strong", { hasText: "reader" }).waitFor();
  const rows = page.locator(".mf-usage .mf-rows > div");
  await eventually(() => rows.count()).toBe(9);
  expect(await rows.allTextContents()).toEqual([
    "Requestreq_1",
    "Routeplatform · stub",
    "Modelsmall",
    "Tokens1,234 in, 56 out",
    "Reportcounted by the provider",
    "Charge$0.0004",
    "Fee$0.00",
    "Paid byCredits",
    "Receiptrcpt_1",
  ]);
  expect(ground.on(completions)[0]?.body).toMatchObject({
    model: "auto:customer_reply",
    messages: [{ role: "user", content: "How are you?" }],
  });
  await eventually(async () => (await heard(page)).map(([name]) => name)).toEqual(["onFinish"]);
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, "react-chat");
});

test("a model's HTML, pictures and scripts stay text, and nothing is fetched for them", async () => {
  ground.answer(
    completions,
    streams([
      "<img src=/spy.png onerror=alert(1)> ![chart](/spy.png) [go](javascript:alert(1)) ",
      "[page](https://x.example/a)",
    ]),
  );
  const page = await ground.open(browser, { show: [show("FaucetChat", { initialInput: "x" })] });
  await page.getByRole("button", { name: "Send" }).click();
  const link = page.locator(".mf-log a");
  await link.waitFor();
  expect(await link.evaluateAll((all) => all.map((one) => one.getAttribute("href")))).toEqual([
    "https://x.example/a",
  ]);
  expect(await link.getAttribute("rel")).toBe("noopener noreferrer nofollow");
  await page.getByText("<img src=/spy.png onerror=alert(1)> chart go").waitFor();
  expect(await page.locator(".mf-log img, .mf-log script").count()).toBe(0);
  expect(ground.on("GET /spy.png")).toEqual([]);
});

test("with a history earlier turns go along, without one each question stands alone", async () => {
  for (const history of [true, false]) {
    ground.reset();
    const page = await ground.open(browser, { show: [show("FaucetChat", { history })] });
    for (const question of ["First?", "Second?"]) {
      await prompt(page).fill(question);
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
      await page.locator(".mf-assistant").last().getByText("all is well.").waitFor();
    }
    const messages = ground.on(completions).map(({ body }) => (body.messages as unknown[]).length);
    expect(messages).toEqual(history ? [1, 3] : [1, 1]);
    expect(await page.locator(".mf-message").count()).toBe(history ? 4 : 1);
    await page.context().close();
  }
});

test("stopping ends the call and says what it took; leaving the page ends it, too", async () => {
  ground.answer(completions, streams(["Only the beginning"], { end: false }));
  const item = { request_id: "req_1", receipt_id: "rcpt_1", charge_usd: "0.00012000" };
  ground.answer(
    "GET /v1/user/usage",
    says(200, { items: [{ ...item, status: "aborted" }], next_cursor: null }),
  );
  const page = await ground.open(browser, { show: [show("FaucetChat", { initialInput: "x" })] });
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Only the beginning").waitFor();
  await page.getByText("$0.0021 held while it writes.").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped. Charged $0.0001 for what was produced.").waitFor();
  await eventually(() => ground.on(completions)[0]?.open).toBe(false);
  expect(ground.on(completions), "stopping asks for nothing new").toHaveLength(1);
  expect(await heard(page)).toEqual([]);

  await page.getByRole("button", { name: "Send" }).click();
  await eventually(() => ground.on(completions).length).toBe(2);
  // The hold has been read, and the wallet waits for another balance again: nothing is on its way.
  await eventually(() => ground.seen.at(-1)?.query.has("changed_from")).toBe(true);
  const before = ground.seen.length;
  await page.evaluate(() => (globalThis as unknown as { unmount: () => void }).unmount());
  await eventually(() => ground.seen.filter(({ open }) => open)).toEqual([]);
  // A page that is gone asks for nothing more: whatever it still wanted would have been sent before this answer.
  await page.evaluate(() => fetch("/after"));
  expect(ground.seen.slice(before).map(({ route }) => route)).toEqual(["GET /after"]);
});

test.each([
  [
    402,
    "insufficient_balance",
    { required_usd: "0.50000000", balance_usd: "0.10000000", held_usd: "0.05000000" },
    /This needs \$0\.50\. Your balance is \$0\.10, of which running requests hold \$0\.05\. Top up/,
  ],
  [
    402,
    "budget_exceeded",
    { limit: { level: "user", window: "day", limit_usd: "1.00000000", reset_at: "2026-11-26T00:00:00Z" } },
    /A limit is reached: \$1\.00 per day\. It starts anew at Nov 2\d, 2026/,
  ],
  [401, "byok_key_invalid", {}, /refused as byok_key_invalid\. You were not charged\./],
  [502, "provider_error", {}, /refused as provider_error\. You were not charged\./],
] as const)("%i %s is an alert that says what to do", async (status, code, details, sentence) => {
  ground.answer(completions, (response, call) => {
    response.setHeader("x-should-retry", "false");
    return refuses(status, code, details)(response, call);
  });
  const page = await ground.open(browser, { show: [show("FaucetChat", { initialInput: "x" }, ["onError"])] });
  await page.getByRole("button", { name: "Send" }).click();
  const alert = page.getByRole("alert");
  await alert.getByText(sentence).waitFor();
  await alert.getByText("req_refused").waitFor();
  expect(ground.on(completions)).toHaveLength(1);
  await eventually(async () => (await heard(page)).map(([name]) => name).sort()).toEqual([
    "error",
    "onError",
  ]);
});

test("an answer that breaks off says what it took, and that only once the books do", async () => {
  ground.answer(completions, (response, call) => {
    streams(["Half an ans"], { end: false })(response, call);
    const error = { code: "suspended", message: "This app is suspended.", type: "permission_error" };
    response.end(`data: ${JSON.stringify({ error })}\n\n`);
  });
  let status = "pending";
  ground.answer("GET /v1/user/usage", (response, call) => {
    const item = { request_id: "req_1", charge_usd: "0.00031000", status };
    return says(200, { items: [item], next_cursor: null })(response, call);
  });
  const page = await ground.open(browser, { show: [show("FaucetChat", { initialInput: "x" })] });
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("alert").getByText("This app is suspended.").waitFor();
  await page.getByText("Half an ans").waitFor();
  await page.getByText(/^Stopped\. The charge for what was produced/).waitFor();
  expect(await page.getByText("not charged").count()).toBe(0);
  status = "aborted";
  await page.getByText("Stopped. Charged $0.0003 for what was produced.").waitFor();
});

test("switching the payer takes effect on the next call, and each price is there before", async () => {
  const payers = [
    { mode: "platform", available: true },
    { ...byok, available: true },
    { mode: "local", available: true },
  ];
  ground.answer("GET /v1/user/modes", says(200, modesOf("platform", payers)));
  ground.answer("GET /v1/user/provider-keys", says(200, { items: [providerKey()], next_cursor: null }));
  let selected = "platform";
  ground.answer("PUT /v1/user/modes", (response, call) => {
    selected = String(call.body.mode);
    const fallback = call.body.fallback_to_platform === true;
    return says(200, modesOf(selected, payers, fallback))(response, call);
  });
  ground.answer(completions, (response, call) => {
    const paid = { route_mode: "byok", provider: "openai", charge_usd: "0.00050000", fee_usd: "0.00050000" };
    return streams(["Yes."], { over: { ...paid, provider_estimate_usd: "0.00123400" } })(response, call);
  });
  const page = await ground.open(browser, {
    show: [show("FaucetModeSwitch"), show("FaucetChat", { initialInput: "x" })],
  });
  const modes = page.locator(".mf-mode");
  await page.getByText("$0.40 per million tokens in, $1.60 out").waitFor();
  await eventually(() => modes.allTextContents()).toEqual([
    "Credits$0.40 per million tokens in, $1.60 out",
    "Your key$0.0005 per request, plus OpenAI’s bill",
    "This computerFree",
  ]);
  await page.getByRole("radio", { name: /Your key/ }).check();
  const disclosure =
    "You use your own OpenAI key. OpenAI bills you for the usage. Larkspur CRM charges only the fee shown here: $0.0005 per request.";
  await eventually(() => page.locator(".mf-chat").getByText(disclosure).count()).toBe(1);
  await page.locator(".mf-modes").getByText(disclosure).waitFor();
  await page.locator(".mf-chat").getByText("Paid by: Your key. Only you can change this.").waitFor();
  const fallback = page.getByRole("checkbox", { name: /If my key fails, use my credits/ });
  expect(await fallback.isChecked()).toBe(false);
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, "react-modes");

  await page.getByRole("button", { name: "Send" }).click();
  await page.getByText("Paid to OpenAI, about $0.0012; fee $0.0005.").waitFor();
  await fallback.check();
  await eventually(() => fallback.isChecked()).toBe(true);
  expect(ground.on("PUT /v1/user/modes").map(({ body }) => body)).toEqual([
    { mode: "byok", feature_key: feature },
    {
      mode: "byok",
      feature_key: feature,
      fallback_to_platform: true,
      disclosure_version: "byok-1:0.00050000",
    },
  ]);
});

test("a raised fee asks again, and nothing is sent until the user has agreed", async () => {
  const asking = { ...byok, fee_usd: "0.00200000", available: false, reason: "disclosure_required" };
  let agreed = false;
  const modes = () =>
    modesOf("byok", [
      { mode: "platform", available: true },
      agreed ? { ...byok, fee_usd: "0.00200000", available: true } : asking,
    ]);
  ground.answer("GET /v1/user/modes", (response, call) => says(200, modes())(response, call));
  ground.answer("GET /v1/user/provider-keys", says(200, { items: [providerKey()], next_cursor: null }));
  ground.answer("PUT /v1/user/modes", (response, call) => {
    agreed = call.body.disclosure_version === "byok-1:0.00200000";
    return says(200, modes())(response, call);
  });
  const page = await ground.open(browser, { show: [show("FaucetChat", { initialInput: "x" })] });
  await page.getByText(/charges only the fee shown here: \$0\.002 per request/).waitFor();
  const send = page.getByRole("button", { name: "Send" });
  const use = page.getByRole("button", { name: "Use my key" });
  expect(await send.isDisabled()).toBe(true);
  expect(await use.isDisabled()).toBe(true);
  await prompt(page).press("Enter");
  await page.getByRole("checkbox", { name: "I have read this" }).check();
  await use.click();
  await eventually(() => send.isDisabled()).toBe(false);
  expect(agreed).toBe(true);
  expect(ground.on(completions)).toEqual([]);
});

test("a key is sent once, after its text is ticked, and then is nowhere in the page", async () => {
  const secret = "sk-test-0123456789abcdefghijklmnop";
  let saved = false;
  ground.answer("GET /v1/user/provider-keys", (response, call) =>
    says(200, { items: saved ? [providerKey()] : [], next_cursor: null })(response, call),
  );
  ground.answer("POST /v1/user/provider-keys", (response, call) => {
    saved = true;
    return says(201, providerKey())(response, call);
  });
  const page = await ground.open(browser, { show: [show("FaucetByokForm", {}, ["onAdded"])] });
  const save = page.getByRole("button", { name: "Save key" });
  const agree = page.getByRole("checkbox", { name: "I have read this" });
  await page.getByText(/Larkspur CRM charges only the fee shown here: \$0\.0005 per request\./).waitFor();
  await page.getByLabel("API key").fill(secret);
  expect(await save.isDisabled()).toBe(true);
  await agree.check();
  expect(await save.isDisabled()).toBe(false);
  await page.getByLabel("Provider", { exact: true }).selectOption("mistral");
  expect(await save.isDisabled(), "the tick was for another provider's text").toBe(true);
  await page.getByLabel("Provider", { exact: true }).selectOption("openai");
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, "react-byok-form");
  await agree.check();
  await page.getByLabel("API key").press("Enter");
  await page.getByText("Key sk-…wxyz is saved.").waitFor();
  expect(ground.on("POST /v1/user/provider-keys").map(({ body }) => body)).toEqual([
    { provider: "openai", api_key: secret, disclosure_version: "byok-1:0.00050000" },
  ]);
  const kept = await page.evaluate(() =>
    JSON.stringify([
      document.documentElement.outerHTML,
      [...document.querySelectorAll("input")].map(({ value }) => value),
      { ...localStorage },
      { ...sessionStorage },
      (globalThis as unknown as { heard: unknown }).heard,
    ]),
  );
  expect(kept).not.toContain(secret);
});

test("a key that its provider refuses stays an error, is tested and removed by its row", async () => {
  ground.answer("POST /v1/user/provider-keys", refuses(400, "secret_validation_failed"));
  const page = await ground.open(browser, { show: [show("FaucetByokForm")] });
  await page.getByLabel("API key").fill("sk-wrong");
  await page.getByRole("checkbox", { name: "I have read this" }).check();
  await page.getByRole("button", { name: "Save key" }).click();
  await page.getByRole("alert").getByText("refused as secret_validation_failed.").waitFor();

  let removed = false;
  ground.answer("GET /v1/user/provider-keys", (response, call) =>
    says(200, { items: removed ? [] : [providerKey({ status: "invalid" })], next_cursor: null })(
      response,
      call,
    ),
  );
  ground.answer("POST /v1/user/provider-keys/key-1/test", says(200, { ok: false, reason: "key_invalid" }));
  ground.answer("DELETE /v1/user/provider-keys/key-1", (response, call) => {
    removed = true;
    return says(200, { ok: true })(response, call);
  });
  await page.reload();
  await page.getByText("Refused by its provider").waitFor();
  await page.getByRole("button", { name: "Test sk-…wxyz" }).click();
  await page.getByText("OpenAI refuses this key.").waitFor();
  await page.getByRole("button", { name: "Remove sk-…wxyz" }).click();
  expect(removed).toBe(false);
  await page.getByRole("button", { name: "Remove for good" }).click();
  await page.getByText("No key saved yet.").waitFor();
});

test("a command takes text or one JSON object, and says where the object is wrong", async () => {
  ground.answer(
    completions,
    says(200, {
      choices: [{ index: 0, message: { role: "assistant", content: "# Done" }, finish_reason: "stop" }],
      modelfaucet: settled({ simulated: true }),
    }),
  );
  const page = await ground.open(browser, { show: [show("FaucetFeatureCommand")] });
  const input = page.getByRole("textbox", { name: "Input" });
  await input.fill('{"ticket": 1');
  await page.getByRole("button", { name: "Run" }).click();
  await page
    .getByRole("alert")
    .getByText(/must be one JSON object/)
    .waitFor();
  expect(ground.on(completions)).toEqual([]);
  await input.fill('{"ticket": 1}');
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("heading", { name: "Done" }).waitFor();
  await page.getByText("Simulated: no AI model answered and no real money moved.").waitFor();
  expect(ground.on(completions)[0]?.body.messages).toEqual([{ role: "user", content: '{"ticket":1}' }]);
});

test("the balance follows the wallet, keeps a value that it cannot read again, and says so", async () => {
  let now = wallet({ held_usd: "0.00210000", available_usd: "9.98530000" });
  ground.answer("GET /v1/user/wallet", (response, call) => says(200, now)(response, call));
  const page = await ground.open(browser, { show: [show("FaucetBalance")] });
  await page.getByText("$9.9853 free · $0.0021 held for running requests").waitFor();
  now = wallet({ balance_usd: "1000000.00000001", available_usd: "1000000.00000001" });
  await page.getByText("$1,000,000.00", { exact: true }).waitFor();
  ground.answer("GET /v1/user/wallet", (response, call) => {
    response.setHeader("x-should-retry", "false");
    return refuses(503, "service_unavailable")(response, call);
  });
  await page.getByText(/as of .*, trying again/).waitFor();
  await page.getByText("$1,000,000.00", { exact: true }).waitFor();
});

test("Chinese, dark, and other words for a disclosure, but never none", async () => {
  const messages = { payer: "", "platform.price": "大概 {estimate}", "chat.submit": "开始" };
  const page = await ground.open(
    browser,
    { locale: "zh-CN", messages, appearance: { theme: "dark" }, show: [show("FaucetChat")] },
    { viewport: { width: 320, height: 640 } },
  );
  await page.getByText("付款方：额度。只有您可以更改。").waitFor();
  await page.getByText(/^约 \$0\.0\d+，最多 \$0\.0\d+，从您的余额 \$9\.9874 中扣除。$/).waitFor();
  await page.getByRole("button", { name: "开始" }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await screenshot(page, "react-chat-zh-dark");
});
