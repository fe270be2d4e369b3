import { readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import {
  type BridgeAnswer,
  type RunningBridge,
  startBridge,
} from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

// How a page is paired, what its permission is worth, and how it ends.

let models: LocalServer;
let bridge: RunningBridge;
let lastOrigin = 0;
let origin: string;

beforeAll(async () => {
  models = await startLocalServer("ollama", [
    { name: "qwen3:8b", contextLength: 4096, isLoaded: true },
    { name: "llama3.2:3b", contextLength: 4096, isLoaded: true },
  ]);
  bridge = await startBridge({
    config: `version: 1\nendpoints: [{ id: ollama, kind: ollama, base_url: "${models.baseUrl}" }]\n`,
  });
});

afterAll(async () => {
  await bridge?.stop();
  await models?.close();
});

// Each test is a page of its own: pairing is limited by the minute.
beforeEach(() => {
  models.script({});
  lastOrigin += 1;
  origin = `https://page-${lastOrigin}.example`;
});

const start = (body: object = {}, from = origin): Promise<BridgeAnswer> =>
  bridge.send({ method: "POST", path: "/pair/start", headers: { origin: from }, body });
const complete = (body: object, from = origin): Promise<BridgeAnswer> =>
  bridge.send({ method: "POST", path: "/pair/complete", headers: { origin: from }, body });
const shown = (from = origin) => bridge.event((line) => line.event === "pairing" && line.origin === from);
const use = (
  token: string | null,
  from: string | null = origin,
  path = "/v1/models",
): Promise<BridgeAnswer> =>
  bridge.send({
    path,
    headers: {
      ...(from === null ? {} : { origin: from }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
  });

test("a page asks, the terminal shows its address and a code, the page gets its token this once", async () => {
  const asked = await start({ app_name: "CRM Demo", public_app_id: "app_pub_demo" });
  expect(asked).toMatchObject({
    status: 201,
    headers: { "access-control-allow-origin": origin },
    body: { code_length: 8 },
  });
  expect(Object.keys(asked.body)).toEqual(["pairing_id", "expires_at", "code_length"]);
  const line = await shown();
  expect(line).toMatchObject({
    pairing_id: asked.body.pairing_id,
    origin,
    app_name: "CRM Demo",
    code: expect.stringMatching(/^[B-DF-HJ-NP-TV-Z2-7]{4}-[B-DF-HJ-NP-TV-Z2-7]{4}$/),
  });
  expect((await bridge.command("pair")).stdout).toContain(`${origin}  ${line.code}`);
  const paired = await complete({
    pairing_id: asked.body.pairing_id,
    code: line.code.toLowerCase().replace("-", " "),
  });
  expect(paired).toMatchObject({
    status: 201,
    body: { origin, models: ["*"], grant_id: expect.any(String), expires_at: expect.any(String) },
  });
  const { token } = paired.body;
  expect(token).toMatch(/^mf_br_[0-9A-Za-z]{38}$/);
  expect((await use(token)).status).toBe(200);
  const own = await use(token, origin, "/pair");
  expect(own.body).toMatchObject({ grant_id: paired.body.grant_id, origin, models: ["*"] });
  expect(own.text).not.toContain("mf_br_");
  const kept = readFileSync(join(bridge.home, "grants.json"), "utf8");
  expect(kept).not.toContain(token);
  expect(kept).not.toContain(token.slice("mf_br_".length));
  expect(statSync(join(bridge.home, "grants.json")).mode & 0o777).toBe(0o600);
  expect(await complete({ code: line.code })).toMatchObject({
    status: 403,
    body: { error: { code: "invalid_pairing_code", details: { reason: "used", attempts_left: 0 } } },
  });
});

test("the token is worth nothing from another origin, from no origin, or with a letter changed", async () => {
  const token = await bridge.pair(origin);
  const other = "https://other-paired.example";
  await bridge.pair(other);
  expect(await use(token, other)).toMatchObject({ status: 401, body: { error: { code: "invalid_grant" } } });
  expect((await use(token, null)).status).toBe(401);
  expect((await use(token, "https://never-paired.example")).status).toBe(403);
  expect((await use(`${token.slice(0, -1)}${token.endsWith("a") ? "b" : "a"}`)).status).toBe(401);
  expect((await use(null)).status).toBe(401);
  expect((await use(token)).status).toBe(200);
});

test("wrong codes are counted, the fifth voids the pairing, and another origin's code is wrong", async () => {
  const { body } = await start();
  const { code } = await shown();
  const stranger = `${origin}.evil.example`;
  expect((await complete({ pairing_id: body.pairing_id, code }, stranger)).body.error.details).toEqual({
    reason: "wrong",
    attempts_left: 0,
  });
  for (const attempts_left of [4, 3, 2, 1, 0]) {
    const wrong = await complete({ code: "BBBB-BBBB" });
    expect(wrong).toMatchObject({ status: 403, headers: { "access-control-allow-origin": origin } });
    expect(wrong.body.error.details).toEqual({ reason: "wrong", attempts_left });
  }
  expect((await complete({ pairing_id: body.pairing_id, code })).body.error.details).toEqual({
    reason: "wrong",
    attempts_left: 0,
  });
});

test("an expired code says so", async () => {
  await start();
  const { code } = await shown();
  const path = join(bridge.home, "pairings.json");
  const file = JSON.parse(readFileSync(path, "utf8"));
  for (const pairing of file.pairings)
    if (pairing.origin === origin) pairing.expires_at = new Date(Date.now() - 1000).toISOString();
  writeFileSync(path, JSON.stringify(file), { mode: 0o600 });
  expect((await complete({ code })).body.error.details).toEqual({ reason: "expired", attempts_left: 0 });
});

test("a new request of the same origin replaces the one that waits, is shown once a minute, and the seventh is refused", async () => {
  const first = await start();
  const shownCode = (await shown()).code;
  const second = await start();
  expect(second.body.pairing_id).not.toBe(first.body.pairing_id);
  expect((await complete({ pairing_id: first.body.pairing_id, code: shownCode })).status).toBe(403);
  const waiting = (await bridge.command("pair")).stdout.split("\n").filter((line) => line.startsWith(origin));
  expect(waiting).toHaveLength(1);
  for (let count = 3; count <= 6; count++) expect((await start()).status).toBe(201);
  const refused = await start();
  expect(refused).toMatchObject({ status: 429, body: { error: { code: "rate_limited" } } });
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  expect(bridge.events.filter((line) => line.event === "pairing" && line.origin === origin)).toHaveLength(1);
});

test("eight wait at most: the oldest goes", async () => {
  const pages = Array.from({ length: 9 }, (_, at) => `https://crowd-${at}.example`);
  for (const page of pages) expect((await start({}, page)).status).toBe(201);
  const { stdout } = await bridge.command("pair");
  const listed = pages.filter((page) => stdout.includes(page));
  expect(listed).toEqual(pages.slice(1));
});

test("a code in advance is for exactly that origin, with the models that were named, and survives the page's own request", async () => {
  const made = await bridge.command(
    "pair",
    "--origin",
    `${origin}/`,
    "--models",
    "ollama:llama*",
    "--expires-days",
    "2",
  );
  expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining(origin) });
  const code = /[B-Z2-7]{4}-[B-Z2-7]{4}/.exec(made.stdout.replace(origin, ""))![0];
  const asked = await start();
  expect((await complete({ code }, "https://elsewhere.example")).status).toBe(403);
  const paired = await complete({ pairing_id: asked.body.pairing_id, code });
  expect(paired).toMatchObject({ status: 201, body: { models: ["ollama:llama*"] } });
  expect(Date.parse(paired.body.expires_at) - Date.now()).toBeLessThan(2 * 86_400_000 + 1000);
  const listed = (await use(paired.body.token)).body.data.map(({ id }: { id: string }) => id);
  expect(listed).toEqual(["ollama:llama3.2:3b"]);
  const refused = await bridge.send({
    method: "POST",
    path: "/v1/chat/completions",
    headers: { origin, authorization: `Bearer ${paired.body.token}` },
    body: { model: "ollama:qwen3:8b", messages: [{ role: "user", content: "hello" }] },
  });
  expect(refused).toMatchObject({ status: 404, body: { error: { code: "model_not_found" } } });
});

test("a new grant of an origin replaces the old one", async () => {
  const old = await bridge.pair(origin);
  const fresh = await bridge.pair(origin);
  expect((await use(old)).status).toBe(401);
  expect((await use(fresh)).status).toBe(200);
  const { items } = JSON.parse((await bridge.command("grants", "--json")).stdout);
  expect(items.filter((item: { origin: string }) => item.origin === origin)).toHaveLength(1);
});

test("a grant that nobody uses expires", async () => {
  const token = await bridge.pair(origin);
  const path = join(bridge.home, "grants.json");
  const file = JSON.parse(readFileSync(path, "utf8"));
  for (const grant of file.grants)
    if (grant.origin === origin) grant.created_at = new Date(Date.now() - 91 * 86_400_000).toISOString();
  writeFileSync(path, JSON.stringify(file), { mode: 0o600 });
  expect(await use(token)).toMatchObject({ status: 401, body: { error: { code: "invalid_grant" } } });
  expect((await use(null, origin, "/health")).body.paired).toBe(false);
});

test("ten wrong tokens a minute, then 429; the right one goes on", async () => {
  const token = await bridge.pair(origin);
  for (let count = 0; count < 10; count++) expect((await use("mf_br_wrong")).status).toBe(401);
  expect(await use("mf_br_wrong")).toMatchObject({
    status: 429,
    headers: { "retry-after": expect.any(String) },
  });
  expect((await use(token)).status).toBe(200);
});

describe("programs and extensions", () => {
  test("a program without an origin has a token of its own, and no browser can use it", async () => {
    const { stdout } = await bridge.command(
      "pair",
      "--native",
      "Editor plug-in",
      "--models",
      "ollama:qwen3*",
    );
    const token = stdout.trim();
    expect(token).toMatch(/^mf_br_/);
    expect((await use(token, null)).body.data.map(({ id }: { id: string }) => id)).toEqual([
      "ollama:qwen3:8b",
    ]);
    expect((await use(token, origin)).status).toBe(403);
    const browser = await bridge.send({
      path: "/v1/models",
      headers: { authorization: `Bearer ${token}`, "sec-fetch-site": "none" },
    });
    expect(browser.status).toBe(403);
    const { items } = JSON.parse((await bridge.command("grants", "--json")).stdout);
    expect(items).toContainEqual(expect.objectContaining({ native: "Editor plug-in", origin: null }));
  });

  test("an extension may read without an origin, and must send it to write", async () => {
    const extension = `chrome-extension://${"abcdefghijklmnop".repeat(2)}`;
    const token = await bridge.pair(extension);
    const read = await bridge.send({
      path: "/v1/models",
      headers: { authorization: `Bearer ${token}`, "sec-fetch-site": "none" },
    });
    expect(read.status).toBe(200);
    const body = { model: "ollama:qwen3:8b", messages: [{ role: "user", content: "hello" }] };
    const write = (headers: Record<string, string>) =>
      bridge.send({
        method: "POST",
        path: "/v1/chat/completions",
        headers: { authorization: `Bearer ${token}`, ...headers },
        body,
      });
    expect((await write({ "sec-fetch-site": "none" })).status).toBe(403);
    expect((await write({ origin: extension })).status).toBe(200);
  });

  test("pairing needs an origin", async () => {
    const answer = await bridge.send({ method: "POST", path: "/pair/start", body: {} });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: "pairing_required" } } });
  });
});

