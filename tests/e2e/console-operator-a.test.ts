import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openPage, screenshot, seriousFaults } from "./browser.ts";
import { balanceOf, callOnce, operatorApi, told, units, weighFiles } from "./console-operator.ts";
import { type ConsoleTestbed, openConsoleTestbed } from "./console-testbed.ts";

let bed: ConsoleTestbed;
/** The end user of the demo app who has money and has spent some. */
let walletId: string;

beforeAll(async () => {
  // The worker judges its alert rules once in each of these minutes.
  process.env.MODELFAUCET_MINUTE_MS = "1000";
  bed = await openConsoleTestbed();
  await bed.call(3);
  const page = await open("/operator");
  const { items } = await api(page, "GET", "/v1/admin/wallets?public_app_id=app_pub_demo");
  walletId = items[0]!.id!;
  await page.context().close();
});

afterAll(async () => {
  await bed?.[Symbol.asyncDispose]();
});

/** What is awaited here takes moments; a busy machine may take longer. */
const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 15_000 });
const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

test("a wallet is credited once, however often it is sent, and shows the transaction", async () => {
  const page = await open("/operator/wallets");
  await page.getByLabel("Owner is").selectOption({ label: "End user" });
  await page.getByLabel("Public app id").fill("app_pub_demo");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/operator/wallets?scope=end_user&app=app_pub_demo");
  const row = page.locator(`[data-row="${walletId}"]`);
  await row.getByRole("link").first().click();
  await page.getByRole("heading", { name: /^Balance of user/ }).waitFor();
  const before = await balanceOf(page);
  const rows = page.getByRole("region", { name: "Transactions" }).locator("[data-row]");
  await rows.first().waitFor();
  const count = await rows.count();

  const keys: string[] = [];
  const path = "**/v1/admin/wallets/*/credit-test-balance";
  // The money moves, and nobody hears of it.
  await page.route(path, async (route) => {
    keys.push(route.request().headers()["idempotency-key"] ?? "");
    await route.fetch();
    await route.abort();
  });
  await page.getByRole("button", { name: "Add test credit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Amount, USD").fill("1e3");
  await dialog.getByText(/a decimal above 0/).waitFor();
  await dialog.getByLabel("Amount, USD").fill("2.5");
  await dialog.getByText(/The balance goes from/).waitFor();
  const told = await dialog.locator("[data-usd]").allTextContents();
  expect(told.map(units)).toEqual([before, before + 250_000_000n]);
  await screenshot(page, "console-operator-credit");
  await dialog.getByRole("button", { name: "Credit $2.50" }).click();
  await dialog
    .getByRole("alert")
    .getByText(/does not answer/)
    .waitFor();

  await page.unroute(path);
  page.on("request", (request) => {
    if (request.url().endsWith("/credit-test-balance")) keys.push(request.headers()["idempotency-key"] ?? "");
  });
  await dialog.getByRole("button", { name: "Credit $2.50" }).dblclick();
  await dialog.getByText(/got \$2\.50 of test money/).waitFor();
  await screenshot(page, "console-operator-credited");
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  expect(keys).toEqual([keys[0], keys[0]]);
  expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  await eventually(() => balanceOf(page)).toBe(before + 250_000_000n);
  await eventually(() => rows.count()).toBe(count + 1);
  expect(await rows.first().textContent()).toContain("credit +$2.50");
  await screenshot(page, "console-operator-wallet", true);

  await rows
    .first()
    .getByRole("link", { name: /\$2\.50/ })
    .click();
  await page.waitForURL("**/operator/books/transactions/test_credit_*");
  await page.getByRole("img", { name: "checked: both sides are the same" }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: /^Balance of user/ }).waitFor();
  await page.context().close();
});

