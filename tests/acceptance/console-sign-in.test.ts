import { consoleOrigin, signInToConsole } from "@modelfaucet/testkit/console.ts";
import { layGround } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { made, makeTenant, type Tenant } from "./isolation-tenants.ts";
import { serverCommand } from "./server-command.ts";

let product: Product;
let tenant: Tenant;
let email: string;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  await layGround(product);
  tenant = await makeTenant(product, "one");
  email = (await product.admin("GET", `/v1/admin/developers/${tenant.ids.developerId}`)).body.email;
});
afterAll(() => product.stop());

/** `modelfaucet sign-in-link …` on the product's database. */
const signInLink = (...args: string[]) =>
  serverCommand(["sign-in-link", ...args], {
    DATABASE_URL: product.database.runtimeUrl,
    DASHBOARD_PUBLIC_BASE_URL: consoleOrigin,
  });

const linkOf = async (...args: string[]): Promise<string> => {
  const { code, stdout: out } = await signInLink(...args);
  expect(code).toBe(0);
  return out.trim();
};
const codeOf = (url: string): string => new URL(url).hash.replace("#code=", "");

const signIn = (code: string, headers: Record<string, string> = { origin: consoleOrigin }) =>
  product.call("POST", "/v1/console/sign-in", { code }, { token: null, headers });
const browserOf = (answer: HttpAnswer): Record<string, string> => ({
  origin: consoleOrigin,
  cookie: answer.headers.get("set-cookie")!.split(";")[0]!,
  "x-csrf-token": answer.body.csrf_token,
});
const as = (headers: Record<string, string>) => (method: string, path: string, body?: unknown) =>
  product.call(method, path, body, { token: null, headers });

describe("sign-in links from the command line", () => {
  it("sign an operator in once: the link alone is printed, of three browsers one gets in", async () => {
    const { code, stdout: out, stderr: err } = await signInLink("--operator", "ada@example.com");
    expect(code).toBe(0);
    expect(out).toMatch(/^http:\/\/127\.0\.0\.1:5173\/sign-in#code=mf_link_[0-9A-Za-z]{38}\n$/);
    expect(err).toMatch(/^Works once, until .*\. No mail was sent/);
    const tries = await Promise.all([1, 2, 3].map(() => signIn(codeOf(out.trim()))));
    expect(tries.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    expect((await signIn(codeOf(out.trim()))).body.error.message).toMatch(/^This sign-in link does not work/);
    const ask = as(browserOf(tries.find(({ status }) => status === 200)!));
    expect(made(await ask("GET", "/v1/admin/me")).operator.email).toBe("ada@example.com");
    const wallet = tenant.ids.walletId;
    const adjustment = { direction: "credit", amount_usd: "0.01", reason: "console" };
    expect((await ask("POST", `/v1/admin/wallets/${wallet}/adjustments`, adjustment)).status).toBe(201);
    const [row] = await product.sql`
      select actor_scope, actor_name, reason from audit_logs where action = 'wallet.adjustment_applied' order by id desc limit 1`;
    expect(row).toEqual({ actor_scope: "admin", actor_name: "ada@example.com", reason: "console" });
    const actions = await product.sql`
      select actor_scope, action from audit_logs where action like 'operator.%' order by id`;
    expect([...actions]).toEqual([
      { actor_scope: "bootstrap", action: "operator.create" },
      { actor_scope: "bootstrap", action: "operator.sign_in_link" },
      { actor_scope: "admin", action: "operator.sign_in" },
    ]);
  });

  it("sign a developer in, who sees its own rows alone", async () => {
    const { code, stdout: out } = await signInLink("--developer", email, "--json");
    expect(code).toBe(0);
    const told = JSON.parse(out);
    expect(told).toMatchObject({ kind: "developer", email, mailed: false });
    expect(Date.parse(told.expires_at) - Date.now()).toBeLessThan(10 * 60_000);
    const answer = await signIn(codeOf(told.url));
    expect(answer.headers.get("set-cookie")).toMatch(/; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/);
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
    const ask = as(browserOf(answer));
    const requests = made(await ask("GET", "/v1/developer/requests"));
    expect(requests.items.map((item: { request_id: string }) => item.request_id)).toEqual([
      tenant.ids.requestId,
    ]);
    const apps = made(await ask("GET", "/v1/developer/apps"));
    expect(apps.items).toHaveLength(1);
    expect((await ask("GET", "/v1/admin/wallets")).status).toBe(403);
    expect(
      (await ask("GET", `/v1/developer/requests?developer_id=${product.developerAdminToken}`)).status,
    ).toBe(400);
  });

  it("are refused to who is not there, and told how to be asked for", async () => {
    const nobody = await signInLink("--developer", "nobody@example.com");
    expect(nobody).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("There is no developer"),
    });
    for (const args of [
      [],
      ["--operator", "no address"],
      ["--operator", "a@b.co", "--developer", "a@b.co"],
      ["--role", "x"],
    ]) {
      expect(await signInLink(...args)).toMatchObject({ code: 2, stdout: "" });
    }
  });
});

