import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Product, send, startProduct, testSecrets } from "@modelfaucet/testkit/product.ts";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { serverCommand, threeLogins } from "./server-command.ts";

// `hosted:check-isolation --attack` against real servers, through a proxy that a test makes as leaky as it wants.

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
let product: Product;
let proxy: Server;
/** What the proxy answers by itself; `null` passes a request on. */
let leak: (request: IncomingMessage) => number | null;
const leaked = JSON.stringify({ secret: "of the other tenant", error: { details: { reason: "gates" } } });
/** Everything that was asked through it, with the bearer token. */
const asked: { line: string; token: string }[] = [];

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  const seeded = await serverCommand(["seed", "--demo"], threeLogins(product.database));
  expect(seeded.code, seeded.stderr).toBe(0);
  proxy = createServer((request, response) => void pass(request, response));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  proxy.closeAllConnections();
  proxy.close();
  await product.stop();
});
beforeEach(() => {
  asked.length = 0;
  leak = () => null;
});
afterEach(async () => {
  expect(await alive()).toEqual([]);
});

async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const { authorization = "" } = request.headers;
  asked.push({ line: `${request.method} ${request.url}`, token: authorization.replace("Bearer ", "") });
  const status = leak(request);
  if (status !== null) {
    response.writeHead(status, { "content-type": "application/json" }).end(leaked);
    return;
  }
  const body = Buffer.concat(parts).toString("utf8");
  const answer = await send(`${product.api}${request.url}`, request.method!, body === "" ? undefined : body, {
    authorization,
  });
  response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.text);
}

