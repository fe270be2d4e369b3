import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { isPrivateHost } from "../../config/hosts.ts";
import { createMappedLookup } from "../../lib/outbound-hosts.ts";
import { createProber } from "../../lib/outbound-probe.ts";
import type { Target } from "./probe.ts";
import { clockProbe, plainProbe } from "./transport.ts";

const host = "api.faucet.test";
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

function target(origin = `https://${host}`): Target {
  const lookup = createMappedLookup(`${host}=127.0.0.1,inside.faucet.test=10.0.0.5,other.test=9.9.9.9`);
  const signal = AbortSignal.timeout(10_000);
  return {
    service: "api",
    origin,
    isPrivate: true,
    prober: createProber({ isClosed: () => false, lookup, withinMs: 2_000, signal }),
    strict: createProber({ isClosed: isPrivateHost, lookup, withinMs: 2_000, signal }),
    token: null,
    consoleOrigin: null,
    variable: "MODELFAUCET_API_BASE_URL",
  };
}

test.each([
  [`https://${host}/health`, "pass", "redirects to https"],
  [`http://${host}/health`, "fail", `it redirects to http://${host}`],
  ["https://other.test/health", "fail", "it redirects to https://other.test"],
  [
    "https://inside.faucet.test/",
    "fail",
    "it redirects to a private address: inside.faucet.test resolves to 10.0.0.5",
  ],
  ["http://[::1]:80/", "fail", "it redirects to a private address: ::1 is not on the internet"],
  ["/health", "fail", "a redirect that leads nowhere"],
])("plain http that leads to %s", async (location, level, says) => {
  const port = await serve((_, response) => response.writeHead(308, { location }).end());
  expect(await plainProbe(port).run(target())).toMatchObject({ level, says });
});

test("plain http that answers is a fault, a closed port is none", async () => {
  const port = await serve((_, response) => response.end("{}"));
  expect(await plainProbe(port).run(target())).toMatchObject({ level: "fail" });
  closing.splice(0)[0]!();
  expect(await plainProbe(port).run(target())).toMatchObject({
    level: "pass",
    says: `closed on port ${port}`,
  });
});

test.each([
  [0, "pass"],
  [-1_500, "pass"],
  [-10_000, "warn"],
  [10_000, "warn"],
  [-60_000, "fail"],
  [60_000, "fail"],
])("a clock that is %i ms away", async (offMs, level) => {
  const port = await serve((_, response) =>
    response.writeHead(200, { date: new Date(Date.now() + offMs).toUTCString() }).end("{}"),
  );
  expect(await clockProbe.run(target(`http://127.0.0.1:${port}`))).toMatchObject({ level });
});

test("a host that says nothing is given up in time", async () => {
  const port = await serve(() => {});
  const prober = createProber({
    isClosed: () => false,
    withinMs: 100,
    signal: AbortSignal.timeout(5_000),
  });
  await expect(prober.ask({ url: `http://127.0.0.1:${port}/` })).rejects.toMatchObject({ code: "TIMEOUT" });
  await expect(prober.greet(`https://127.0.0.1:${port}`)).rejects.toMatchObject({ name: "ProbeError" });
});
