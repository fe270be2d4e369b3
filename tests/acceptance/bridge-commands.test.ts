import { chmodSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { newHome, runBridge, startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

// Commands, exit codes, and what keeps a bridge from starting.

let models: LocalServer;
let home: string;
const homes: string[] = [];

beforeAll(async () => {
  models = await startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 4096, isLoaded: true }]);
});

afterAll(async () => {
  await models?.close();
  for (const folder of homes) await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  home = await newHome();
  homes.push(home);
  models.script({});
});

const run = (args: string[], env: Record<string, string> = {}) => runBridge({ env }, home, args);
const write = (text: string, mode = 0o600) => {
  writeFileSync(join(home, "bridge.yaml"), text);
  chmodSync(join(home, "bridge.yaml"), mode);
};
const good = () => `version: 1\nendpoints: [{ id: ollama, kind: ollama, base_url: "${models.baseUrl}" }]\n`;

describe("exit 2: called wrongly", () => {
  test.each([
    [[]],
    [["serve"]],
    [["start", "--host", "0.0.0.0"]],
    [["start", "--port", "70000"]],
    [["revoke"]],
    [["revoke", "--all", "https://app.example"]],
    [["pair", "--origin", "http://app.example"]],
    [["pair", "--origin", "https://app.example", "--native", "Editor"]],
    [["pair", "--models", "*"]],
  ])("%j", async (args) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr).toContain("usage: modelfaucet-bridge <command>");
  });

  test("help and version are no failure", async () => {
    expect(await run(["--help"])).toMatchObject({ code: 0, stdout: expect.stringContaining("doctor") });
    expect(await run(["--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n" });
  });
});

describe("exit 1: start refuses", () => {
  test("a file with faults, all of them with line and column, and nothing is bound or written", async () => {
    write(
      'version: 1\nlisten: { host: 0.0.0.0 }\nendpoints: [{ id: a, kind: vllm, base_url: "http://10.0.0.1/v1", api_key: "sk-live" }]\n',
    );
    const { code, stderr, stdout } = await run(["start", "--port", "0"]);
    expect(code).toBe(1);
    expect(
      stderr
        .trim()
        .split("\n")
        .map((line) => line.split(": ")[0]),
    ).toEqual([
      `${home}/bridge.yaml:2:17 listen.host`,
      `${home}/bridge.yaml:3:44 endpoints[0].base_url`,
      `${home}/bridge.yaml:3:75 endpoints[0].api_key`,
    ]);
    expect(stderr + stdout).not.toContain("sk-live");
    expect(readdirSync(home)).toEqual(["bridge.yaml"]);
  });

  test.each([
    ["bridge.yaml", 0o644, "chmod 600"],
    ["grants.json", 0o640, "chmod 600"],
    ["usage.ndjson", 0o606, "chmod 600"],
  ])("%s with mode %o", async (name, mode, remedy) => {
    write(good());
    writeFileSync(join(home, name), name === "bridge.yaml" ? good() : '{"version":1,"grants":[]}');
    chmodSync(join(home, name), mode);
    expect(await run(["start", "--port", "0"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${remedy} ${join(home, name)}`),
    });
  });

  test("a home folder that others may read", async () => {
    chmodSync(home, 0o755);
    expect(await run(["start", "--port", "0"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`chmod 700 ${home}`),
    });
  });

  test("a file that is named and is not there, and grants that cannot be read", async () => {
    expect(await run(["start", "--config", "/nowhere/bridge.yaml"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no such file"),
    });
    writeFileSync(join(home, "grants.json"), "{", { mode: 0o600 });
    expect(await run(["grants"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("grants.json cannot be read"),
    });
  });

  test("a taken port, on either loopback address", async () => {
    for (const host of ["127.0.0.1", "::1"]) {
      const other = createServer();
      const isThere = await new Promise<boolean>((resolve) => {
        other.once("error", () => resolve(false));
        other.listen({ port: 0, host }, () => resolve(true));
      });
      // Without IPv6 there is one address.
      if (!isThere) continue;
      const { port } = other.address() as { port: number };
      const { code, stderr } = await run(["start", "--port", String(port)]);
      other.close();
      expect([code, stderr]).toEqual([1, expect.stringContaining(`port ${port} is taken`)]);
    }
  });

  test("a second bridge with the same folder", async () => {
    const bridge = await startBridge({ home, config: good() });
    expect(await run(["start", "--port", "0"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`process ${bridge.pid}`),
    });
    expect((await bridge.send({ path: "/health" })).status).toBe(200);
    expect(await bridge.stop()).toBe(0);
    expect(existsSync(join(home, "bridge.lock"))).toBe(false);
  });
});

test("starts without a file, with Ollama from a flag, and keeps what it writes to itself", async () => {
  const folder = join(home, "fresh");
  const bridge = await startBridge({
    home: folder,
    args: ["--ollama-base-url", models.baseUrl, "--ollama-api-key", "local-key"],
  });
  expect(bridge.events[0]).toMatchObject({
    address: `http://127.0.0.1:${bridge.port}`,
    endpoints: [{ id: "ollama", remote: false }],
    paired: [],
  });
  expect(
    (await bridge.send({ host: "::1", path: "/health", headers: { host: `[::1]:${bridge.port}` } })).status,
  ).toBe(200);
  const token = await bridge.pair("https://app.example");
  await bridge.send({
    path: "/models",
    headers: { origin: "https://app.example", authorization: `Bearer ${token}` },
  });
  expect(models.requests.at(-1)!.headers.authorization).toBe("Bearer local-key");
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(folder))
    expect([name, statSync(join(folder, name)).mode & 0o777]).toEqual([name, 0o600]);
  expect(await bridge.stop("SIGINT")).toBe(0);
});

test("status and doctor tell the same of a running bridge, and doctor what to do about each fault", async () => {
  write(`version: 1
endpoints:
  - { id: ollama, kind: ollama, base_url: "${models.baseUrl}" }
  - { id: studio, name: LM Studio, kind: lmstudio, base_url: "http://127.0.0.1:9/v1" }
`);
  const bridge = await startBridge({ home });
  const origin = "https://app.example";
  const token = await bridge.pair(origin);
  const chat = { model: "ollama:qwen3:8b", messages: [{ role: "user", content: "hello there" }] };
  const answer = await bridge.send({
    method: "POST",
    path: "/v1/chat/completions",
    headers: { origin, authorization: `Bearer ${token}` },
    body: chat,
  });
  expect(answer.status).toBe(200);
  const status = JSON.parse((await run(["status", "--json"])).stdout);
  expect(status).toMatchObject({
    running: true,
    version: "0.1.0",
    port: bridge.port,
    pid: bridge.pid,
    models: ["ollama:qwen3:8b"],
    waiting_usage_reports: 0,
    endpoints: [
      { id: "ollama", reachable: true, models_count: 1 },
      { id: "studio", reachable: false, error: "unreachable" },
    ],
  });
  // What was used is written down every few seconds.
  await expect
    .poll(async () => JSON.parse((await run(["status", "--json"])).stdout).tokens_today, {
      timeout: 15_000,
      interval: 500,
    })
    .toEqual([
      {
        origin,
        input_tokens: answer.body.usage.prompt_tokens,
        output_tokens: answer.body.usage.completion_tokens,
      },
    ]);
  const doctor = await run(["doctor", "--json"]);
  expect(doctor.code).toBe(1);
  const { ok, checks } = JSON.parse(doctor.stdout);
  expect(ok).toBe(false);
  expect(checks.filter((check: { ok: boolean }) => !check.ok)).toEqual([
    {
      name: "endpoint studio",
      ok: false,
      detail: "does not answer (unreachable)",
      remedy: expect.any(String),
    },
  ]);
  expect(checks.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining([
      "config",
      "file_modes",
      "port",
      "loopback_bind",
      "endpoint ollama",
      "endpoint ollama context",
    ]),
  );
  expect(await bridge.stop()).toBe(0);
});

test("doctor is content with what is right, and never tells anyone to open a model server to other origins", async () => {
  write(good());
  const fine = await run(["doctor"], { MODELFAUCET_BRIDGE_PORT: String(await freePort()) });
  expect([fine.code, fine.stdout]).toEqual([0, expect.stringContaining("qwen3:8b 4096")]);
  write("version: 3\n", 0o644);
  const faulty = await run(["doctor"]);
  expect(faulty).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/bridge\.yaml:1:10 version[\s\S]*chmod 600/),
  });
  for (const { stdout } of [fine, faulty]) expect(stdout).not.toMatch(/ORIGINS|CORS|\*/i);
});

