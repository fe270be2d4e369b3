import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOutbound } from "../outbound.ts";
import { parseHostMap } from "./host-map.ts";

const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.headers.host} ${request.url}`);
  response.end("here");
});
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

const timeouts = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 4_000 };

function open(hostMap: string | null, production = false) {
  return createOutbound({
    connectTimeoutMs: 2_000,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: () => false,
    tenant: {
      production,
      hostMap: hostMap === null ? null : parseHostMap(hostMap),
      resolve: () => Promise.reject(new Error("no name server in this test")),
    },
  });
}

function ask(hostMap: string | null, url: string, production = false): Promise<string> {
  const outbound = open(hostMap, production);
  return outbound
    .request({ url, door: "tenant", method: "GET", headers: {}, timeouts })
    .then(
      async (answer) => (await answer.body.bytes(1_000)).toString(),
      (error: { kind: string; reason: string | null }) => error.reason ?? error.kind,
    )
    .finally(() => outbound.close());
}

describe("stand-ins of the testkit's wiring", () => {
  it("a marked name is public, in plain http and at any port", async () => {
    expect(await ask("byok.stub.test=127.0.0.1!", `http://byok.stub.test:${port}/v1`)).toBe("here");
    expect(seen.at(-1)).toBe(`byok.stub.test:${port} /v1`);
  });

  it("a mark with a port puts a stub in the place of an https origin", async () => {
    expect(await ask(`api.openai.com=127.0.0.1:${port}!`, "https://api.openai.com/v1/models")).toBe("here");
    expect(seen.at(-1)).toBe("api.openai.com /v1/models");
  });

  it("without a mark, and in production, it is what its address is", async () => {
    seen.length = 0;
    expect(await ask("byok.stub.test=127.0.0.1", `http://byok.stub.test:${port}/`)).toBe("not_https");
    expect(await ask("byok.stub.test=127.0.0.1", `https://byok.stub.test:${port}/`)).toBe(
      "no_public_address",
    );
    expect(await ask("byok.stub.test=127.0.0.1!", `http://byok.stub.test:${port}/`, true)).toBe("not_https");
    expect(await ask(`api.openai.com=127.0.0.1:${port}!`, "https://api.openai.com/", true)).toBe("connect");
    expect(seen).toEqual([]);
  });

  it("judges without connecting", async () => {
    seen.length = 0;
    const outbound = open(`byok.stub.test=127.0.0.1!,inside.test=10.0.0.5`);
    expect(await outbound.judge(`http://byok.stub.test:${port}/v1`)).toBeNull();
    expect(await outbound.judge("https://inside.test/v1")).toEqual({ reason: "no_public_address" });
    expect(await outbound.judge("https://elsewhere.example/v1")).toEqual({ reason: "unresolved" });
    expect(seen).toEqual([]);
    await outbound.close();
  });
});