describe("console sessions of a running product", () => {
  it("end at once with their token, and with their developer", async () => {
    const own = { token: tenant.token };
    const token = made(await product.call("POST", "/v1/developer/tokens", { name: "console" }, own));
    const ask = as(await signInToConsole(product, token.token));
    expect((await ask("GET", "/v1/console/session")).status).toBe(200);
    made(await product.call("DELETE", `/v1/developer/tokens/${token.item.id}`, undefined, own));
    expect((await ask("GET", "/v1/console/session")).status).toBe(401);

    const closing = made(
      await product.admin("POST", "/v1/admin/developers", {
        email: "closing@example.com",
        name: "Closing",
        reason: "test",
      }),
    );
    const invited = made(
      await product.admin("POST", `/v1/admin/developers/${closing.id}/invite`, { reason: "test" }),
    );
    const later = made(
      await product.admin("POST", `/v1/admin/developers/${closing.id}/invite`, { reason: "test" }),
    );
    const closed = as(browserOf(await signIn(codeOf(invited.url))));
    expect((await closed("GET", "/v1/developer/me")).status).toBe(200);
    made(await product.admin("DELETE", `/v1/admin/developers/${closing.id}?reason=test`));
    expect((await closed("GET", "/v1/developer/me")).status).toBe(401);
    expect((await signIn(codeOf(later.url))).status).toBe(401);
    expect((await signInLink("--developer", "closing@example.com")).code).toBe(1);
  });

  it("are not taken by the gateway, and their answers are cached by nobody", async () => {
    const headers = await signInToConsole(product, product.adminToken);
    const answer = await fetch(`${product.gateways[0]}/models`, { headers });
    expect([answer.status, answer.headers.get("access-control-allow-credentials")]).toEqual([401, null]);
    const session = await as(headers)("GET", "/v1/console/session");
    expect(session.headers.get("cache-control")).toBe("private, no-store");
    expect(session.headers.get("vary")).toContain("Origin");
  });

  it("leave no code, token, cookie or csrf token in any log line", async () => {
    const url = await linkOf("--operator", "ada@example.com");
    const answer = await signIn(codeOf(url));
    const headers = browserOf(answer);
    await signIn(codeOf(url));
    await as(headers)("GET", `/v1/console/session?code=${codeOf(url)}`);
    await as(await signInToConsole(product, tenant.token))("DELETE", "/v1/console/session");
    await expect
      .poll(() => product.control.output())
      .toContain('"method":"DELETE","route":"/v1/console/session"');
    const written = product.control.output();
    for (const secret of [
      codeOf(url),
      tenant.token,
      headers.cookie!.split("=")[1]!,
      headers["x-csrf-token"]!,
    ]) {
      expect(written).not.toContain(secret);
    }
  });
});