const environment = (): Record<string, string> => ({
  MODELFAUCET_API_BASE_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/v1`,
  MODELFAUCET_GATEWAY_BASE_URL: product.gateways[0]!,
});
const attack = (env = environment()) =>
  serverCommand(["hosted", "check-isolation", "--attack", "--json"], env);

/** Tokens and sessions that an attack has left. */
async function alive(): Promise<string[]> {
  const rows = await product.sql`
    select 'token ' || id as what from developer_api_tokens where name = 'isolation attack' and revoked_at is null
    union all select 'session ' || id from virtual_sessions where revoked_at is null and token_expires_at > now()`;
  return rows.map(({ what }) => what as string);
}

describe("hosted:check-isolation --attack", () => {
  it("A176: finds nothing on servers that keep tenants apart, and leaves nothing", async () => {
    const { code, stdout, stderr } = await attack();
    expect(code, stdout + stderr).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ ok: true, mismatches: [], revoked: true, left: [], interrupted: false });
    expect(report.routes).toBeGreaterThan(55);
    expect(report.tries).toBeGreaterThan(2 * report.routes);
    // What the seed plants was looked up: an attack with ids of nobody would find nothing anywhere.
    expect(report.unknown_ids).toEqual([]);
    for (const secret of Object.values(testSecrets)) expect(stdout + stderr).not.toContain(secret);
    for (const { token } of asked) expect(stdout + stderr).not.toContain(token.slice(0, 20));
    const [row] = await product.sql`select expires_at - created_at <= interval '901 seconds' as short
      from developer_api_tokens where name = 'isolation attack'`;
    expect(row!.short).toBe(true);
  });

  it("A176: names the one route that leaks, by status and without its content, and ends with 1", async () => {
    leak = ({ method, url = "", headers }) =>
      method === "GET" && /^\/v1\/developer\/requests\/req_/.test(url) && isAttacker(headers.authorization)
        ? 200
        : null;
    const { code, stdout, stderr } = await attack();
    expect(code, stderr).toBe(1);
    const report = JSON.parse(stdout);
    expect(report.mismatches).toEqual(
      ["developer", "end_user"].map((as) => ({
        route: "GET /v1/developer/requests/:request_id",
        path: expect.stringMatching(/^\/v1\/developer\/requests\/req_/),
        as,
        status: 200,
      })),
    );
    expect(report).toMatchObject({ ok: false, revoked: true });
    expect(stdout + stderr).not.toContain("of the other tenant");
    const told = await serverCommand(["hosted", "check-isolation", "--attack"], environment());
    expect(told.code).toBe(1);
    expect(told.stdout).toContain("FAIL  GET /v1/developer/requests/:request_id as a developer: 200\n");
    expect(told.stdout).toMatch(/\d+ routes x 10 ids: \d+ tries, 2 answered other than 401, 403 or 404/);
  });

  it("takes an answer that is neither yes nor no for a mismatch too", async () => {
    leak = ({ method, url = "" }) =>
      method === "DELETE" && url.startsWith("/v1/user/provider-keys/") ? 500 : null;
    const { code, stdout } = await attack();
    expect([code, JSON.parse(stdout).mismatches.map(({ status }: { status: number }) => status)]).toEqual([
      1,
      [500, 500],
    ]);
  });

  it("tries what it can where the app is not active, so that nobody gets a session, and says so", async () => {
    leak = ({ method, url }) => (method === "POST" && url === "/v1/sessions" ? 403 : null);
    const { code, stdout, stderr } = await serverCommand(
      ["hosted", "check-isolation", "--attack"],
      environment(),
    );
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain("WARN  the demo app is not active yet");
    expect(stdout).toContain("WARN  the isolation tenant has no sessionId, userKeyId");
    const tries = Number(/(\d+) tries, 0 answered/.exec(stdout)![1]);
    expect(tries).toBeGreaterThan(60);
  });

  it("revokes what it minted when the deployment breaks under it", async () => {
    leak = ({ method, url = "" }) =>
      method === "GET" && url.startsWith("/v1/developer/provider-keys?") ? 418 : null;
    const { code, stdout, stderr } = await attack();
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("is not answered: 418");
    expect(asked.filter(({ line }) => line.startsWith("DELETE"))).toHaveLength(3);
  });

  it("revokes what it minted when it is interrupted", async () => {
    const child = spawned();
    await expect
      .poll(() => asked.filter(({ token }) => isAttacker(token)).length, { timeout: 20_000 })
      .toBeGreaterThan(5);
    child.process.kill("SIGINT");
    expect(await child.code).toBe(1);
    expect(JSON.parse(child.output())).toMatchObject({
      ok: false,
      interrupted: true,
      revoked: true,
      left: [],
    });
  });

  it("says what is left when it could not be revoked", async () => {
    leak = ({ method, url = "", headers }) =>
      method === "DELETE" && url.startsWith("/v1/developer/tokens/") && !isAttacker(headers.authorization)
        ? 500
        : null;
    const { code, stdout } = await attack();
    leak = () => null;
    const report = JSON.parse(stdout);
    expect([code, report.revoked, report.left]).toEqual([1, false, [expect.stringMatching(/^token /)]]);
    const id = report.left[0].slice("token ".length);
    expect((await product.developer("DELETE", `/v1/developer/tokens/${id}`)).status).toBe(200);
  });

  it("says what is missing, and sends no token to anybody in the clear", async () => {
    const bare = await attack({});
    expect(bare.code).toBe(1);
    expect(bare.stderr).toContain("MODELFAUCET_API_BASE_URL is missing");
    expect(bare.stderr).toContain("MODELFAUCET_GATEWAY_BASE_URL is missing");
    const plain = await attack({ ...environment(), MODELFAUCET_API_BASE_URL: "http://api.example.com" });
    expect([plain.code, plain.stderr]).toEqual([1, expect.stringContaining("is plain http")]);
    const wrong = await attack({
      ...environment(),
      DEVELOPER_ADMIN_TOKEN: "dev_Xs3VnB6kTzQ9wXe2RjMy5cLp8uFb",
    });
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringContaining("DEVELOPER_ADMIN_TOKEN is answered with 401"),
    ]);
    expect(asked).toHaveLength(1);
  });
});

const isAttacker = (authorization = ""): boolean => /mf_(dev|sess)_/.test(authorization);

function spawned(): { process: ChildProcess; code: Promise<number | null>; output(): string } {
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      "apps/server/src/main.ts",
      ...["hosted", "check-isolation", "--attack", "--json"],
    ],
    {
      cwd: root,
      env: { PATH: process.env.PATH ?? "", NODE_ENV: "test", ...testSecrets, ...environment() },
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  let output = "";
  child.stdout!.on("data", (text: Buffer) => {
    output += text.toString("utf8");
  });
  return {
    process: child,
    code: new Promise((resolve) => child.once("exit", resolve)),
    output: () => output,
  };
}
