import { randomBytes } from "node:crypto";
import { createSecretBox } from "@modelfaucet/server/lib/secret-box.ts";
import type { Page } from "playwright-core";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type KeyVendors, startKeyVendors } from "../acceptance/key-vendors.ts";
import { layoutShift, openPage, screenshot, seriousFaults } from "./browser.ts";
import { operatorApi, told } from "./console-operator.ts";
import { type ConsoleTestbed, openConsoleTestbed } from "./console-testbed.ts";

// The boundary as people handle it: keys, switches, rotation, tokens, sessions, and the log that tells of all of it.

const [newKey, oldKey] = [randomBytes(24), randomBytes(24)].map((key) => key.toString("base64url")) as [
  string,
  string,
];
let vendors: KeyVendors;
let bed: ConsoleTestbed;
let sql: postgres.Sql;

beforeAll(async () => {
  vendors = await startKeyVendors();
  process.env.MODELFAUCET_HOST_MAP = vendors.hostMap;
  process.env.SECRET_ENCRYPTION_KEY = `ring:${newKey},${oldKey}`;
  bed = await openConsoleTestbed();
  sql = postgres(bed.platform.superuserUrl!, { max: 2 });
});
afterAll(async () => {
  // A failed test may have left its row held.
  await sql?.end({ timeout: 1 });
  await bed?.[Symbol.asyncDispose]();
  await vendors?.close();
});

