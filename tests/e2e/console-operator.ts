import { gzipSync } from "node:zlib";
import type { Page, Response } from "playwright-core";
import type { ConsoleTestbed } from "./console-testbed.ts";

/** As much of an answer as tests look at. */
type Json = Record<string, never> & { items: Record<string, string>[] };

/** An amount on the screen in units of 1e-8 USD. */
export const units = (amount: string) => BigInt(amount.replace(/[^\d-]/g, ""));

/** What the page of a wallet says is in it. */
export async function balanceOf(page: Page): Promise<bigint> {
  const heading = page.getByRole("heading", { name: /^Balance of/ });
  return units((await heading.locator("xpath=..").locator("[data-usd]").textContent()) ?? "");
}

/** What the operator of that page is told by the API. */
export async function operatorApi(
  { platform }: ConsoleTestbed,
  page: Page,
  method: string,
  path: string,
  body?: object,
): Promise<Json> {
  const { request } = page.context();
  const { apiUrl, consoleUrl: origin } = platform;
  const session = await (await request.get(`${apiUrl}/v1/console/session`, { headers: { origin } })).json();
  const answer = await request.fetch(`${apiUrl}${path}`, {
    method,
    headers: { origin, "x-csrf-token": session.csrf_token },
    ...(body === undefined ? {} : { data: body }),
  });
  if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
  return answer.json();
}

/** One call of the demo's user through the gateway. */
export async function callOnce({ platform }: ConsoleTestbed): Promise<{ status: number; body: unknown }> {
  const post = (url: string, body: object, token?: string) =>
    fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
    });
  const { apiUrl, gatewayUrl } = platform;
  const who = { public_app_id: "app_pub_demo", external_user_id: "crm-demo-user" };
  const opened = (await (await post(`${apiUrl}/v1/sessions`, who)).json()) as { session_token: string };
  const messages = [{ role: "user", content: "Where is my order?" }];
  const call = { model: "auto:customer_reply", max_tokens: 20, messages };
  const answer = await post(`${gatewayUrl}/chat/completions`, call, opened.session_token);
  return { status: answer.status, body: await answer.json() };
}

/** An answer of the API that a page of the console may read. */
export function told({ platform }: ConsoleTestbed, status: number, body: object) {
  return {
    status,
    contentType: "application/json",
    headers: {
      "access-control-allow-origin": platform.consoleUrl,
      "access-control-allow-credentials": "true",
    },
    body: JSON.stringify(body),
  };
}

/** Notes the size of each file of the console that the page loads, as it crosses the wire. */
export function weighFiles(page: Page, { platform }: ConsoleTestbed, sizes: Map<string, number>): void {
  const weigh = async (response: Response) => {
    const { origin, pathname } = new URL(response.url());
    if (origin !== platform.consoleUrl) return;
    const body = await response.body();
    sizes.set(pathname, pathname.endsWith(".woff2") ? body.length : gzipSync(body).length);
  };
  // A file that is gone with its page is not weighed.
  page.on("response", (response) => void weigh(response).catch(() => {}));
}