test("the terminal shows a page's address, what it claims to be, and a code that pairs it", async () => {
  write(good());
  const port = await freePort();
  const plain = runBridge({}, home, ["start", "--port", String(port)], async (child, output) => {
    await expect
      .poll(output, { timeout: 10_000 })
      .toContain(`listens on http://127.0.0.1:${port}, on this computer alone`);
    const origin = "https://app.example";
    const post = (path: string, body: object) =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: "POST",
        headers: { origin, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    expect((await post("/pair/start", { app_name: "Notes" })).status).toBe(201);
    await expect
      .poll(output)
      .toMatch(/https:\/\/app\.example\n.*“Notes”; nobody has checked that\.\n.*[A-Z2-7]{4}-[A-Z2-7]{4}\n/);
    const code = /[B-Z2-7]{4}-[B-Z2-7]{4}/.exec(output())![0];
    expect((await post("/pair/complete", { code })).status).toBe(201);
    await expect.poll(output).toContain(`Paired: ${origin}`);
    child.kill("SIGTERM");
  });
  expect((await plain).code).toBe(0);
});

test("an answer that runs when the bridge is stopped gets its time", async () => {
  const bridge = await startBridge({ home, config: good() });
  const origin = "https://app.example";
  const token = await bridge.pair(origin);
  let release = (): void => {};
  models.script({
    pieces: ["one ", "two "],
    between: (index) =>
      index === 1 ? new Promise<void>((resolve) => (release = resolve)) : Promise.resolve(),
  });
  const text = new Promise<string>((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: bridge.port,
        method: "POST",
        path: "/v1/chat/completions",
        agent: false,
        headers: { origin, authorization: `Bearer ${token}`, "content-type": "application/json" },
      },
      async (answer) => {
        let whole = "";
        for await (const piece of answer as AsyncIterable<Buffer>) whole += piece;
        resolve(whole);
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
  await expect.poll(() => models.streamedBytes).toBeGreaterThan(0);
  const stopped = bridge.stop();
  await bridge.event((line) => line.event === "stopping");
  await expect(bridge.send({ path: "/health" })).rejects.toThrow();
  release();
  expect(await text).toContain("[DONE]");
  expect(await stopped).toBe(0);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
