import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createOutbound } from "./outbound.ts";
import { createMappedLookup } from "./outbound-hosts.ts";

const server = createServer((_, response) => response.end("here"));
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

function ask(hostMap: string, host: string) {
  const outbound = createOutbound({
    connectTimeoutMs: 2_000,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: () => true,
    lookup: createMappedLookup(hostMap),
  });
  const timeouts = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 4_000 };
  return outbound
    .request({ url: `http://${host}:${port}/`, method: "GET", headers: {}, timeouts })
    .then(async (answer) => (await answer.body.bytes(1_000)).toString())
    .finally(() => outbound.close());
}

it("connects a mapped name to its address, whatever its case", async () => {
  expect(await ask("upstream.test=127.0.0.1", "upstream.test")).toBe("here");
  expect(await ask("Upstream.Test=127.0.0.1, other.test=::1", "UPSTREAM.test")).toBe("here");
});

it("asks the system for every other name", async () => {
  await expect(ask("upstream.test=127.0.0.1", "nowhere.invalid")).rejects.toThrow();
});

it("refuses what is no name with an address", () => {
  for (const text of ["upstream.test", "=127.0.0.1", "upstream.test=elsewhere.test", "a.test=127.0.0.1:80"]) {
    expect(() => createMappedLookup(text)).toThrow("host map");
  }
});
