import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  documentationImage,
  launchBrowser,
  layoutShift,
  openPage,
  screenshot,
  seriousFaults,
} from "./browser.ts";
import { type RunningPlatform, startPlatform } from "./running-platform.ts";

let platform: RunningPlatform;
let browser: Browser;

beforeAll(async () => {
  [platform, browser] = await Promise.all([startPlatform(), launchBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await platform?.[Symbol.asyncDispose]();
});

/** What is awaited here takes moments; a busy machine may take longer. */
const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 15_000 });
const suggest = (page: Page) => page.getByRole("button", { name: /^Suggest a/ });
const receiptLink = (page: Page) => page.getByRole("button", { name: "receipt", exact: true });
const units = (amount: string) => BigInt(amount.replace(".", ""));

async function open(options: Parameters<typeof openPage>[2] = {}): Promise<Page> {
  const page = await openPage(browser, platform.pageUrl, options);
  await page.getByTestId("balance").waitFor({ state: "attached" });
  await page.getByText(/requests, money for \d/).waitFor();
  return page;
}

async function balance(page: Page): Promise<bigint> {
  return units((await page.getByTestId("balance").textContent()) ?? "");
}

async function suggestAndWait(page: Page): Promise<void> {
  await suggest(page).click();
  await receiptLink(page).waitFor();
}

test("a suggested reply streams, shows its price, and takes exactly its receipt from the wallet", async () => {
  const page = await open();
  await page.getByTestId("simulated").getByText("no AI model answered").waitFor();
  const before = await balance(page);
  const draft = page.getByRole("textbox", { name: /^Reply to/ });
  await page.getByText(/^About \$0\.\d+, at most \$0\.\d+, from your balance of \$\d+\.\d+\.$/).waitFor();

  await suggest(page).click();
  await eventually(() => draft.inputValue()).not.toBe("");
  const early = (await draft.inputValue()).length;
  await screenshot(page, "crm-demo-streaming");
  await receiptLink(page).waitFor();
  expect((await draft.inputValue()).length).toBeGreaterThan(early);
  await draft.press("End");
  await draft.pressSequentially(" And thank you.");
  expect(await draft.inputValue()).toContain("And thank you.");

  await receiptLink(page).click();
  const slip = page.getByRole("dialog", { name: "Receipt" });
  await slip.getByText("Adds up: this page computed every sum again.").waitFor();
  const rows = await slip
    .locator("dl > div")
    .evaluateAll((all) =>
      all.map((row) => [
        row.querySelector("dt")?.textContent ?? "",
        row.querySelector("dd")?.textContent?.trim() ?? "",
      ]),
    );
  const of = (name: string) => units(rows.find(([text]) => text?.includes(name))?.[1] ?? "");
  const lines = rows.filter(([text]) => text?.includes(" / M")).map(([, amount]) => units(amount ?? ""));
  expect(lines.length).toBeGreaterThanOrEqual(2);
  expect(lines.reduce((sum, line) => sum + line, 0n)).toBe(of("upstream cost"));
  expect(of("upstream cost") + of("developer share") + of("platform share")).toBe(of("charge"));
  expect(await slip.getByRole("img", { name: /^checked/ }).count()).toBe(lines.length + 2);
  expect(await slip.getByRole("img", { name: /^wrong/ }).count()).toBe(0);
  expect(of("charge")).toBeGreaterThan(0n);

  await eventually(() => balance(page)).toBe(before - of("charge"));
  const row = page.locator(".request").first();
  expect(await row.getAttribute("data-state")).toBe("settled");
  expect(await row.getByRole("button").textContent()).toMatch(/\$0\.\d{4}$/);
});

