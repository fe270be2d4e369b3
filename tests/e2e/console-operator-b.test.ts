import { gzipSync } from "node:zlib";
import type { Page, Response } from "playwright-core";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { screenshot, seriousFaults } from "./browser.ts";
import { type ConsoleTestbed, openConsoleTestbed } from "./console-testbed.ts";

let bed: ConsoleTestbed;
let requestIds: string[];

beforeAll(async () => {
  bed = await openConsoleTestbed();
  requestIds = await bed.call(4);
});

afterAll(async () => {
  await bed?.[Symbol.asyncDispose]();
});

/** What is awaited here takes moments; a busy machine may take longer. */
const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 15_000 });
const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const open = (path: string, options: Parameters<ConsoleTestbed["open"]>[1] = {}) =>
  bed.open(path, { as: "operator", ...options });
const row = (page: Page, id: string) => page.locator(`[data-row="${id}"]`);
const inForce = async (page: Page, model: string) => {
  await page.goto(`${bed.platform.consoleUrl}/operator/prices?q=${model}`);
  return row(page, `simulated/${model}`).locator("[data-usd]").first().getAttribute("data-usd");
};
/** Units of 1e-8 USD as they stand on the screen. */
const units = (text: string | null) => BigInt((text ?? "").replace("−", "-").replace(/[$.,]/g, ""));

/** SQL past every rule of the books, as nobody but a test or a disaster does it. */
async function asSuperuser<T>(act: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const url = bed.platform.superuserUrl;
  if (url === null) throw new Error("unset MODELFAUCET_E2E_URLS: only a platform of its own may be broken");
  const sql = postgres(url, { max: 1 });
  try {
    return await act(sql);
  } finally {
    await sql.end();
  }
}

test("a pasted list is compared, kept as a draft, published, and only then in force", async () => {
  const page = await open("/operator/prices?q=sim-");
  await row(page, "simulated/sim-small").waitFor();
  await page.getByRole("link", { name: "Import prices" }).click();
  await page.getByText("Nothing is in force before you publish it.").waitFor();
  const csv = [
    "provider,model,input_usd,output_usd,cached_input_usd,context_length,capabilities",
    "simulated,sim-small,0.5,1.60,0.1,128000,",
    "acme,a-model-whose-name-is-as-long-as-a-name-of-a-model-ever-gets-2026-11,0.00000001,1000000,,200000,tools vision",
  ].join("\n");
  await page.getByRole("textbox", { name: "Price list" }).fill(csv);
  await page.getByText("CSV · 2 models").waitFor();
  await page.getByRole("button", { name: "Compare with the prices in force" }).click();
  const diff = page.getByRole("region", { name: "Differences" });
  const changed = diff.getByRole("row").filter({ hasText: /sim-small · simulatedInput/ });
  expect(await changed.textContent()).toContain("+25 %");
  expect(await changed.locator("[data-usd]").allTextContents()).toEqual(["$0.40", "$0.50"]);
  await page.getByText("1 model changed · 1 added").waitFor();
  await screenshot(page, "console-operator-import-diff", true);
  expect(await seriousFaults(page)).toEqual([]);

  await page.getByLabel("Reason").fill("the new list of the provider");
  await page.getByRole("button", { name: "Make draft" }).click();
  const publish = page.getByRole("button", { name: /^Publish version/ });
  await publish.waitFor();
  const other = await open("/");
  expect(await inForce(other, "sim-small")).toBe("0.40000000");
  await other.getByText("Draft").first().waitFor();
  await screenshot(other, "console-operator-prices-draft");

  await publish.click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Within two seconds every instance charges by it.").waitFor();
  expect(await dialog.getByLabel("Reason").inputValue()).toBe("the new list of the provider");
  await screenshot(page, "console-operator-publish");
  await dialog.getByRole("button", { name: /^Publish version/ }).click();
  await page.getByText("It is in force on every instance.").waitFor();
  await page.getByRole("link", { name: "See the prices in force" }).click();
  await row(page, "acme/a-model-whose-name-is-as-long-as-a-name-of-a-model-ever-gets-2026-11").waitFor();
  expect(await inForce(page, "sim-small")).toBe("0.50000000");
});