/** What is awaited here takes moments; a busy machine may take longer. */
const eventually = <T>(read: () => T | Promise<T>) => expect.poll(read, { timeout: 15_000 });
const sideways = (page: Page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const dialogOf = (page: Page) => page.getByRole("dialog").last();
const factOf = (page: Page, name: string) => page.getByText(name, { exact: true }).locator("xpath=../dd");

test("a developer adds a provider key, tests it, changes it and deletes it, and sees it masked only", async () => {
  const key = `sk-proj-${randomBytes(18).toString("hex")}`;
  vendors.known.add(key);
  const page = await bed.open("/keys");
  await page.getByText("No provider key yet").waitFor();
  await screenshot(page, "console-boundary-empty-keys");
  await page.getByRole("button", { name: "Add key" }).click();
  const dialog = dialogOf(page);
  await dialog.getByLabel("For the app").selectOption({ label: "CRM Demo" });
  await dialog.getByLabel("Key", { exact: true }).fill(key);
  await dialog.getByText("Priority, budget, models").click();
  await dialog.getByLabel("Budget, USD").fill("lots");
  await dialog.getByRole("button", { name: "Add key" }).click();
  await dialog.getByText(/decimal/).waitFor();
  await screenshot(page, "console-boundary-key-faults");
  expect(await seriousFaults(page)).toEqual([]);
  await dialog.getByLabel("Budget, USD").fill("25");
  await dialog.getByRole("button", { name: "Add key" }).click();

  const masked = `sk-proj-…${key.slice(-4)}`;
  await page.getByRole("heading", { name: "OpenAI", level: 1 }).waitFor();
  await page.getByText(masked).first().waitFor();
  await eventually(() => factOf(page, "Used of its budget").textContent()).toBe("$0.00 of $25.00");
  const before = vendors.requests.length;
  await page.getByRole("button", { name: "Test key" }).click();
  await page.getByText("The key is good: 2 models.").waitFor();
  expect(vendors.requests.slice(before)).toMatchObject([{ host: "api.openai.com", path: "/v1/models" }]);
  await page.getByText("model-b").waitFor();
  await screenshot(page, "console-boundary-key");
  const kept = () => JSON.stringify([document.documentElement.outerHTML, { ...localStorage }, location.href]);
  expect(await page.evaluate(kept)).not.toContain(key.slice(8, 24));

  vendors.known.delete(key);
  await page.getByRole("button", { name: "Test key" }).click();
  await page.getByText(/The vendor does not take this key/).waitFor();
  await screenshot(page, "console-boundary-key-refused");
  vendors.known.add(key);
  await page.getByRole("button", { name: "Test key" }).click();
  await page.getByText("The key is good").waitFor();
  await page.getByLabel("Priority").fill("7");
  await page.getByLabel("Only these models, one a line").fill("model-a");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await eventually(() => page.getByRole("button", { name: "Save", exact: true }).count()).toBe(0);
  await page.getByRole("button", { name: "Disable key" }).click();
  await page.getByText(/Not used by any route/).waitFor();
  await page.getByRole("button", { name: "Enable key" }).click();
  await page.getByRole("button", { name: "Disable key" }).waitFor();

  await page.keyboard.press("Escape");
  await page.waitForURL("**/keys");
  await page.locator("[data-row]", { hasText: masked }).getByText("Active").waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Delete key" }).click();
  await screenshot(page, "console-boundary-key-delete");
  await dialogOf(page).getByRole("button", { name: "Delete key" }).click();
  await page.waitForURL("**/keys");
  await eventually(() => page.getByRole("heading", { name: "Delete" }).count()).toBe(0);
  await page.context().close();
});

test("a feature says what would be tried now, payer by payer, and why not", async () => {
  const page = await bed.open("/apps/app_pub_demo");
  const policy = {
    route_preference: ["local", "developer_key", "platform"],
    models: ["simulated/sim-small", "simulated/nobody-priced-it"],
  };
  const feature = { feature_key: "routes", display_name: "Routes", policy };
  await operatorApi(bed, page, "POST", "/v1/developer/apps/app_pub_demo/features", feature);
  await page.goto(`${bed.platform.consoleUrl}/apps/app_pub_demo/features/routes`);
  const card = page.getByRole("region", { name: "What would be tried now" });
  await card.getByText("no key of yours for simulated").waitFor();
  const rows = await card.locator("ol > li").allTextContents();
  expect(rows).toHaveLength(3);
  expect(rows[0]).toContain("User's computer");
  expect(rows[1]).toMatch(/Credits, your key.*no key of yours.*no price in the price book/);
  expect(rows[2]).toMatch(/Credits.*sim-small by simulated.*nobody-priced-it.*no price in the price book/);
  expect(await card.getByRole("img", { name: "tried", exact: true }).count()).toBe(1);
  await card.scrollIntoViewIfNeeded();
  await screenshot(page, "console-boundary-routes", true);
  expect(await seriousFaults(page)).toEqual([]);
  await page.context().close();
});

test("an operator suspends an app: its open stream ends within two seconds, and lifting serves it again", async () => {
  const page = await bed.open("/operator/apps/app_pub_demo", { as: "operator" });
  await page.getByRole("button", { name: "Suspend app" }).click();
  const dialog = dialogOf(page);
  await dialog.getByLabel("Reason").fill("somebody is sending nonsense");
  await screenshot(page, "console-boundary-suspend");
  expect(await seriousFaults(page)).toEqual([]);

  const stream = await openStream();
  await eventually(() => stream.pieces()).toBeGreaterThan(5);
  const before = performance.now();
  await dialog.getByRole("button", { name: "Switch off" }).click();
  await stream.ended;
  expect(performance.now() - before).toBeLessThan(2000);
  expect(stream.text()).toContain('"suspended"');
  expect(stream.text()).not.toContain("[DONE]");
  await dialogOf(page)
    .getByText(/In force on (the one instance|all \d+ instances) after/)
    .waitFor();
  await screenshot(page, "console-boundary-suspended");
  await dialogOf(page).getByRole("button", { name: "Close" }).last().click();
  await page.getByText("somebody is sending nonsense").waitFor();

  await page.getByRole("link", { name: "Lift it under switches" }).click();
  const row = page.locator("[data-row]", { hasText: "app_pub_demo" });
  await row.getByText(/^(\d+) of \1 instances?$/).waitFor();
  await screenshot(page, "console-boundary-switches-off");
  await row.getByRole("button", { name: "Lift" }).click();
  await dialogOf(page).getByLabel("Reason").fill("they have stopped");
  await dialogOf(page).getByRole("button", { name: "Lift switch" }).click();
  await dialogOf(page)
    .getByText(/In force on (the one|all)/)
    .waitFor();
  const again = await openStream();
  await eventually(() => again.pieces()).toBeGreaterThan(0);
  again.leave();

  await dialogOf(page).getByRole("button", { name: "Close" }).last().click();
  await page.getByText("No switch is like that").waitFor();
  await page.getByRole("button", { name: "Set switch" }).click();
  await dialogOf(page).getByLabel("What").selectOption({ label: "Feature" });
  await dialogOf(page).getByLabel("App and feature").fill("app_pub_demo/no_such_feature");
  await dialogOf(page).getByLabel("State").selectOption({ label: "Throttled" });
  await dialogOf(page).getByLabel("Calls a minute").fill("3");
  await dialogOf(page).getByLabel("Until").selectOption({ label: "an hour from now" });
  await dialogOf(page).getByLabel("Reason").fill("to see how it does");
  await dialogOf(page).getByRole("button", { name: "Throttle" }).click();
  await dialogOf(page).getByText("there is no such feature").waitFor();
  await dialogOf(page).getByLabel("App and feature").fill("app_pub_demo/customer_reply");
  await dialogOf(page).getByRole("button", { name: "Throttle" }).click();
  await dialogOf(page)
    .getByText(/At most 3 calls a minute\. It is lifted by itself on/)
    .waitFor();
  await page.context().close();
});

test("a token made for a person signs in, proves itself anew, and turns the encryption key to the end", async () => {
  const page = await bed.open("/operator/tokens", { as: "operator" });
  await page.getByText("No operator token yet").waitFor();
  await page.getByRole("button", { name: "Add token" }).click();
  await dialogOf(page).getByLabel("Person's e-mail").fill("second@example.com");
  await dialogOf(page).getByLabel("Name").fill("second operator");
  await dialogOf(page).getByLabel("Role").selectOption("admin");
  await screenshot(page, "console-boundary-token-form");
  await dialogOf(page).getByRole("button", { name: "Add token" }).click();
  const token = (await dialogOf(page).locator("code").textContent()) ?? "";
  expect(token).toMatch(/^mf_admin_/);
  await dialogOf(page).getByRole("button", { name: "I have copied it" }).click();
  await page.getByText("second@example.com").waitFor();
  expect(await page.content()).not.toContain(token);
  await page.context().close();

  const theirs = await openPage(bed.browser, `${bed.platform.consoleUrl}/sign-in?to=/operator/key-rotation`);
  await theirs.getByLabel("Developer or operator token").fill(token);
  await theirs.getByRole("button", { name: "Sign in" }).click();
  await theirs.getByText("No rotation yet").waitFor();
  await screenshot(theirs, "console-boundary-empty-rotations");
  const rowHeld = await holdSealedByOldKey();
  await sql`update console_sessions set authenticated_at = authenticated_at - interval '20 minutes', proved_at = null
    where operator_token_id is not null`;

  await theirs.getByRole("button", { name: "Start rotation" }).click();
  await dialogOf(theirs).getByLabel("Reason").fill("the key is a year old");
  await dialogOf(theirs).getByRole("button", { name: "Start rotation" }).click();
  const proof = theirs.getByRole("dialog", { name: "Is it still you?" });
  await proof.getByLabel("Sign-in link or token").fill("mf_admin_nothing");
  await screenshot(theirs, "console-boundary-step-up");
  expect(await seriousFaults(theirs)).toEqual([]);
  await proof.getByRole("button", { name: "Go on" }).click();
  await proof.getByRole("alert").waitFor();
  await proof.getByLabel("Sign-in link or token").fill(token);
  await proof.getByRole("button", { name: "Go on" }).click();

  const running = theirs.getByRole("region", { name: "Sealing anew" });
  await running.getByText(/^\d+ of \d+ values$/).waitFor();
  await running.getByRole("button", { name: "Finish" }).click();
  await dialogOf(theirs).getByLabel("Reason").fill("it looks done");
  await dialogOf(theirs).getByRole("button", { name: "Finish rotation" }).click();
  await dialogOf(theirs)
    .getByText(/The old key is still needed/)
    .waitFor();
  await screenshot(theirs, "console-boundary-rotation-refused");
  expect(await seriousFaults(theirs)).toEqual([]);
  await rowHeld.release();
  await dialogOf(theirs).getByRole("button", { name: "Not yet" }).click();
  const sealed = theirs.getByRole("region", { name: "Sealed anew" });
  await sealed.getByText("100 %").waitFor();
  await screenshot(theirs, "console-boundary-rotation-sealed");
  await sealed.getByRole("button", { name: "Finish" }).click();
  await dialogOf(theirs).getByLabel("Reason").fill("every value has the new key");
  await dialogOf(theirs).getByRole("button", { name: "Finish rotation" }).click();
  const finished = theirs.getByRole("region", { name: "Finished", exact: true });
  await finished.getByText("the key is a year old").waitFor();
  await screenshot(theirs, "console-boundary-rotation-finished");

  await theirs.goto(`${bed.platform.consoleUrl}/operator/tokens`);
  await theirs.getByRole("button", { name: "Rotate" }).click();
  await dialogOf(theirs).getByRole("button", { name: "Rotate token" }).click();
  await dialogOf(theirs)
    .getByText(/^mf_admin_/)
    .waitFor();
  await theirs.context().close();
});

test("users are found by the app's own id, their sessions end, and secrets turn with an overlap", async () => {
  const page = await bed.open("/apps/app_pub_demo");
  await page.getByRole("link", { name: "End users" }).click();
  await page.getByLabel("Your own id of the user").fill("crm-demo-user");
  await page.keyboard.press("Enter");
  await eventually(() => page.locator("[data-row]").count()).toBe(1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Revoke sessions" }).click();
  await screenshot(page, "console-boundary-user-sessions");
  await dialogOf(page).getByRole("button", { name: "Revoke sessions" }).click();
  await page.getByText("No live session").waitFor();

  await page.goto(`${bed.platform.consoleUrl}/tokens`);
  await page.getByRole("button", { name: "Add token" }).click();
  await dialogOf(page).getByLabel("Name").fill("backend");
  await dialogOf(page).getByRole("button", { name: "Add token" }).click();
  await dialogOf(page).getByRole("button", { name: "I have copied it" }).click();
  await page.getByRole("button", { name: "Rotate" }).click();
  await dialogOf(page).getByRole("button", { name: "Rotate token" }).click();
  const successor = (await dialogOf(page).locator("code").textContent()) ?? "";
  expect(successor).toMatch(/^mf_dev_/);
  await dialogOf(page).getByRole("button", { name: "I have copied it" }).click();
  await eventually(() => page.locator("[data-row]").count()).toBe(2);
  expect(await page.content()).not.toContain(successor);

  await page.goto(`${bed.platform.consoleUrl}/apps/app_pub_demo/identity`);
  await page.getByRole("button", { name: "Rotate secret" }).click();
  await dialogOf(page).getByRole("button", { name: "Rotate secret" }).click();
  const secret = (await dialogOf(page).locator("code").textContent()) ?? "";
  expect(secret).toMatch(/^mf_idsec_/);
  await dialogOf(page)
    .getByText(/The one before holds until/)
    .waitFor();
  await dialogOf(page).getByRole("button", { name: "I have copied it" }).click();
  expect(await page.content()).not.toContain(secret);
  await page.getByRole("textbox", { name: "User token" }).fill("not a token");
  await page.getByRole("button", { name: "Test token" }).click();
  await page.getByText(/It proves nobody: it is no JWT/).waitFor();
  await page.getByLabel("They come from").selectOption({ label: "a key set at an address" });
  await page.getByLabel("Address of the key set").fill("https://127.0.0.1/jwks.json");
  await page.getByRole("button", { name: "Save keys" }).click();
  await eventually(() => page.getByLabel("Address of the key set").getAttribute("aria-invalid")).toBe("true");
  await screenshot(page, "console-boundary-identity");
  expect(await seriousFaults(page)).toEqual([]);

  await page.goto(`${bed.platform.consoleUrl}/apps/app_pub_demo/debug-log`);
  await page.getByRole("button", { name: "Start recording" }).click();
  await dialogOf(page).getByLabel("Reason").fill("a customer sees odd answers");
  await dialogOf(page).getByRole("button", { name: "Start recording" }).click();
  await page
    .getByRole("timer")
    .getByText(/1[45]:\d\d left/)
    .waitFor();
  await bed.call(1);
  await page.getByRole("button", { name: "Read" }).click();
  await dialogOf(page)
    .getByText(/Where is my order\?/)
    .waitFor();
  await screenshot(page, "console-boundary-recorded");
  expect(await seriousFaults(page)).toEqual([]);
  await dialogOf(page).getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: "Stop recording" }).click();
  await page.getByRole("button", { name: "Start recording" }).waitFor();
  await page.context().close();
});