test("overspending admits exactly what the money is for, refuses the rest with a reason, and never goes below zero", async () => {
  const page = await open();
  const before = await balance(page);
  const forecast = /(\d) requests, money for (\d)/.exec(
    (await page.locator(".forecast").textContent()) ?? "",
  );
  expect(forecast?.slice(1)).toEqual(["6", "4"]);

  await page.getByRole("button", { name: "Send 6 at once" }).click();
  await eventually(() => page.locator('.request[data-state="refused"]').count()).toBe(2);
  await eventually(() => page.locator('.request[data-state="running"]').count()).toBe(4);
  await page.getByText(/held for 4 requests/).waitFor();
  await screenshot(page, "crm-demo-overspending");
  await page.locator('[data-testid="report"][data-running="false"]').waitFor();

  expect(await page.getByTestId("admitted").textContent()).toBe("4");
  expect(await page.getByTestId("refused").textContent()).toBe("2");
  await page.getByText("4 admitted, as forecast").waitFor();
  await page.getByText("2 refused: money is held").waitFor();
  await page.getByText("Never below zero").waitFor();
  const lowest = /^(-?\d+\.\d{8}), of (\d+) readings$/.exec(
    (await page.getByTestId("lowest").getAttribute("title")) ?? "",
  );
  expect(units(lowest?.[1] ?? "-1")).toBeGreaterThanOrEqual(0n);
  expect(units(lowest?.[1] ?? "-1")).toBeLessThan(before / 4n);
  expect(Number(lowest?.[2])).toBeGreaterThan(5);

  await eventually(() => page.getByText("$0.00 held").count()).toBe(1);
  const after = await balance(page);
  expect(after).toBeGreaterThan(0n);
  expect(after).toBeLessThan(before);
  expect(await page.locator('.request[data-state="settled"]').count()).toBeGreaterThanOrEqual(4);
  await page
    .locator(".request")
    .filter({ hasText: /Try \d of 6 · cut to fit/ })
    .waitFor();

  await suggestAndWait(page);
  await receiptLink(page).click();
  await page.getByText("Adds up: this page computed every sum again.").waitFor();
  await documentationImage(page, "demo");
});

test("a stopped reply is charged for what it produced, and says so", async () => {
  const page = await open();
  const before = await balance(page);
  await suggest(page).click();
  await eventually(() => page.getByRole("textbox", { name: /^Reply to/ }).inputValue()).not.toBe("");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText(/Stopped\. Charged/).waitFor();
  expect(await page.locator(".request").first().getAttribute("data-state")).toBe("stopped");
  await eventually(() => balance(page)).toBeLessThan(before);
});

test.each(["light", "dark"] as const)("axe finds nothing serious, %s", async (colorScheme) => {
  const page = await open({ colorScheme });
  expect(await seriousFaults(page)).toEqual([]);
  await suggestAndWait(page);
  await receiptLink(page).click();
  await page.getByText("Adds up").waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, `crm-demo-receipt-${colorScheme}`);
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});

test("everything is reachable and done by keyboard, with a visible focus", async () => {
  const page = await open();
  const wanted = await page.locator("a:visible, button:visible:enabled, textarea:visible").count();
  const reached = new Map<number, string>();
  for (let presses = 0; presses < wanted + 4; presses += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement as HTMLElement;
      const shown = element.matches(".draft")
        ? element.closest(".card")
        : (element.closest(".mf-mode") ?? element);
      return {
        place: [...document.querySelectorAll("*")].indexOf(element),
        name: `${element.tagName} ${element.textContent || element.getAttribute("aria-label")}`,
        ring: shown ? getComputedStyle(shown).boxShadow !== "none" || element.matches(".draft") : false,
      };
    });
    if (focused.name.startsWith("BODY")) continue;
    reached.set(focused.place, focused.name);
    expect(focused.ring, `${focused.name} shows its focus`).toBe(true);
  }
  const names = [...reached.values()].join("\n");
  for (const name of ["Skip to the reply", "Suggest a reply", "Send 6 at once"])
    expect(names).toContain(name);
  expect(reached.size).toBeGreaterThanOrEqual(wanted);

  const title = page.getByRole("heading", { level: 1 });
  const first = await title.textContent();
  await page.keyboard.press("j");
  await eventually(() => title.textContent()).not.toBe(first);
  await page.keyboard.press("k");
  await eventually(() => title.textContent()).toBe(first);
  await page.goBack();
  await eventually(() => title.textContent()).not.toBe(first);

  await page.keyboard.press("r");
  await receiptLink(page).waitFor();
  await receiptLink(page).press("Enter");
  await page.getByText("Adds up").waitFor();
  await page.keyboard.press("Escape");
  const focused = () => page.evaluate(() => document.activeElement?.textContent);
  await eventually(focused).toBe("receipt");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await eventually(() => page.getByRole("dialog").count()).toBe(0);
  await eventually(focused).toBe("receipt");

  await page.getByRole("button", { name: "Keyboard shortcuts" }).click();
  await page.getByRole("checkbox", { name: "Use these keys" }).uncheck();
  await page.keyboard.press("Escape");
  await eventually(() => page.getByRole("dialog").count()).toBe(0);
  const shown = await title.textContent();
  await page.keyboard.press("j");
  await page.keyboard.press("?");
  expect(await title.textContent()).toBe(shown);
  expect(await page.getByRole("dialog").count()).toBe(0);

  const draft = page.getByRole("textbox", { name: /^Reply to/ });
  await draft.focus();
  await page.keyboard.press("Control+End");
  await page.keyboard.type(" jkr?");
  expect(await draft.inputValue()).toMatch(/ jkr\?$/);
});