test("a change beyond the bound is shown and must be ticked; with a time it waits for it", async () => {
  const page = await open("/operator/prices/import");
  await page
    .getByRole("textbox", { name: "Price list" })
    .fill("provider,model,input_usd,output_usd\nsimulated,sim-large,10,0\n");
  await page.getByRole("button", { name: "Compare with the prices in force" }).click();
  await page.getByText("to 0", { exact: true }).first().waitFor();
  await page.getByLabel("Reason").fill("a sale");
  const tomorrow = new Date(Date.now() + 86_400_000 - new Date().getTimezoneOffset() * 60_000);
  const time = tomorrow.toISOString().slice(0, 16);
  await page.getByLabel("In force from, your time").fill(time);
  await page.getByRole("button", { name: "Make draft" }).click();
  await page.getByRole("button", { name: /^Publish version/ }).click();
  const dialog = page.getByRole("dialog");
  const publish = dialog.getByRole("button", { name: /^Publish version/ });
  await publish.click();
  await dialog.getByText(/Not published yet: \d prices change by more than 50 %/).waitFor();
  const large = dialog.getByRole("region", { name: "Large changes" });
  expect(await large.getByRole("row").filter({ hasText: "Input" }).first().textContent()).toContain("+300 %");
  expect(await publish.isDisabled()).toBe(true);
  await screenshot(page, "console-operator-large-changes");
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByRole("checkbox", { name: /I have looked at them/ }).check();
  await publish.click();
  await page.getByText(/It is published and comes into force/).waitFor();

  expect(await inForce(page, "sim-large")).toBe("2.50000000");
  await page.getByText("Scheduled").waitFor();
  const later = new Date(tomorrow.getTime() + 3_600_000).toISOString().slice(0, 16);
  await page.getByLabel("At, your time").fill(later);
  await page.waitForURL(/time=/);
  await page.getByText("In force then").waitFor();
  await eventually(() =>
    row(page, "simulated/sim-large").locator("[data-usd]").first().getAttribute("data-usd"),
  ).toBe("10.00000000");
});

test("a wrong list says what is wrong at which line, whoever finds it", async () => {
  const page = await open("/operator/prices/import");
  const list = page.getByRole("textbox", { name: "Price list" });
  const faults = page.locator("#price-list-faults li");
  const compare = page.getByRole("button", { name: "Compare with the prices in force" });
  await list.fill("provider,model,input_usd,output_usd\nacme,m,1,2\nacme,m2,1\n");
  expect(await faults.allTextContents()).toEqual(["line 3  has 3 fields where the header has 4"]);
  expect(await compare.isDisabled()).toBe(true);

  await list.fill(
    "provider,model,input_usd,output_usd\nacme,m,1,2\nacme,m2,cheap,2\nacme,m3,1,1.123456789\nacme,m,3,4\n",
  );
  await compare.click();
  await faults.first().waitFor();
  const told = await faults.allTextContents();
  expect(told.map((text) => text.slice(0, 7))).toEqual(["line 3 ", "line 4 "]);
  expect(told[0]).toContain("input_usd");
  await screenshot(page, "console-operator-import-faults");
  expect(await seriousFaults(page)).toEqual([]);
  await faults.nth(1).getByRole("button").click();
  const chosen = await list.evaluate((field: HTMLTextAreaElement) =>
    field.value.slice(field.selectionStart, field.selectionEnd),
  );
  expect(chosen).toBe("acme,m3,1,1.123456789");

  await list.fill("provider,model,input_usd,output_usd\nacme,m,1,2\nacme,m,3,4\n");
  await compare.click();
  await faults.getByText(/line 3/).waitFor();
  expect(await faults.textContent()).toContain("a second price for acme/m, after line 2");

  const litellm = {
    "acme/fine": {
      litellm_provider: "acme",
      mode: "chat",
      input_cost_per_token: 1.5e-7,
      output_cost_per_token: 6e-7,
    },
    "acme/odd": { litellm_provider: "acme", mode: "chat", input_cost_per_token: 1.5e-7 },
  };
  await page.getByLabel("File with a price list").setInputFiles({
    name: "prices.json",
    mimeType: "application/json",
    buffer: Buffer.from(JSON.stringify(litellm, null, 2)),
  });
  await faults.getByText("is missing").waitFor();
  await page.getByRole("checkbox", { name: /Leave out what cannot be used/ }).check();
  await compare.click();
  const added = page
    .getByRole("region", { name: "Differences" })
    .getByRole("row")
    .filter({ hasText: "fine" });
  await eventually(() => added.locator("[data-usd]").allTextContents()).toEqual(["$0.15", "$0.60"]);
});