test("an adjustment says what it will do; what is refused moves nothing and can be tried anew", async () => {
  const page = await open(`/operator/wallets/${walletId}?kind=adjustment`);
  await page.getByRole("button", { name: "Adjust balance" }).click();
  const before = await balanceOf(page);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Direction").selectOption({ label: "Debit" });
  await dialog.getByLabel("Amount, USD").fill("9999");
  await dialog.getByText(/this debit will be refused/).waitFor();
  await dialog.getByRole("button", { name: "Debit $9,999.00" }).click();
  // Without a reason the form does not leave.
  expect(await dialog.getByLabel("Reason").evaluate((field: HTMLInputElement) => field.validity.valid)).toBe(
    false,
  );
  await dialog.getByLabel("Reason").fill("a charge that was booked twice");
  await dialog.getByRole("button", { name: "Debit $9,999.00" }).click();
  await dialog.getByRole("alert").waitFor();
  await screenshot(page, "console-operator-debit-refused");
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByLabel("Amount, USD").fill("0.00000001");
  await eventually(() => dialog.getByRole("alert").count()).toBe(0);
  await dialog.getByText(/The balance goes from/).waitFor();
  await dialog.getByRole("button", { name: "Debit $0.00000001" }).click();
  await dialog.getByText(/was debited/).waitFor();
  await dialog.getByRole("link", { name: "Open transaction" }).waitFor();
  await screenshot(page, "console-operator-debited");
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await eventually(() => balanceOf(page)).toBe(before - 1n);
  const first = page.getByRole("region", { name: "Transactions" }).locator("[data-row]").first();
  await eventually(() => first.textContent()).toContain("a charge that was booked twice");
  expect(await first.textContent()).toContain("debit −<$0.0001");
  const { items } = await api(page, "GET", `/v1/admin/wallets/${walletId}/transactions?kind=adjustment`);
  expect(items.filter(({ text }) => text?.includes("booked twice"))).toHaveLength(1);
  await page.context().close();
});