test.each([360, 320])("at %i px nothing scrolls sideways and everything is there", async (width) => {
  const page = await open({ viewport: { width, height: 740 } });
  await page.goto(`${platform.pageUrl}/#ticket-2029`);
  const sideways = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(await sideways()).toBeLessThanOrEqual(0);
  await suggestAndWait(page);
  await receiptLink(page).click();
  await page.getByText("Adds up").waitFor();
  expect(await sideways()).toBeLessThanOrEqual(0);
  await screenshot(page, `crm-demo-${width}`);
  await page.keyboard.press("Escape");
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, `crm-demo-${width}-whole`, true);
});

test.each([1440, 360])(
  "at %i px nothing moves by itself while it loads and while a reply streams",
  async (width) => {
    const page = await open({ viewport: { width, height: 800 } });
    expect(await layoutShift(page)).toBeLessThan(0.005);
    await suggestAndWait(page);
    expect(await layoutShift(page)).toBeLessThan(0.01);
  },
);

test("a chosen theme is there from the first paint on", async () => {
  const page = await open({ colorScheme: "light" });
  await page.getByRole("button", { name: "Use the dark theme" }).click();
  await page.addInitScript(() => {
    const seen = globalThis as unknown as { firstBackground: string };
    requestAnimationFrame(() => {
      seen.firstBackground = getComputedStyle(document.documentElement).backgroundColor;
    });
  });
  await page.reload({ waitUntil: "load" });
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
  await eventually(() =>
    page.evaluate(() => (globalThis as unknown as { firstBackground: string }).firstBackground),
  ).toBe("rgb(19, 19, 17)");
});

test("who asked for less motion gets none", async () => {
  const page = await open({ reducedMotion: "reduce" });
  await suggestAndWait(page);
  const row = page.locator(".request").first();
  expect(await row.evaluate((element) => getComputedStyle(element).animationName)).toBe("none");
});

test("without the platform the page says what to do, and recovers by itself", async () => {
  const toServers = (url: URL) => url.pathname.startsWith("/v1/");
  const page = await openPage(browser, platform.pageUrl, {
    before: (fresh) => fresh.route(toServers, (route) => route.abort()),
  });
  await page.getByText(/Start the platform with “npm start”/).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await screenshot(page, "crm-demo-unreachable");
  await page.unroute(toServers);
  await page.getByTestId("balance").waitFor({ state: "attached" });

  await page.route(toServers, (route) => route.abort());
  await suggest(page).click();
  await page.getByText(/You were not charged/).waitFor();
  await page.getByText(/as of .*, trying again/).waitFor();
  await screenshot(page, "crm-demo-stale");
});

test("a refusal keeps its request id at hand", async () => {
  const requestId = "req_0193f2c4-1111-7000-8000-000000000000";
  const message = "The upstream provider failed: try again in a moment.";
  const page = await open();
  await page.route("**/v1/chat/completions", (route) =>
    route.request().method() === "OPTIONS"
      ? route.continue()
      : route.fulfill({
          status: 403,
          contentType: "application/json",
          headers: { "access-control-allow-origin": new URL(platform.pageUrl).origin },
          body: JSON.stringify({
            error: { message, code: "forbidden", type: "permission_error", request_id: requestId },
          }),
        }),
  );
  await suggest(page).click();
  const alert = page.getByRole("alert");
  await alert.getByText(message).waitFor();
  await alert.getByText(requestId).waitFor();
  await screenshot(page, "crm-demo-refused");
});