test("a model's price opens with its address, and closes back to the list", async () => {
  const page = await open("/operator/prices?q=sim");
  await row(page, "simulated/sim-small").getByRole("link").first().click();
  const dialog = page.getByRole("dialog", { name: "sim-small" });
  await dialog.getByText("Cached input").waitFor();
  expect(new URL(page.url()).searchParams.get("open")).toBe("simulated/sim-small");
  await screenshot(page, "console-operator-price");
  expect(await seriousFaults(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => !url.searchParams.has("open"));
  await page.goto(`${bed.platform.consoleUrl}/operator/prices?q=nothing-is-called-this`);
  await page.getByText("No price is in force for that").waitFor();
  await screenshot(page, "console-operator-prices-empty");
});

test("an upstream is added, changed and given a key that is never seen again", async () => {
  const secret = `upstream-test-${"a1b2c3d4".repeat(4)}-wxyz`;
  const page = await open("/operator/providers");
  await row(page, "simulated").getByText("Healthy").waitFor();
  await page.getByRole("button", { name: "Add upstream" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("acme");
  await dialog.getByLabel("Address").fill("http://api.acme.example/v1");
  await dialog.getByLabel("Reason").fill("a second source");
  await dialog.getByRole("button", { name: "Add upstream" }).click();
  await dialog.getByText(/must be https/).waitFor();
  await screenshot(page, "console-operator-provider-form");
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByLabel("Address").fill("https://api.acme.example/v1");
  await dialog.getByRole("button", { name: "Add upstream" }).click();
  await page.waitForURL("**/operator/providers/acme");
  await page.getByText("No key").waitFor();

  await page.getByRole("button", { name: "Change upstream" }).click();
  await dialog.getByLabel("Priority").fill("7");
  await dialog.getByLabel("Reason").fill("ask it first");
  await dialog.getByRole("button", { name: "Save upstream" }).click();
  await eventually(() => page.locator("dt", { hasText: "Priority" }).locator("+ dd").textContent()).toBe(
    "7 · 1",
  );

  await page.getByRole("button", { name: "Add key" }).click();
  await dialog.getByLabel("Key", { exact: true }).fill(secret);
  expect(await dialog.getByLabel("Key", { exact: true }).getAttribute("type")).toBe("password");
  await dialog.getByLabel("Reason").fill("its key");
  await dialog.getByRole("button", { name: "Add key" }).click();
  const key = page.getByRole("region", { name: "Keys" }).locator("[data-row]");
  await key.getByText(/wxyz/).waitFor();
  expect(await page.content()).not.toContain(secret);
  const kept = () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href]);
  expect(await page.evaluate(kept)).not.toContain(secret);
  await screenshot(page, "console-operator-provider-key");

  await key.getByRole("button", { name: "Remove" }).click();
  await dialog.getByText(/Within two seconds no call to acme carries it/).waitFor();
  await dialog.getByLabel("Reason").fill("it leaked");
  await dialog.getByRole("button", { name: "Remove key" }).click();
  await page.getByText("No key").waitFor();
});

test("the trial balance adds up, by the numbers that stand on the screen", async () => {
  const page = await open("/operator/books");
  const drift = page.getByRole("region", { name: "Drift", exact: true });
  await drift.getByText("0", { exact: true }).waitFor();
  await drift.getByText(/all \d+ hold/).waitFor();
  await drift.getByText(/none overdue/).waitFor();
  const balance = page.getByRole("region", { name: "Trial balance" }).first();
  await balance.getByRole("img", { name: /^checked/ }).waitFor();
  const rows = await balance
    .locator("tbody tr")
    .evaluateAll((all) =>
      all.map((one) => [...one.querySelectorAll("td")].map((cell) => cell.textContent ?? "")),
    );
  const sums = rows.at(-1)!;
  const total = (of: (cells: string[]) => bigint) =>
    rows.slice(0, -1).reduce((sum, cells) => sum + of(cells), 0n);
  const sign = (cells: string[]) => (cells[1] === "credit" ? 1n : -1n);
  expect(total((cells) => units(cells[3]!))).toBeGreaterThan(0n);
  expect(total((cells) => units(cells[3]!))).toBe(units(sums[3]!));
  expect(total((cells) => units(cells[4]!))).toBe(units(sums[3]!));
  expect(units(sums[4]!)).toBe(units(sums[3]!));
  expect(total((cells) => sign(cells) * units(cells[5]!))).toBe(0n);
  expect(units(sums[5]!)).toBe(0n);
  await page.getByText("What must be true").waitFor();
  await screenshot(page, "console-operator-books-whole", true);

  await balance.getByLabel("Period").selectOption("24h");
  await page.waitForURL(/range=24h/);
  await balance.getByText("Last 24 hours").first().waitFor();
  await balance.getByRole("img", { name: /^checked/ }).waitFor();
  await page.reload();
  expect(await balance.getByLabel("Period").inputValue()).toBe("24h");
});

test("backups say which of them a trial restore has proved", async () => {
  await asSuperuser(async (sql) => {
    const backup = (sha256: string, tested: boolean) => sql`
      insert into backups (id, taken_at, schema_version, environment, epoch, sha256, path, rows, bytes, tested_at)
      values (gen_random_uuid(), now() - interval '1 hour', 12, 'e2e', 1, ${sha256}, '/backup', 1, 1,
        ${tested ? sql`now()` : null})`;
    await backup("a1".repeat(32), true);
    await backup("b2".repeat(32), false);
  });
  const page = await open("/operator/books");
  const backups = page.getByRole("region", { name: "Backups" }).first();
  await backups.getByText("Tested", { exact: true }).waitFor();
  await backups.getByText("Not tested").waitFor();
});

test("one transaction is found among all, by keyboard, down to its entries", async () => {
  const wanted = requestIds[2]!;
  const source = wanted.replace("req_", "");
  const page = await open("/operator/books");
  await page.getByRole("link", { name: "Ledger transactions" }).click();
  await page.locator("[data-row]").first().waitFor();
  await screenshot(page, "console-operator-transactions");
  await page.keyboard.press("/");
  await page.keyboard.type(wanted);
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/transactions?request=${wanted}`);
  await eventually(() => page.locator("[data-row]").count()).toBe(1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.waitForURL(/at=usage_/);
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement as Element).boxShadow);
  expect(ring).not.toBe("none");
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/transactions/usage_${source}`);
  const entries = page.getByRole("region", { name: "Ledger entries" }).first();
  await entries.getByRole("img", { name: "checked: both sides are the same" }).waitFor();
  await entries.getByText("End user's credits").first().waitFor();
  await screenshot(page, "console-operator-transaction");
  await page.keyboard.press("Escape");
  await page.waitForURL(/\/transactions\?at=usage_/);
  await eventually(() => page.evaluate(() => document.activeElement?.closest("tr")?.dataset.row)).toBe(
    `usage_${source}`,
  );

  await page.getByLabel("Kind").selectOption("adjustment");
  await page.getByText("No transaction is like that").waitFor();
  expect(new URL(page.url()).search).toBe("?kind=adjustment");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await page.locator("[data-row]").first().waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL("**/operator/books");
});

