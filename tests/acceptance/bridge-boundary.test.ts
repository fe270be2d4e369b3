import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { type RunningBridge, startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

// T-23, A161, A162: who reaches a model through the bridge, and what everybody else learns.

const paired = "https://app.example";
const chat = { model: "ollama:qwen3:8b", messages: [{ role: "user", content: "hello" }] };
let models: LocalServer;
let bridge: RunningBridge;
let token: string;

beforeAll(async () => {
  models = await startLocalServer("ollama", [{ name: "qwen3:8b", contextLength: 4096, isLoaded: true }]);
  bridge = await startBridge({
    config: `version: 1\nendpoints: [{ id: ollama, kind: ollama, base_url: "${models.baseUrl}" }]\nlog: { level: info }\n`,
  });
  token = await bridge.pair(paired);
});

afterAll(async () => {
  await bridge?.stop();
  await models?.close();
});

beforeEach(() => models.script({}));

describe("T-23: 24 hosts × 12 origins × GET, POST, OPTIONS", () => {
  const other = "evil.example";
  const hostsOf = (port: number): { lines: string[]; isOurs: boolean }[] => [
    ...[`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`].map((host) => ({
      lines: [host],
      isOurs: true,
    })),
    ...[
      other,
      `${other}:${port}`,
      `localhost.${other}:${port}`,
      `127.0.0.1.${other}:${port}`,
      "127.0.0.1",
      "localhost",
      `127.0.0.1:${port + 1}`,
      "localhost:80",
      `LOCALHOST:${port}`,
      `localhost.:${port}`,
      `127.1:${port}`,
      `0.0.0.0:${port}`,
      `[::]:${port}`,
      `[::ffff:127.0.0.1]:${port}`,
      `0x7f000001:${port}`,
      `2130706433:${port}`,
      `192.168.1.10:${port}`,
      `user@127.0.0.1:${port}`,
      `127.0.0.1:${port}, ${other}`,
    ].map((host) => ({ lines: [host], isOurs: false })),
    { lines: [], isOurs: false },
    { lines: [`127.0.0.1:${port}`, other], isOurs: false },
  ];
  const origins: (string | null)[] = [
    paired,
    "https://other.example",
    "null",
    `${paired}/`,
    "HTTPS://APP.EXAMPLE",
    `${paired}:8443`,
    "http://app.example",
    `${paired}.evil.example`,
    `${paired} https://other.example`,
    "*",
    "https://user@app.example",
    null,
  ];

  test("only the exact host and the exact paired origin reach a model", async () => {
    const hosts = hostsOf(bridge.port);
    expect(hosts).toHaveLength(24);
    expect(origins).toHaveLength(12);
    const before = models.modelCalls.length;
    const faults: string[] = [];
    let reached = 0;
    for (const { lines, isOurs } of hosts) {
      const answers = origins.flatMap((origin) =>
        ["GET", "POST", "OPTIONS"].map(async (method) => {
          const answer = await raw(requestText({ method, hosts: lines, origin }));
          const isAllowed = isOurs && origin === paired;
          const expected = isAllowed
            ? { GET: 200, POST: 200, OPTIONS: 204 }[method]
            : // Without an origin a page's token is worth nothing, and a program is told so.
              isOurs && origin === null && method !== "OPTIONS"
              ? 401
              : 403;
          const allowed = answer.headers["access-control-allow-origin"];
          if (isAllowed && method === "POST") reached += 1;
          if (
            answer.status !== expected ||
            allowed !== (isAllowed ? paired : undefined) ||
            (!isOurs && answer.body !== "")
          )
            faults.push(
              `${method} host ${lines.join(" + ")} origin ${origin}: ${answer.status} ${allowed} ${answer.body}`,
            );
          if (!isAllowed && /qwen|0\.1\.0/.test(answer.text))
            faults.push(`${method} ${lines} ${origin}: ${answer.text}`);
        }),
      );
      await Promise.all(answers);
    }
    expect(faults).toEqual([]);
    expect(reached).toBe(3);
    expect(models.modelCalls.length - before).toBe(3);
  });

  function requestText(input: { method: string; hosts: string[]; origin: string | null }): string {
    const body = input.method === "POST" ? JSON.stringify(chat) : "";
    return [
      `${input.method} ${input.method === "GET" ? "/models" : "/v1/chat/completions"} HTTP/1.1`,
      ...input.hosts.map((host) => `host: ${host}`),
      ...(input.origin === null ? [] : [`origin: ${input.origin}`]),
      ...(input.method === "OPTIONS"
        ? ["access-control-request-method: POST", "access-control-request-headers: authorization"]
        : [`authorization: Bearer ${token}`]),
      ...(body === "" ? [] : ["content-type: application/json", `content-length: ${body.length}`]),
      "connection: close",
      "",
      body,
    ].join("\r\n");
  }
});

test("a page that had its own name rebound to this computer gets an empty 403 and a closed connection", async () => {
  const host = `rebound.example:${bridge.port}`;
  const answer = await raw(`GET /health HTTP/1.1\r\nhost: ${host}\r\nsec-fetch-site: same-origin\r\n\r\n`);
  expect(answer).toMatchObject({ status: 403, body: "" });
  expect(answer.headers.connection).toBe("close");
  expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  await expect.poll(() => bridge.output()).toContain('"code":"host_not_allowed"');
});

test("a target that names a host of its own, and two authorizations, are refused", async () => {
  const ours = `127.0.0.1:${bridge.port}`;
  const absolute = await raw(
    `GET http://${ours}/health HTTP/1.1\r\nhost: ${ours}\r\nconnection: close\r\n\r\n`,
  );
  expect(absolute).toMatchObject({ status: 403, body: "" });
  const doubled = await raw(
    `GET /models HTTP/1.1\r\nhost: ${ours}\r\norigin: ${paired}\r\nauthorization: Bearer ${token}\r\nauthorization: Bearer x\r\nconnection: close\r\n\r\n`,
  );
  expect(doubled.status).toBe(401);
  const forwarded = await raw(
    `GET /models HTTP/1.1\r\nhost: evil.example\r\nx-forwarded-host: ${ours}\r\nforwarded: host=${ours}\r\norigin: ${paired}\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`,
  );
  expect(forwarded).toMatchObject({ status: 403, body: "" });
});

describe("A161: refused before any upstream call, naming no model and no version", () => {
  const attempts: [name: string, status: number, input: Parameters<RunningBridge["send"]>[0]][] = [
    [
      "a foreign Host",
      403,
      {
        method: "POST",
        path: "/v1/chat/completions",
        headers: { host: "evil.example", origin: paired },
        body: chat,
      },
    ],
    [
      "an unpaired origin",
      403,
      {
        method: "POST",
        path: "/v1/chat/completions",
        headers: { origin: "https://evil.example" },
        body: chat,
      },
    ],
    [
      "no token",
      401,
      { method: "POST", path: "/v1/chat/completions", headers: { origin: paired }, body: chat },
    ],
    ["no token and no origin", 401, { method: "POST", path: "/v1/chat/completions", body: chat }],
    [
      "an image or a form of any page",
      403,
      { path: "/v1/models", headers: { "sec-fetch-site": "cross-site" } },
    ],
  ];
  test.each(attempts)("%s", async (_name, status, input) => {
    const before = models.requests.length;
    const answer = await bridge.send(input);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/qwen|ollama|0\.1\.0|127\.0\.0\.1/i);
    expect(models.requests.length).toBe(before);
  });

  test("a completion by GET", async () => {
    const headers = { origin: paired, authorization: `Bearer ${token}` };
    const answer = await bridge.send({ path: "/v1/chat/completions?prompt=hello", headers });
    expect(answer).toMatchObject({
      status: 405,
      headers: { allow: "POST" },
      body: { error: { code: "method_not_allowed" } },
    });
  });

  test("a text/plain body, which needs no preflight", async () => {
    const before = models.modelCalls.length;
    const answer = await bridge.send({
      method: "POST",
      path: "/v1/chat/completions",
      headers: { origin: paired, authorization: `Bearer ${token}`, "content-type": "text/plain" },
      body: chat,
    });
    expect(answer).toMatchObject({ status: 415, body: { error: { code: "unsupported_media_type" } } });
    expect(models.modelCalls.length).toBe(before);
  });

  test("from a LAN address there is no connection", async () => {
    const lan = Object.values(networkInterfaces())
      .flat()
      .filter((item) => item !== undefined && !item.internal && item.family === "IPv4")
      .map((item) => item!.address);
    // 127.0.0.2 is this computer too, and not the address that is bound.
    for (const host of [...lan, ...(process.platform === "linux" ? ["127.0.0.2"] : [])]) {
      await expect(bridge.send({ path: "/health", host })).rejects.toMatchObject({
        code: expect.stringMatching(/ECONN|EHOST|ENET/),
      });
    }
  });

  test("an unpaired page learns that a bridge is there and how to pair; known and unknown paths are refused alike", async () => {
    const origin = "https://stranger.example";
    const health = await bridge.send({ path: "/health", headers: { origin } });
    expect(health).toMatchObject({ status: 200, headers: { "access-control-allow-origin": origin } });
    expect(health.body).toEqual({
      ok: true,
      paired: false,
      pair: { start: "/pair/start", help: "Run modelfaucet-bridge pair" },
    });
    const withIds = await Promise.all(
      [
        "/models",
        "/v1/models",
        "/diagnostics",
        "/pair",
        "/usage/report",
        "/nothing",
        "/health/",
        "/health?x=1",
      ].map((path) => bridge.send({ path, headers: { origin } })),
    );
    const told = withIds.map(({ status, body, headers }) => {
      const { request_id: _own, ...error } = body.error;
      return JSON.stringify([status, error, headers["access-control-allow-origin"]]);
    });
    expect(new Set(told).size).toBe(1);
    expect(withIds[0]).toMatchObject({
      status: 403,
      body: { error: { code: "pairing_required", details: { help: expect.any(String) } } },
    });
  });
});