describe("revoked", () => {
  test("by its page: the next request is refused", async () => {
    const token = await bridge.pair(origin);
    const ended = await bridge.send({
      method: "DELETE",
      path: "/pair",
      headers: { origin, authorization: `Bearer ${token}` },
    });
    expect(ended).toMatchObject({ status: 200, body: { ok: true } });
    expect(await use(token)).toMatchObject({
      status: 401,
      headers: { "access-control-allow-origin": origin },
      body: { error: { code: "invalid_grant" } },
    });
    const preflight = await bridge.send({
      method: "OPTIONS",
      path: "/models",
      headers: { origin, "access-control-request-method": "GET" },
    });
    expect(preflight.status).toBe(403);
  });

  test.each(["id", "origin"] as const)(
    "by the user, by %s: an open stream is cut within a second and says why",
    async (by) => {
      const token = await bridge.pair(origin);
      const { items } = JSON.parse((await bridge.command("grants", "--json")).stdout);
      const { id } = items.find((item: { origin: string }) => item.origin === origin);
      let next: (() => void) | null = null;
      models.script({
        pieces: Array(100).fill("word "),
        between: (index) =>
          index < 3 ? Promise.resolve() : new Promise((resolve) => (next = () => resolve(undefined))),
      });
      const stream = await openStream(token);
      await expect.poll(() => stream.text()).toContain("word ");
      const revoked = await bridge.command("revoke", by === "id" ? id : origin);
      const revokedAt = Date.now();
      expect(revoked).toMatchObject({ code: 0, stdout: expect.stringContaining(id) });
      await stream.ended;
      expect(Date.now() - revokedAt).toBeLessThan(1000);
      const last = stream.text().trim().split("\n\n").at(-1)!;
      expect(JSON.parse(last.slice("data: ".length))).toMatchObject({
        error: { code: "invalid_grant", details: { help: expect.any(String) } },
      });
      expect(stream.text()).not.toContain("[DONE]");
      await expect.poll(() => models.modelCalls.at(-1)!.wasCancelled).toBe(true);
      (next as (() => void) | null)?.();
      expect((await use(token)).status).toBe(401);
    },
  );

  test("what is not there is an error; all of nobody is not", async () => {
    expect(await bridge.command("revoke", "https://nobody.example")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no grant"),
    });
    expect((await bridge.command("revoke", "--all")).code).toBe(0);
    expect((await bridge.command("revoke", "--all")).code).toBe(0);
    expect(JSON.parse((await bridge.command("grants", "--json")).stdout)).toEqual({ items: [] });
  });

  function openStream(token: string): Promise<{ text(): string; ended: Promise<void> }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          host: "127.0.0.1",
          port: bridge.port,
          method: "POST",
          path: "/v1/chat/completions",
          agent: false,
          headers: { origin, authorization: `Bearer ${token}`, "content-type": "application/json" },
        },
        (answer) => {
          let text = "";
          answer.on("data", (piece) => {
            text += piece;
          });
          resolve({ text: () => text, ended: new Promise((end) => answer.once("close", () => end())) });
        },
      );
      sent.once("error", reject);
      sent.end(
        JSON.stringify({
          model: "ollama:qwen3:8b",
          stream: true,
          messages: [{ role: "user", content: "hello" }],
        }),
      );
    });
  }
});