test("the audit logs tell of all these acts, narrowed by filters, and are exported", async () => {
  const page = await bed.open("/audit");
  for (const action of ["provider_key.create", "app.identity_secret_rotate", "debug_log.read"])
    await page.getByText(action).first().waitFor();
  await page.getByLabel("Act").fill("provider_key.create");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/audit?action=provider_key.create");
  await eventually(() => page.locator("[data-row]").count()).toBe(1);
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await dialogOf(page)
    .getByText("What was noted")
    .or(dialogOf(page).getByText("Acting as"))
    .first()
    .waitFor();
  await screenshot(page, "console-boundary-audit-row");
  expect(await seriousFaults(page)).toEqual([]);
  await page.context().close();

  const operator = await bed.open("/operator/audit", { as: "operator" });
  const acts = ["switch.suspend", "keys.rotate_finish", "operator_token.create", "provider_key.create"];
  for (const action of acts) {
    await operator.getByLabel("Act", { exact: true }).fill(action);
    await operator.keyboard.press("Enter");
    await operator.waitForURL(`**/operator/audit?action=${action}`);
    await operator.locator("[data-row]", { hasText: action }).first().waitFor();
  }
  await operator.getByRole("button", { name: "Clear filters" }).click();
  for (const format of ["csv", "ndjson"]) {
    const downloading = operator.waitForEvent("download");
    await operator.getByRole("button", { name: `Export .${format}` }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toMatch(new RegExp(`^audit-log-[\\d-]{10}\\.${format}$`));
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    for (const action of acts) expect(text).toContain(action);
  }
  await operator.context().close();
});

const screens = [
  ["developer", "keys", "/keys", "Newest first"],
  ["developer", "tokens", "/tokens", "Developer tokens"],
  ["developer", "audit", "/audit", "provider_key.create"],
  ["developer", "users", "/apps/app_pub_demo/users", "Balance"],
  ["developer", "identity", "/apps/app_pub_demo/identity", "Keys of user tokens"],
  ["developer", "debug-log", "/apps/app_pub_demo/debug-log", "Recorded calls"],
  ["operator", "switches", "/operator/switches", "Newest change first"],
  ["operator", "sessions", "/operator/sessions", "Newest first"],
  ["operator", "rotations", "/operator/key-rotation", "Finished"],
  ["operator", "tokens", "/operator/tokens", "second@example.com"],
  ["operator", "audit", "/operator/audit", "Newest first"],
] as const;

test("axe finds nothing serious on these screens, light and dark, and nothing scrolls sideways at 320 px", async () => {
  for (const kind of ["developer", "operator"] as const) {
    const page = await bed.open(kind === "operator" ? "/operator" : "/", { as: kind });
    for (const [who, name, path, text] of screens) {
      if (who !== kind) continue;
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.goto(`${bed.platform.consoleUrl}${path}`);
      await page.getByText(text).first().waitFor();
      await eventually(() => page.getByLabel("Loading").count()).toBe(0);
      expect(await seriousFaults(page), name).toEqual([]);
      expect(await layoutShift(page), name).toBeLessThan(0.1);
      await screenshot(page, `console-boundary-${kind}-${name}-light`);
      await page.emulateMedia({ colorScheme: "dark" });
      expect(await seriousFaults(page), `${name}, dark`).toEqual([]);
      await screenshot(page, `console-boundary-${kind}-${name}-dark`);
      await page.setViewportSize({ width: 320, height: 740 });
      expect(await sideways(page), `${name} at 320`).toBeLessThanOrEqual(0);
      await screenshot(page, `console-boundary-${kind}-${name}-320`, true);
    }
    await page.context().close();
  }
});

test("a screen without anything says what will be there; one that fails says what to do", async () => {
  const lists =
    /\/v1\/(admin\/(switches|sessions|audit-logs|operator-tokens)|developer\/(audit-logs|provider-keys))(\?|$)/;
  const requestId = "req_0193f2c4-1111-7000-8000-000000000000";
  const error = { message: "This is a fault of ours.", code: "internal_error", request_id: requestId };
  for (const [as, path, title] of [
    ["operator", "/operator/switches", "Nothing is switched off"],
    ["operator", "/operator/sessions", "No session yet"],
    ["operator", "/operator/audit", "No row is like that"],
    ["developer", "/audit", "Nothing was done yet"],
  ] as const) {
    const page = await bed.open(path, {
      as,
      before: (fresh) =>
        fresh.route(lists, (route) => route.fulfill(told(bed, 200, { items: [], next_cursor: null }))),
    });
    await page.getByText(title).waitFor();
    await screenshot(page, `console-boundary-empty${path.replaceAll("/", "-")}`);
    expect(await seriousFaults(page), path).toEqual([]);
    await page.unroute(lists);
    await page.route(lists, (route) => route.fulfill(told(bed, 500, { error })));
    await page.reload();
    await page.getByRole("alert").getByText(requestId).waitFor();
    await screenshot(page, `console-boundary-error${path.replaceAll("/", "-")}`);
    await page.context().close();
  }
});

test("no page logged an error that was not provoked", () => {
  const provoked = /status of (400|401|404|409|500)/;
  expect(bed.faults.filter((fault) => !provoked.test(fault))).toEqual([]);
});

/** One value as a deployment has it that had one key until now, held by somebody so that nothing seals it anew. */
async function holdSealedByOldKey(): Promise<{ release(): Promise<void> }> {
  const both = createSecretBox([newKey, oldKey]);
  const [app] =
    await sql`select id, developer_id, user_hash_key from apps where public_app_id = 'app_pub_demo'`;
  const place = { table: "apps", column: "user_hash_key", rowId: app!.id, owner: app!.developer_id };
  const sealed = createSecretBox([oldKey]).seal(both.open(app!.user_hash_key, place), place);
  await sql`update apps set user_hash_key = ${sealed} where id = ${app!.id}`;
  const held = await sql.reserve();
  await held`begin`;
  await held`select 1 from apps where id = ${app!.id} for no key update`;
  return {
    release: async () => {
      await held`rollback`;
      held.release();
    },
  };
}

/** A slow answer to the demo's user, as their browser reads it. */
async function openStream() {
  const { apiUrl, gatewayUrl } = bed.platform;
  const post = (url: string, body: object, more: RequestInit = {}, token?: string) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
      ...more,
    });
  const who = { public_app_id: "app_pub_demo", external_user_id: "crm-demo-user" };
  const opened = (await (await post(`${apiUrl}/v1/sessions`, who)).json()) as { session_token: string };
  const leaving = new AbortController();
  const answer = await post(
    `${gatewayUrl}/chat/completions`,
    {
      model: "auto:customer_reply",
      stream: true,
      max_tokens: 400,
      simulate: { output_tokens: 400, duration_ms: 40_000 },
      messages: [{ role: "user", content: "Where is my order?" }],
    },
    { signal: leaving.signal },
    opened.session_token,
  );
  let text = "";
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of answer.body!) text += decoder.decode(bytes as Uint8Array, { stream: true });
  })().catch(() => {});
  return {
    ended,
    text: () => text,
    pieces: () => text.split('"content":"').length - 1,
    leave: () => leaving.abort(),
  };
}
