import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { launchBrowser, openPage } from "./browser.ts";

let product: Product;
let browser: Browser;
let consolePage: Server;
let otherPage: Server;

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeAll(async () => {
  [consolePage, otherPage, browser] = await Promise.all([
    serveEmptyPage(),
    serveEmptyPage(),
    launchBrowser(),
  ]);
  product = await startProduct({
    postgres: inject("postgres"),
    env: { DASHBOARD_PUBLIC_BASE_URL: urlOf(consolePage) },
  });
});
afterAll(async () => {
  await browser?.close();
  await product?.stop();
  consolePage?.close();
  otherPage?.close();
});

type Told = { status: number; body: { csrf_token?: string; error?: { code: string } } } | { failed: true };

/** What a script of that page gets. */
const callFrom = (page: Page, method: string, path: string, body?: object, csrf?: string): Promise<Told> =>
  page.evaluate(
    async ({ url, init }) => {
      try {
        const answer = await fetch(url, { ...init, credentials: "include" });
        return { status: answer.status, body: await answer.json() };
      } catch {
        return { failed: true as const };
      }
    },
    {
      url: `${product.api}${path}`,
      init: {
        method,
        headers: {
          ...(body ? { "content-type": "application/json" } : {}),
          ...(csrf ? { "x-csrf-token": csrf } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      },
    },
  );

describe("the console's cookie in a real browser", () => {
  it("is kept and sent by the console's page, which cannot read it, and by no other page", async () => {
    const page = await openPage(browser, urlOf(consolePage));
    const opened = await callFrom(page, "POST", "/v1/console/token-exchange", { token: product.adminToken });
    expect(opened).toMatchObject({ status: 200, body: { kind: "operator" } });
    const csrf = "body" in opened ? opened.body.csrf_token! : "";
    expect(await callFrom(page, "GET", "/v1/admin/me")).toMatchObject({ status: 200 });
    expect(await page.evaluate(() => document.cookie)).toBe("");

    // The same browser, on a page of the same site but of another origin.
    await page.goto(urlOf(otherPage));
    expect(await callFrom(page, "GET", "/v1/admin/me")).toEqual({ failed: true });
    expect(await callFrom(page, "POST", "/v1/console/session/switch", { operator: true }, csrf)).toEqual({
      failed: true,
    });
    // A form needs no leave to send; it is told nothing and changes nothing.
    const refused = page.waitForResponse((response) => response.url().endsWith("/v1/admin/developers"));
    await page.evaluate((action) => {
      const form = document.body.appendChild(document.createElement("form"));
      Object.assign(form, { method: "post", action, enctype: "text/plain" });
      form.submit();
    }, `${product.api}/v1/admin/developers`);
    expect((await refused).status()).toBe(401);
    await page.waitForURL(`${product.api}/v1/admin/developers`);

    await page.goto(urlOf(consolePage));
    expect(await callFrom(page, "POST", "/v1/console/session/switch", { operator: true })).toMatchObject({
      status: 403,
    });
    expect(await callFrom(page, "DELETE", "/v1/console/session", undefined, csrf)).toMatchObject({
      status: 200,
    });
    expect(await callFrom(page, "GET", "/v1/admin/me")).toMatchObject({ status: 401 });
    expect(await page.context().cookies(product.api)).toEqual([]);
  });
});

function serveEmptyPage(): Promise<Server> {
  const server = createServer((_, response) =>
    response.end("<!doctype html><title>page</title><body></body>"),
  );
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
