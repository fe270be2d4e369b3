import { gzipSync } from "node:zlib";
import type { Page, Response } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { layoutShift, openPage, screenshot, seriousFaults } from "./browser.ts";
import { type ConsoleTestbed, openConsoleTestbed } from "./console-testbed.ts";

let bed: ConsoleTestbed;
let requestIds: string[];

beforeAll(async () => {
  bed = await openConsoleTestbed();
  requestIds = await bed.call(6);
});

afterAll(async () => {
  await bed?.[Symbol.asyncDispose]();
});

/** What is awaited here takes moments; a busy machine may take longer. */
const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 15_000 });
const units = (amount: string) => BigInt(amount.replace(".", ""));
const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const appPath = "/apps/app_pub_demo";
const featurePath = `${appPath}/features/customer_reply`;

test("who is not signed in is asked to, by a page that keeps nothing", async () => {
  const page = await openPage(bed.browser, `${bed.platform.consoleUrl}/requests?status=failed`);
  await page.getByRole("heading", { name: "Sign in to ModelFaucet" }).waitFor();
  expect(new URL(page.url()).searchParams.get("to")).toBe("/requests?status=failed");
  await screenshot(page, "console-sign-in");
  expect(await seriousFaults(page)).toEqual([]);

  await page.getByLabel("Developer or operator token").fill("mf_dev_nothing");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText(/req_/).waitFor();
  await screenshot(page, "console-sign-in-refused");
});

test("a link signs in once, leaves no trace in the address, and says what to do when it was used", async () => {
  // The testbed has used the link already.
  await (await bed.open("/")).context().close();
  const link = bed.platform.signInLinks.developer;
  const page = await openPage(bed.browser, link);
  expect(page.url()).toBe(`${bed.platform.consoleUrl}/sign-in`);
  await page
    .getByRole("alert")
    .getByText(/used already/)
    .waitFor();
  await page.getByLabel("Developer or operator token").waitFor();
  const kept = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
  );
  expect(kept).not.toContain("mf_");
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
});