test("a limit that is set refuses, names itself, and is cleared", async () => {
  const page = await open("/operator/limits");
  await page.getByText("No limit of yours yet").waitFor();
  await screenshot(page, "console-operator-empty-limits");
  await page.getByRole("button", { name: "Set limit" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Level").selectOption({ label: "Feature" });
  await dialog.getByLabel("App and feature").fill("app_pub_demo/no_such_feature");
  await dialog.getByLabel("At most, USD").fill("a lot");
  await dialog.getByLabel("Reason").fill("it spends more than it should");
  await dialog.getByRole("button", { name: "Set limit" }).click();
  await dialog.getByText(/must be a decimal string/).waitFor();
  await dialog.getByLabel("At most, USD").fill("1000000");
  await dialog.getByRole("button", { name: "Set limit" }).click();
  await dialog.getByText("there is no such feature").waitFor();
  await screenshot(page, "console-operator-limit-faults");
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByLabel("App and feature").fill("app_pub_demo/customer_reply");
  await dialog.getByRole("button", { name: "Set limit" }).click();
  const row = page.locator("[data-row]", { hasText: "app_pub_demo/customer_reply" });
  await row.getByRole("cell", { name: "$1,000,000.00 a day" }).last().waitFor();
  expect((await callOnce(bed)).status).toBe(200);

  await row.getByRole("button", { name: "Change" }).click();
  await dialog.getByLabel("At most, USD").fill("0.00000001");
  await dialog.getByLabel("Reason").fill("it spends more than it should");
  await dialog.getByRole("button", { name: "Set limit" }).click();
  await row.getByRole("cell", { name: "$0.00000001 a day" }).last().waitFor();
  await row.getByText("reached").waitFor();
  const refused = await callOnce(bed);
  expect(refused).toMatchObject({
    status: 402,
    body: { error: { code: "budget_exceeded", details: { limit: { level: "feature", window: "day" } } } },
  });
  await screenshot(page, "console-operator-limits");

  await row.getByRole("button", { name: "Clear" }).click();
  await dialog.getByText("no longer holds for feature").waitFor();
  await dialog.getByLabel("Reason").fill("no longer needed");
  await screenshot(page, "console-operator-limit-clear");
  await dialog.getByRole("button", { name: "Clear limit" }).click();
  await page.getByText("No limit of yours yet").waitFor();
  expect((await callOnce(bed)).status).toBe(200);
  await page.context().close();
});

test("an alert opens, is acknowledged, and closes when its reason is gone", async () => {
  const page = await open("/operator");
  await page.getByText("Nothing is wrong").waitFor();
  await screenshot(page, "console-operator-empty-overview");
  const { "auto-text": models } = await api(page, "GET", "/v1/admin/settings");
  const setModels = (list: unknown) =>
    api(page, "PUT", "/v1/admin/settings", { "auto-text": list, reason: "a test of alerts" });
  await setModels([{ provider: "simulated", model: "nobody-priced-it" }, ...(models as never as unknown[])]);
  // The page asks again by itself, only not as soon as the worker knows.
  await eventually(async () => (await api(page, "GET", "/v1/admin/alerts?state=open")).items.length).toBe(1);
  await page.reload();
  const card = page.getByRole("region", { name: "Open alerts" });
  await card.getByText("simulated/nobody-priced-it").waitFor();
  await card.getByText("1 ticket").waitFor();
  await screenshot(page, "console-operator-overview", true);

  await card.getByRole("link", { name: "All alerts" }).click();
  await page.getByRole("heading", { name: "Alerts", level: 1 }).waitFor();
  const row = page.locator("[data-row]", { hasText: "simulated/nobody-priced-it" });
  await row.waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await row.getByText("price_missing").waitFor();
  await row.getByRole("button", { name: "Acknowledge" }).click();
  await row.getByText("operator@example.com looks after it").waitFor();
  // What was opened stays open.
  expect(await row.getByText("price_missing").count()).toBe(1);
  expect(await row.getByRole("button", { name: "Acknowledge" }).count()).toBe(0);
  await screenshot(page, "console-operator-alerts");
  expect(await seriousFaults(page)).toEqual([]);

  await page.getByLabel("Kind").selectOption({ label: "Page" });
  await page.waitForURL("**/operator/alerts?kind=page");
  await page.getByText("No alert is like that").waitFor();
  await page.goBack();
  await row.waitFor();
  await setModels(models);
  await eventually(async () => (await api(page, "GET", "/v1/admin/alerts?state=open")).items.length).toBe(0);
  await page.getByLabel("State").selectOption({ label: "Closed" });
  await page.waitForURL("**/operator/alerts?state=closed");
  await row.getByText(/^closed/).waitFor();
  await screenshot(page, "console-operator-alerts-closed");
  await page.context().close();
});

test("a developer is added, invited by a link that is shown once, limited and closed", async () => {
  const name = "客户服务与支持工作台 of a company whose name is really long, GmbH & Co. KG";
  const page = await open("/operator/developers");
  const dialog = page.getByRole("dialog");
  const add = async (fullName: string, email: string) => {
    await page.getByRole("button", { name: "Add developer" }).click();
    await dialog.getByLabel("Name").fill(fullName);
    await dialog.getByLabel("E-mail").fill(email);
    await dialog.getByLabel("Reason").fill("a new customer");
    await dialog.getByRole("button", { name: "Add developer" }).click();
  };
  await add(name, "dev@example.com");
  await dialog.getByText("another developer has this e-mail address").waitFor();
  await dialog.getByLabel("E-mail").fill("somebody@a-company-with-a-long-domain.example.com");
  await dialog.getByRole("button", { name: "Add developer" }).click();
  await page.getByRole("heading", { name }).waitFor();

  await page.getByRole("button", { name: "Invite" }).click();
  await dialog.getByLabel("Reason").fill("so that they can begin");
  await dialog.getByRole("button", { name: "Make the link" }).click();
  await dialog.getByText(/No mail was sent/).waitFor();
  await screenshot(page, "console-operator-invitation");
  expect(await seriousFaults(page)).toEqual([]);
  const link = (await dialog.locator("code").textContent()) ?? "";
  expect(link).toMatch(/\/sign-in#code=mf_link_/);
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  expect(await page.content()).not.toContain("mf_link_");
  const theirs = await openPage(bed.browser, link);
  await theirs.getByRole("heading", { name: "Overview" }).waitFor();
  await theirs.getByText(name).last().waitFor();
  await theirs.goto(`${bed.platform.consoleUrl}/operator/wallets`);
  await eventually(() => new URL(theirs.url()).pathname).toBe("/");
  await theirs.context().close();

  await page.getByLabel("Markup at most, %").fill("lots");
  await page.getByLabel("Share of the margin at most, %").fill("12.5");
  await page.getByLabel("Reason").fill("as agreed");
  await page.getByRole("button", { name: "Save 2 changes" }).click();
  await eventually(() => page.getByLabel("Markup at most, %").getAttribute("aria-invalid")).toBe("true");
  await screenshot(page, "console-operator-developer", true);
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByLabel("Markup at most, %").fill("50");
  await page.getByRole("button", { name: "Save 2 changes" }).click();
  await eventually(() => page.getByRole("button", { name: /^Save/ }).count()).toBe(0);
  await page.reload();
  await eventually(() => page.getByLabel("Markup at most, %").inputValue()).toBe("50");

  await page.getByRole("button", { name: "Close developer" }).click();
  await dialog.getByText(/This cannot be undone/).waitFor();
  await dialog.getByLabel("Reason").fill("it was a test");
  await screenshot(page, "console-operator-close-developer");
  await dialog.getByRole("button", { name: "Close developer" }).click();
  await page.getByText("Closed").waitFor();
  expect(await page.getByRole("button", { name: "Invite" }).count()).toBe(0);
  await page.context().close();
});

test("an app gets limits of its own, and the developer with the operator's address is gone on as", async () => {
  const page = await open("/operator/apps?q=demo");
  await page.getByRole("link", { name: "CRM Demo" }).click();
  await page.getByLabel("Markup at most, %").fill("80");
  await page.getByLabel("Reason").fill("as agreed");
  await page.getByRole("button", { name: "Save 1 change" }).click();
  await page.getByText("version 2").waitFor();
  expect(await page.getByLabel("Markup at most, %").inputValue()).toBe("80");
  await page.getByRole("link", { name: "Demo Developer" }).click();
  await page.getByRole("heading", { name: "Demo Developer" }).waitFor();
  await page.getByText("app_pub_demo").waitFor();
  expect(await page.getByRole("button", { name: "Go on as this developer" }).count()).toBe(0);

  const own = { name: "The operator's own", email: "operator@example.com", reason: "a test" };
  const { id } = await api(page, "POST", "/v1/admin/developers", own);
  await page.goto(`${bed.platform.consoleUrl}/operator/developers/${id}`);
  await page.getByRole("button", { name: "Go on as this developer" }).click();
  await page.getByText("Latest requests").waitFor();
  expect(new URL(page.url()).pathname).toBe("/");
  await page.goto(`${bed.platform.consoleUrl}/operator/wallets`);
  await eventually(() => new URL(page.url()).pathname).toBe("/");
  await page.getByRole("button", { name: "Be the operator again" }).click();
  await page.getByRole("region", { name: "Open alerts" }).waitFor();
  await eventually(() => page.getByRole("button", { name: "Be the operator again" }).count()).toBe(0);
  await page.context().close();
});

test("lists are walked by keyboard, and the URL holds what is filtered", async () => {
  const page = await open("/operator");
  await page.getByRole("region", { name: "Open alerts" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Screen, app or request id").fill("walle");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Wallets", level: 1 }).waitFor();
  await page.locator("[data-row]").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(walletId);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/operator/wallets?owner=${walletId}`);
  await eventually(() => page.locator("[data-row]").count()).toBe(1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/operator/wallets/${walletId}`);
  await page.getByRole("region", { name: "Transactions" }).locator("[data-row]").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  const focused = () =>
    page.evaluate(() => document.activeElement?.closest("[data-row]")?.getAttribute("data-row") ?? "");
  await eventually(focused).toMatch(/_/);
  await page.keyboard.press("Escape");
  await page.waitForURL("**/operator/wallets");

  await page.goto(`${bed.platform.consoleUrl}/operator/developers`);
  await page.getByLabel("State").selectOption({ label: "Active" });
  await page.keyboard.press("/");
  await page.keyboard.type("demo");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/operator/developers?status=active&q=demo");
  await eventually(() => page.locator("[data-row]").count()).toBe(1);
  await page.reload();
  await eventually(() => page.locator("[data-row]").count()).toBe(1);
  expect(await page.getByLabel("Name or e-mail").inputValue()).toBe("demo");
  await page.goBack();
  await page.waitForURL("**/operator/developers?status=active");
  await page.context().close();
});

const screens = () =>
  [
    ["overview", "/operator", "Open alerts"],
    ["alerts", "/operator/alerts?state=all", "Every alert"],
    ["developers", "/operator/developers", "Demo Developer"],
    ["apps", "/operator/apps", "CRM Demo"],
    ["app", "/operator/apps/app_pub_demo", "As its developer set it"],
    ["wallets", "/operator/wallets", "Newest first"],
    ["wallet", `/operator/wallets/${walletId}`, "Opening balance"],
    ["limits", "/operator/limits", "Set by operators"],
  ] as const;

test("axe finds nothing serious on any screen, light and dark", async () => {
  const page = await open("/operator");
  const limit = { level: "app", target_id: "app_pub_demo", measure: "usd", window: "month", limit_usd: "25" };
  await api(page, "PUT", "/v1/admin/limits", { ...limit, reason: "to look at it" });
  const user = { level: "end_user", target_id: walletId, measure: "tokens", limit: 1_000_000 };
  await api(page, "PUT", "/v1/admin/limits", { ...user, reason: "to look at it" });
  for (const [name, path, text] of screens()) {
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(text).first().waitFor();
    await page.waitForLoadState("networkidle");
    expect(await seriousFaults(page), name).toEqual([]);
    await screenshot(page, `console-operator-${name}-light`);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await seriousFaults(page), `${name}, dark`).toEqual([]);
    await screenshot(page, `console-operator-${name}-dark`);
  }
  await page.context().close();
});

test("at 360 and 320 px nothing scrolls sideways", async () => {
  const page = await open("/operator", { viewport: { width: 360, height: 740 } });
  for (const [name, path, text] of screens()) {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(text).first().waitFor();
    await page.waitForLoadState("networkidle");
    expect(await sideways(page), name).toBeLessThanOrEqual(0);
    await screenshot(page, `console-operator-${name}-360`, true);
    await page.setViewportSize({ width: 320, height: 740 });
    expect(await sideways(page), `${name} at 320`).toBeLessThanOrEqual(0);
  }
  await page.goto(`${bed.platform.consoleUrl}/operator/wallets/${walletId}`);
  await page.getByRole("button", { name: "Adjust balance" }).click();
  await page.getByRole("dialog").getByLabel("Amount, USD").fill("1000000");
  await screenshot(page, "console-operator-adjust-320");
  expect(await seriousFaults(page)).toEqual([]);
  await page.context().close();
});

test("each screen says what will be there where nothing is, and what happened where the API fails", async () => {
  const lists = /\/v1\/admin\/(alerts|developers|apps|wallets|limits)(\?|$)/;
  const page = await open("/operator", {
    before: (fresh) =>
      fresh.route(lists, (route) => route.fulfill(told(bed, 200, { items: [], next_cursor: null }))),
  });
  for (const [path, title] of [
    ["alerts", "Nothing is wrong"],
    ["developers", "No developer yet"],
    ["apps", "No app yet"],
    ["wallets", "No wallet yet"],
    ["limits", "No limit of yours yet"],
  ] as const) {
    await page.goto(`${bed.platform.consoleUrl}/operator/${path}`);
    await page.getByText(title).waitFor();
    await screenshot(page, `console-operator-empty-${path}`);
    expect(await seriousFaults(page), path).toEqual([]);
  }
  const requestId = "req_0193f2c4-1111-7000-8000-000000000000";
  const message = "This is a fault of ours.";
  await page.unroute(lists);
  await page.route(lists, (route) =>
    route.fulfill(told(bed, 500, { error: { message, code: "internal_error", request_id: requestId } })),
  );
  for (const path of ["", "/alerts", "/developers", "/apps", "/wallets", "/limits"]) {
    await page.goto(`${bed.platform.consoleUrl}/operator${path}`);
    await page.getByRole("alert").getByText(requestId).waitFor();
    // Silence would look like good news.
    if (path === "") await page.getByText(/could not be answered/).waitFor();
    await screenshot(page, `console-operator-error${path.replace("/", "-")}`);
    expect(await seriousFaults(page), path).toEqual([]);
  }
  await page.context().close();
  // What was logged here was asked for.
  bed.faults.length = 0;
});

test("a wallet that is frozen or in debt says so, and the largest and smallest amounts keep their places", async () => {
  const id = "0199f3c2-7a41-7000-8000-00000000000";
  const page = await open("/operator", {
    before: (fresh) =>
      fresh.route(/\/v1\/admin\/wallets(\?|\/[0-9a-f-]{36}$)/, async (route) => {
        const answer = await route.fetch();
        const body = (await answer.json()) as { items?: object[] };
        const one = (changes: object) => ({ ...(body.items?.at(-1) ?? body), ...changes });
        const indebted = one({
          ...(body.items ? { id: `${id}1` } : {}),
          owner_scope: "end_user",
          owner_name: `sha256:${"a".repeat(64)}`,
          status: "debt",
          balance_usd: "-1000000.00000001",
          debt_usd: "1000000.00000001",
        });
        const frozen = one({ id: `${id}2`, status: "frozen", balance_usd: "0.00000001" });
        await route.fulfill({
          response: answer,
          json: body.items ? { items: [indebted, frozen], next_cursor: "older" } : indebted,
        });
      }),
  });
  await page.goto(`${bed.platform.consoleUrl}/operator/wallets`);
  await page.getByText("−$1,000,000.00").waitFor();
  await page.getByText("<$0.0001").last().waitFor();
  await page.getByRole("button", { name: "Older" }).waitFor();
  await screenshot(page, "console-operator-wallets-extremes");
  expect(await seriousFaults(page)).toEqual([]);
  await page.goto(`${bed.platform.consoleUrl}/operator/wallets/${walletId}`);
  await page.getByText(/In debt by/).waitFor();
  await page.getByText("−$1,000,000.00000001").first().waitFor();
  await screenshot(page, "console-operator-wallet-debt");
  expect(await seriousFaults(page)).toEqual([]);
  expect(await sideways(page)).toBeLessThanOrEqual(0);
  await page.context().close();
});

test("the first load is small, and the page keeps nothing that lets anybody in", async () => {
  const sizes = new Map<string, number>();
  const page = await open("/operator", { before: async (fresh) => weighFiles(fresh, bed, sizes) });
  await page.getByRole("region", { name: "Open alerts" }).waitFor();
  await page.waitForLoadState("networkidle");
  const first = [...sizes].filter(([path]) => !/\/(chinese|noto-sans-sc)-/.test(path));
  const bytes = first.reduce((sum, [, size]) => sum + size, 0);
  expect(bytes, first.map((entry) => entry.join(" ")).join("\n")).toBeLessThan(250_000);
  expect(bytes).toBeGreaterThan(100_000);
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]),
  );
  expect(kept).not.toContain("mf_");
  await page.context().close();
});

test("no page logged an error", () => {
  const provoked = /status of (400|402|404|409)|ERR_FAILED/;
  expect(bed.faults.filter((fault) => !provoked.test(fault))).toEqual([]);
});

function open(path: string, options: Parameters<ConsoleTestbed["open"]>[1] = {}): Promise<Page> {
  return bed.open(path, { as: "operator", ...options });
}

const api = (page: Page, method: string, path: string, body?: object) =>
  operatorApi(bed, page, method, path, body);