describe("A162: preflights", () => {
  const asks = (path: string, origin: string, extra: Record<string, string> = {}) =>
    bridge.send({
      method: "OPTIONS",
      path,
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers":
          "authorization,content-type,x-stainless-os,x-modelfaucet-request-id,x-evil",
        ...extra,
      },
    });

  test("the paired origin gets exactly itself, the headers that are allowed, and the private network", async () => {
    const { status, headers, text } = await asks("/v1/chat/completions", paired, {
      "access-control-request-private-network": "true",
    });
    expect(status).toBe(204);
    expect(text).toBe("");
    expect(headers).toMatchObject({
      "access-control-allow-origin": paired,
      vary: "Origin, Access-Control-Request-Headers",
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers": "authorization, content-type, x-stainless-os, x-modelfaucet-request-id",
      "access-control-allow-private-network": "true",
      "access-control-max-age": "600",
    });
    expect(headers["access-control-allow-credentials"]).toBeUndefined();
    const plain = await asks("/anything", paired);
    expect(plain.status).toBe(204);
    expect(plain.headers["access-control-allow-private-network"]).toBeUndefined();
  });

  test.each(["/v1/chat/completions", "/models", "/pair", "/anything"])(
    "another origin gets nothing on %s",
    async (path) => {
      const { status, headers } = await asks(path, "https://other.example", {
        "access-control-request-private-network": "true",
      });
      expect(status).toBe(403);
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    },
  );

  test.each([
    ["/health", "GET"],
    ["/pair/start", "POST"],
    ["/pair/complete", "POST"],
  ])("an unpaired origin may reach %s", async (path, method) => {
    const { status, headers } = await asks(path, "https://other.example", {
      "access-control-request-private-network": "true",
    });
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "https://other.example",
      "access-control-allow-methods": method,
      "access-control-allow-headers": "content-type",
      "access-control-allow-private-network": "true",
    });
  });

  test("null gets nothing anywhere", async () => {
    const { status, headers } = await asks("/health", "null");
    expect(status).toBe(403);
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("answers to the paired origin, errors included, can be read with their headers", async () => {
    const headers = { origin: paired, authorization: `Bearer ${token}` };
    for (const path of ["/models", "/nothing"]) {
      const answer = await bridge.send({ path, headers });
      expect(answer.headers["access-control-allow-origin"]).toBe(paired);
      expect(answer.headers["access-control-expose-headers"]).toContain(
        "x-request-id, retry-after, x-should-retry, x-modelfaucet-",
      );
      expect(answer.headers["x-request-id"]).toMatch(/^req_local_[0-9a-f-]{36}$/);
    }
  });
});

type RawAnswer = { status: number; headers: Record<string, string>; body: string; text: string };

/** What was sent is what stands here, to the byte. */
function raw(text: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(bridge.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (piece) => {
      answer += piece;
    });
    socket.once("error", reject);
    socket.once("close", () => {
      const [head = "", ...rest] = answer.split("\r\n\r\n");
      const [status = "", ...lines] = head.split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => [
          line.slice(0, line.indexOf(":")).toLowerCase(),
          line.slice(line.indexOf(":") + 1).trim(),
        ]),
      );
      resolve({ status: Number(status.split(" ")[1]), headers, body: rest.join("\r\n\r\n"), text: answer });
    });
    // Without an end of ours: a half-closed connection is one that was given up.
    socket.write(text);
  });
}