test("a token that the console made signs in, and is out as soon as it is revoked", async () => {
  const page = await bed.open("/tokens");
  await page.getByRole("button", { name: "Add token" }).first().click();
  await page.getByLabel("Name").fill("deployment of the crm");
  await page.getByRole("checkbox", { name: "usage:read" }).check();
  await screenshot(page, "console-token-form");
  await page.getByRole("dialog").getByRole("button", { name: "Add token" }).click();
  const dialog = page.getByRole("dialog", { name: "deployment of the crm is there" });
  const token = (await dialog.locator("code").textContent()) ?? "";
  expect(token).toMatch(/^mf_dev_/);
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page.getByText("deployment of the crm").waitFor();
  expect(await page.content()).not.toContain(token);

  const other = await openPage(bed.browser, `${bed.platform.consoleUrl}/sign-in?to=/tokens`);
  await other.getByLabel("Developer or operator token").fill(token);
  await other.getByRole("button", { name: "Sign in" }).click();
  await other.getByRole("heading", { name: "Tokens", exact: true }).waitFor();
  expect(await other.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain("mf_dev_");

  await page.getByRole("button", { name: "Revoke" }).click();
  await page
    .getByRole("dialog")
    .getByText(/Within two seconds/)
    .waitFor();
  await page.getByRole("button", { name: "Revoke token" }).click();
  await page.getByText("Revoked").waitFor();
  await eventually(async () => {
    await other.goto(`${bed.platform.consoleUrl}/tokens`);
    await other.getByRole("heading", { level: 1 }).waitFor();
    return new URL(other.url()).pathname;
  }).toBe("/sign-in");
});

test("the overview's numbers are those of the requests, and lead to them", async () => {
  const page = await bed.open("/?range=24h");
  const tile = page.getByRole("region", { name: "Numbers" }).getByRole("link");
  await eventually(() => tile.nth(2).textContent()).toBe(String(requestIds.length));
  await page.getByText("Latest requests").waitFor();
  await page.locator(".recharts-bar-rectangle").first().waitFor();
  await screenshot(page, "console-overview");
  expect(await layoutShift(page)).toBeLessThan(0.05);

  const question = page.getByRole("region", { name: "What was charged, and what is yours of it?" });
  await question.getByRole("button", { name: "Show table" }).click();
  expect(await question.getByRole("row").count()).toBeGreaterThan(20);

  await tile.nth(2).click();
  await page.waitForURL(/\/requests\?range=24h$/);
  await eventually(() => page.locator("[data-row]").count()).toBe(requestIds.length);
  await page.goBack();
  await page.getByLabel("Period").selectOption("30d");
  await page.waitForURL(/range=30d/);
  await page.reload();
  expect(await page.getByLabel("Period").inputValue()).toBe("30d");
});

test("one request is found, and opened down to its receipt and its ledger entries", async () => {
  const wanted = requestIds[3]!;
  const page = await bed.open("/requests");
  await page.locator("[data-row]").first().waitFor();
  await page.getByLabel("App").selectOption({ label: "CRM Demo" });
  await page.getByLabel("State").selectOption({ label: "Settled" });
  await page.getByRole("button", { name: "More filters" }).click();
  await page.getByLabel("Charge at least, USD").fill("1000000");
  await page.keyboard.press("Enter");
  await page.getByText("No request is like that").waitFor();
  await screenshot(page, "console-requests-empty");
  expect(new URL(page.url()).search).toBe("?app=app_pub_demo&status=succeeded&min=1000000");
  await page.getByRole("button", { name: "Clear filters" }).click();

  const row = page.locator(`[data-row="${wanted}"]`);
  await row.getByRole("link").first().click();
  await page.getByText("Adds up: this page computed every sum again.").waitFor();
  expect(new URL(page.url()).pathname).toBe(`/requests/${wanted}`);
  const receipt = page.getByRole("region", { name: "Receipt" }).first();
  expect(await receipt.getByRole("img", { name: /^checked/ }).count()).toBeGreaterThanOrEqual(7);
  expect(await page.getByRole("img", { name: /^wrong/ }).count()).toBe(0);
  const entries = page.getByRole("region", { name: "Ledger entries" }).first();
  await entries.getByRole("img", { name: "checked: both sides are the same" }).waitFor();
  const charged = units(
    (await receipt
      .locator("tr", { hasText: /^Charge/ })
      .locator("[data-usd]")
      .textContent()) ?? "",
  );
  const paid = await entries
    .locator("tr", { hasText: "End user's credits" })
    .locator("[data-usd]:visible")
    .allTextContents();
  expect(charged).toBeGreaterThan(0n);
  expect(paid.reduce((sum, text) => sum + units(text), 0n)).toBe(charged);
  await screenshot(page, "console-request", true);

  await page.keyboard.press("j");
  await page.waitForURL(`**/requests/${requestIds[2]}`);
  await page.keyboard.press("k");
  await page.waitForURL(`**/requests/${wanted}`);
  await page.keyboard.press("Escape");
  await page.waitForURL(`**/requests?at=${wanted}`);
  await eventually(() => page.evaluate(() => document.activeElement?.closest("tr")?.dataset.row)).toBe(
    wanted,
  );

  await page.getByLabel("Request id").fill(wanted.replace("req_", "rcpt_req_"));
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/requests/${wanted}`);
});

test("a manifest's faults stand where they are typed, the example follows, and only a good one is kept", async () => {
  const page = await bed.open(featurePath);
  const example = page.getByRole("region", { name: "An example" });
  // What an own key costs is a fee, which no markup changes.
  const credits = example.getByRole("listitem").filter({ has: page.getByText("Credits", { exact: true }) });
  const pays = async () => units((await credits.locator("[data-usd]").nth(3).textContent()) ?? "0");
  await example.getByText("The user pays").first().waitFor();
  const before = await pays();
  const markup = page.getByLabel("Markup, %");
  const editor = page.getByLabel("Manifest as JSON");
  const save = page.getByRole("button", { name: "Save" });

  await markup.fill("9999");
  await page
    .locator("#manifest-faults")
    .getByText(/pricing\.markup_percent/)
    .waitFor();
  expect(await markup.getAttribute("aria-invalid")).toBe("true");
  expect(await save.isDisabled()).toBe(true);
  await screenshot(page, "console-manifest-fault");
  expect(await seriousFaults(page)).toEqual([]);

  await markup.fill("60");
  await eventually(pays).toBeGreaterThan(before);
  expect(await editor.inputValue()).toContain('"markup_percent": 60');
  await eventually(() => save.isEnabled()).toBe(true);

  await editor.fill('{ "policy": {}, "pricing": { "markup_percent": 45, }');
  await page
    .locator("#manifest-faults")
    .getByText(/line 1/)
    .first()
    .waitFor();
  await page.getByText("The text is no manifest at the moment.").waitFor();
  expect(await save.isDisabled()).toBe(true);

  await editor.fill('{ "policy": {}, "pricing": { "markup_percent": 45 } }');
  await eventually(() => markup.inputValue()).toBe("45");
  await page.getByRole("link", { name: "Tokens" }).click();
  await page
    .getByRole("dialog", { name: "Leave without saving?" })
    .getByRole("button", { name: "Stay" })
    .click();
  await eventually(() => save.isEnabled()).toBe(true);
  await save.click();
  await page.getByText("Version 2, in force").waitFor();
  await eventually(() =>
    page.getByRole("region", { name: "Versions" }).first().locator("[data-row]").count(),
  ).toBe(2);
  expect(await pays()).toBeGreaterThan(before);
});

test("an app is added with a long name, shows its secret once, and is changed and disabled", async () => {
  const name = "客户服务与支持工作台 of a company whose name is really long, GmbH & Co. KG";
  const page = await bed.open("/apps");
  await page.getByRole("button", { name: "Add app" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Public app id").fill("app_pub_long");
  await page.getByRole("dialog").getByRole("button", { name: "Add app" }).click();
  const secret = (await page.getByRole("dialog").locator("code").textContent()) ?? "";
  expect(secret).toMatch(/^mf_idsec_/);
  await page.getByRole("link", { name: "Open app" }).click();
  await page.getByText("No feature yet").waitFor();
  expect(await page.content()).not.toContain(secret);

  await page.getByLabel("A user a day").fill("lots");
  await page.getByRole("button", { name: "Save 1 change" }).click();
  await page.getByText(/must be a decimal string/).waitFor();
  await page.getByLabel("A user a day").fill("0.50");
  await page.getByLabel("Your share of the margin, %").fill("12.5");
  await page.getByRole("button", { name: "Save 2 changes" }).click();
  await page.getByText("version 2").waitFor();
  expect(await page.getByLabel("A user a day").inputValue()).toBe("0.50");
  await screenshot(page, "console-app", true);

  await page.getByRole("button", { name: "Disable app" }).click();
  await page.getByRole("dialog", { name: `Disable ${name}?` }).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Disable app" }).click();
  await page.getByText("Disabled").first().waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL("**/apps");
  await page.getByText(name).waitFor();
  await screenshot(page, "console-apps");
});

test("everything is done by keyboard", async () => {
  const page = await bed.open("/");
  await page.getByText("Latest requests").waitFor();
  await page.keyboard.press("Control+k");
  await page.getByPlaceholder("Screen, app or request id").waitFor();
  await screenshot(page, "console-palette");
  await page.keyboard.type("reques");
  await page.keyboard.press("Enter");
  await page.getByText("Newest first").waitFor();
  await page.locator("[data-row]").first().waitFor();

  await page.keyboard.press("/");
  expect(await page.evaluate(() => document.activeElement?.getAttribute("name"))).toBe("id");
  await page.keyboard.type("jk?");
  expect(await page.getByLabel("Request id").inputValue()).toBe("jk?");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  const first = requestIds.at(-1)!;
  await page.waitForURL(`**/requests?at=${first}`);
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement as Element).boxShadow);
  expect(ring).not.toBe("none");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/requests/${first}`);

  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole("checkbox", { name: "Use the single keys" }).uncheck();
  await page.keyboard.press("Escape");
  await eventually(() => page.getByRole("dialog").count()).toBe(0);
  await page.keyboard.press("?");
  expect(await page.getByRole("dialog").count()).toBe(0);

  await page.keyboard.press("Control+k");
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByPlaceholder("Screen, app or request id").fill(requestIds[0]!);
  await page.getByText(`Open request ${requestIds[0]}`).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/requests/${requestIds[0]}`);
});

const screens = [
  ["overview", "/", "Latest requests"],
  ["requests", "/requests", "Newest first"],
  ["app", appPath, "Settings"],
  ["feature", featurePath, "The user pays"],
  ["tokens", "/tokens", "Developer tokens"],
] as const;

const pages = () => [...screens, ["request", `/requests/${requestIds[0]}`, "Adds up"] as const];

test("axe finds nothing serious on any screen, light and dark", async () => {
  const page = await bed.open("/");
  for (const [name, path, text] of pages()) {
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(text).first().waitFor();
    await page.waitForLoadState("networkidle");
    expect(await seriousFaults(page), name).toEqual([]);
    await screenshot(page, `console-${name}-light`);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await seriousFaults(page), `${name}, dark`).toEqual([]);
    await screenshot(page, `console-${name}-dark`);
  }
});

test("at 360 and 320 px nothing scrolls sideways, and the menu is at hand", async () => {
  const page = await bed.open("/", { viewport: { width: 360, height: 740 } });
  for (const [name, path, text] of pages()) {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(text).first().waitFor();
    await page.waitForLoadState("networkidle");
    expect(await sideways(page), name).toBeLessThanOrEqual(0);
    await screenshot(page, `console-${name}-360`, true);
    await page.setViewportSize({ width: 320, height: 740 });
    expect(await sideways(page), `${name} at 320`).toBeLessThanOrEqual(0);
  }
  await screenshot(page, "console-request-320", true);
  await page.getByRole("button", { name: "Menu" }).click();
  await screenshot(page, "console-menu-320");
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole("link", { name: "Tokens" }).click();
  await page.getByRole("heading", { name: "Tokens", exact: true }).waitFor();
  await eventually(() => page.getByRole("link", { name: "Tokens" }).count()).toBe(0);
});

test("an API that fails is told with its request id, and what was read stays with a mark", async () => {
  const list = /\/v1\/developer\/requests(\?|$)/;
  const requestId = "req_0193f2c4-1111-7000-8000-000000000000";
  const refuse = {
    status: 500,
    contentType: "application/json",
    headers: {
      "access-control-allow-origin": bed.platform.consoleUrl,
      "access-control-allow-credentials": "true",
    },
    body: JSON.stringify({
      error: { message: "This is a fault of ours.", code: "internal_error", request_id: requestId },
    }),
  };
  const page = await bed.open("/requests", {
    before: (fresh) => fresh.route(list, (route) => route.fulfill(refuse)),
  });
  const alert = page.getByRole("alert");
  await alert.getByText("This is a fault of ours.").waitFor();
  await alert.getByText(requestId).waitFor();
  await screenshot(page, "console-error");
  expect(await seriousFaults(page)).toEqual([]);

  await page.unroute(list);
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.locator("[data-row]").first().waitFor();
  const rows = await page.locator("[data-row]").count();
  await page.route(list, (route) => route.fulfill(refuse));
  await page.getByText(/could not be read again/).waitFor({ timeout: 25_000 });
  expect(await page.locator("[data-row]").count()).toBe(rows);
  await page.context().setOffline(true);
  await page.getByText(/^Offline\./).waitFor();
  await screenshot(page, "console-stale-offline");
  await page.context().close();
  // What was logged here was asked for.
  bed.faults.length = 0;
});

test("nobody's console is empty: each screen says what will be there and what to do", async () => {
  const none = { items: [], next_cursor: null };
  const page = await bed.open("/", {
    before: (fresh) =>
      fresh.route(/\/v1\/developer\/(apps|requests|tokens)(\?|$)/, (route) =>
        route.fulfill({
          contentType: "application/json",
          headers: {
            "access-control-allow-origin": bed.platform.consoleUrl,
            "access-control-allow-credentials": "true",
          },
          body: JSON.stringify(none),
        }),
      ),
  });
  for (const [path, title] of [
    ["/", "No request yet"],
    ["/requests", "No request yet"],
    ["/apps", "No app yet"],
    ["/tokens", "No token yet"],
  ] as const) {
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(title).waitFor();
    await screenshot(page, `console-empty${path === "/" ? "-overview" : path.replace("/", "-")}`);
    expect(await seriousFaults(page)).toEqual([]);
  }
});

test("the smallest and the largest amount are exact, and neither breaks its place", async () => {
  const page = await bed.open("/requests", {
    before: (fresh) =>
      fresh.route(/\/v1\/developer\/requests(\?|$)/, async (route) => {
        const answer = await route.fetch();
        const body = (await answer.json()) as {
          items: { charge_usd: string; feature_key: string; model: string }[];
        };
        Object.assign(body.items[0]!, {
          charge_usd: "0.00000001",
          feature_key: "f".repeat(60),
          model: "m".repeat(60),
        });
        Object.assign(body.items[1]!, { charge_usd: "1000000.00000000" });
        await route.fulfill({ response: answer, json: body });
      }),
  });
  await page.getByText("<$0.0001").first().waitFor();
  await page.getByText("$1,000,000.00").waitFor();
  expect(await page.locator('[data-usd="0.00000001"]').getAttribute("title")).toBe("0.00000001 USD");
  expect(await sideways(page)).toBeLessThanOrEqual(0);
  await screenshot(page, "console-requests-extremes");
});

test("the first load is small, charts come after it, and the policy of what may load holds", async () => {
  const sizes = new Map<string, number>();
  const pending: Promise<unknown>[] = [];
  const weigh = async (response: Response) => {
    const { origin, pathname } = new URL(response.url());
    if (origin !== bed.platform.consoleUrl) return;
    const body = await response.body();
    sizes.set(pathname, pathname.endsWith(".woff2") ? body.length : gzipSync(body).length);
  };
  const page = await bed.open("/", {
    before: async (fresh) =>
      fresh.on("response", (response) => pending.push(weigh(response).catch(() => {}))),
  });
  await page.locator(".recharts-bar-rectangle").first().waitFor();
  await Promise.all(pending);
  const isLate = (path: string) => /\/(chart|chinese|noto-sans-sc)-/.test(path);
  const first = [...sizes].filter(([path]) => !isLate(path));
  expect([...sizes.keys()].some((path) => path.includes("/chart-"))).toBe(true);
  const bytes = first.reduce((sum, [, size]) => sum + size, 0);
  expect(bytes, first.map((entry) => entry.join(" ")).join("\n")).toBeLessThan(250_000);
  expect(bytes).toBeGreaterThan(100_000);

  const policy = (await page.request.get(bed.platform.consoleUrl)).headers()["content-security-policy"] ?? "";
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
});

test("a chosen theme is there from the first paint on, and nothing moves for who asked for less motion", async () => {
  const page = await bed.open("/requests", { colorScheme: "light", reducedMotion: "reduce" });
  await page.locator("[data-row]").first().waitFor();
  const animation = await page
    .locator("[data-row]")
    .first()
    .evaluate((row) => getComputedStyle(row).animationName);
  expect(animation).toBe("none");
  await page.getByRole("button", { name: "Use the dark theme" }).click();
  await page.addInitScript(() => {
    const seen = globalThis as unknown as { firstBackground: string };
    requestAnimationFrame(() => {
      seen.firstBackground = getComputedStyle(document.documentElement).backgroundColor;
    });
  });
  await page.reload({ waitUntil: "load" });
  await eventually(() =>
    page.evaluate(() => (globalThis as unknown as { firstBackground: string }).firstBackground),
  ).toBe("rgb(19, 19, 17)");
});

test("no page logged an error", () => {
  const provoked = /status of (401|404|400)/;
  expect(bed.faults.filter((fault) => !provoked.test(fault))).toEqual([]);
});