const screens = [
  ["prices", "/operator/prices", "In force now"],
  ["import", "/operator/prices/import", "Choose file"],
  ["versions", "/operator/prices/versions", "Models"],
  ["providers", "/operator/providers", "Healthy"],
  ["provider", "/operator/providers/simulated", "Models with a price"],
  ["books", "/operator/books", "Adds up"],
  ["transactions", "/operator/books/transactions", "Newest first"],
] as const;

const pages = () => [
  ...screens,
  [
    "transaction",
    `/operator/books/transactions/usage_${requestIds[0]!.replace("req_", "")}`,
    "Balanced",
  ] as const,
];

test("axe finds nothing serious on any screen, light and dark", async () => {
  const page = await open("/operator/books");
  for (const [name, path, text] of pages()) {
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
});

test("at 360 and 320 px nothing scrolls sideways", async () => {
  const page = await open("/operator/books", { viewport: { width: 360, height: 740 } });
  for (const [name, path, text] of pages()) {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(text).first().waitFor();
    await page.waitForLoadState("networkidle");
    expect(await sideways(page), name).toBeLessThanOrEqual(0);
    await screenshot(page, `console-operator-${name}-360`, true);
    await page.setViewportSize({ width: 320, height: 740 });
    expect(await sideways(page), `${name} at 320`).toBeLessThanOrEqual(0);
  }
  await screenshot(page, "console-operator-transaction-320", true);
});

test("a screen without anything says what will be there; one that fails says what to do", async () => {
  const headers = {
    "access-control-allow-origin": bed.platform.consoleUrl,
    "access-control-allow-credentials": "true",
  };
  const none = {
    contentType: "application/json",
    headers,
    body: JSON.stringify({ items: [], next_cursor: null }),
  };
  const lists = /\/v1\/admin\/(providers|price-book|price-book\/versions|books\/transactions|backups)(\?|$)/;
  const page = await open("/operator/books", {
    before: (fresh) => fresh.route(lists, (route) => route.fulfill(none)),
  });
  for (const [name, path, title] of [
    ["prices", "/operator/prices", "No price yet"],
    ["providers", "/operator/providers", "No upstream yet"],
    ["books", "/operator/books", "No backup yet"],
    ["transactions", "/operator/books/transactions", "Nothing has moved yet"],
  ] as const) {
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.getByText(title).waitFor();
    expect(await seriousFaults(page), name).toEqual([]);
    await screenshot(page, `console-operator-empty-${name}`, true);
  }
  await page.unroute(lists);

  const requestId = "req_0193f2c4-1111-7000-8000-000000000000";
  const error = { message: "This is a fault of ours.", code: "internal_error", request_id: requestId };
  const checks = /\/v1\/admin\/reconciliation\/invariants/;
  const refuse = { status: 500, contentType: "application/json", headers, body: JSON.stringify({ error }) };
  await page.route(checks, (route) => route.fulfill(refuse));
  await page.goto(`${bed.platform.consoleUrl}/operator/books`);
  const alert = page.getByRole("region", { name: "Checks" }).getByRole("alert");
  await alert.getByText(requestId).waitFor();
  await page.getByText("Adds up").waitFor();
  await screenshot(page, "console-operator-books-error", true);
  expect(await seriousFaults(page)).toEqual([]);
  await page.unroute(checks);
  await alert.getByRole("button", { name: "Try again" }).click();
  await page.getByText("What must be true").waitFor();
  await page.context().close();
  // What was logged here was asked for.
  bed.faults.length = 0;
});

test("a balance that somebody changed by hand stands in red, with its wallet and by how much", async () => {
  const page = await open("/operator/books");
  const drift = page.getByRole("region", { name: "Drift", exact: true });
  await drift.getByText("0", { exact: true }).waitFor();
  const broken = await asSuperuser(async (sql) => {
    const [account] = await sql<{ id: string; owner_id: string }[]>`
      update accounts set balance_usd = balance_usd + 0.00000001
      where id = (select id from accounts where kind = 'wallet' and wallet_seq > 0 order by wallet_seq desc limit 1)
      returning id, owner_id`;
    return account!;
  });
  try {
    await drift.getByRole("button", { name: "Check again" }).click();
    await drift.getByText("0.00000001", { exact: true }).waitFor();
    await drift.getByText(/^1 of \d+ do not agree$/).waitFor();
    const wallet = row(page, broken.owner_id);
    await wallet.getByText("0.00000001").last().waitFor();
    expect(await wallet.getByRole("link").getAttribute("href")).toContain(broken.owner_id);
    const red = await wallet
      .locator("td")
      .last()
      .evaluate((cell) => getComputedStyle(cell).color);
    expect(red).toBe("rgb(173, 42, 34)");
    const check = row(page, "stored_balance_equals_sum_of_entries");
    await check.getByText("1 broken").waitFor();
    await check.getByText(broken.owner_id).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await screenshot(page, "console-operator-books-broken", true);
  } finally {
    await asSuperuser(
      (sql) => sql`update accounts set balance_usd = balance_usd - 0.00000001 where id = ${broken.id}`,
    );
  }
  await drift.getByRole("button", { name: "Check again" }).click();
  await drift.getByText("0", { exact: true }).waitFor();
  expect(await page.getByText("Wallets that do not agree").count()).toBe(0);
});

test("the first load of the books is small, and holds no token", async () => {
  const sizes = new Map<string, number>();
  const texts: string[] = [];
  const pending: Promise<unknown>[] = [];
  const weigh = async (response: Response) => {
    const { origin, pathname } = new URL(response.url());
    if (origin !== bed.platform.consoleUrl) return;
    const body = await response.body();
    sizes.set(pathname, pathname.endsWith(".woff2") ? body.length : gzipSync(body).length);
    if (pathname.endsWith(".js")) texts.push(body.toString());
  };
  const page = await open("/operator/books", {
    before: async (fresh) =>
      fresh.on("response", (response) => pending.push(weigh(response).catch(() => {}))),
  });
  await page.getByText("What must be true").waitFor();
  await Promise.all(pending);
  const first = [...sizes].filter(([path]) => !/\/(chart|chinese|noto-sans-sc)-/.test(path));
  const bytes = first.reduce((sum, [, size]) => sum + size, 0);
  expect(bytes, first.map((entry) => entry.join(" ")).join("\n")).toBeLessThan(250_000);
  expect(bytes).toBeGreaterThan(100_000);
  expect(texts.join("\n")).not.toMatch(/mf_(admin|dev|sess)_[A-Za-z0-9]{8}/);
  const kept = () =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]);
  expect(await page.evaluate(kept)).not.toContain("mf_");
});

test("a developer is brought home from every one of these screens", async () => {
  const page = await bed.open("/");
  for (const [name, path] of pages()) {
    await page.goto(`${bed.platform.consoleUrl}${path}`);
    await page.waitForURL((url) => !url.pathname.startsWith("/operator"));
    expect(new URL(page.url()).pathname, name).toBe("/");
  }
});

test("no page logged an error", () => {
  const provoked = /status of (400|401|404|409)/;
  expect(bed.faults.filter((fault) => !provoked.test(fault))).toEqual([]);
});
