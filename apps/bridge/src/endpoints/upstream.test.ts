import type { LookupAddress } from "node:dns";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import type { EndpointSettings } from "../config/settings.ts";
import { callUpstream, judgedLookup } from "./upstream.ts";

const endpoint = (baseUrl: string, isRemote: boolean): EndpointSettings => ({
  id: "box",
  name: "Box",
  kind: "openai_compatible",
  baseUrl,
  apiKey: null,
  isRemote,
  models: null,
  contextLengths: [],
  maxConcurrency: 1,
});

/** What a name means is decided by this list instead of the computer's resolver. */
function resolveWith(item: EndpointSettings, addresses: string[]): Promise<string> {
  const found: LookupAddress[] = addresses.map((address) => ({
    address,
    family: address.includes(":") ? 6 : 4,
  }));
  const lookup = judgedLookup(item, (_name, _options, callback) => callback(null, found));
  return new Promise((resolve, reject) => {
    lookup("gpu.office.example", { all: false }, (error, address) =>
      error === null ? resolve(String(address)) : reject(error),
    );
  });
}

test("a name is judged by every address it has, when it is connected to", async () => {
  const remote = endpoint("https://gpu.office.example/v1", true);
  expect(await resolveWith(remote, ["192.168.1.20"])).toBe("192.168.1.20");
  const refused = { kind: "refused_address" };
  await expect(resolveWith(remote, ["169.254.169.254"])).rejects.toMatchObject(refused);
  await expect(resolveWith(remote, ["192.168.1.20", "fe80::1"])).rejects.toMatchObject(refused);
  await expect(resolveWith(remote, ["::ffff:169.254.169.254"])).rejects.toMatchObject(refused);
  await expect(resolveWith(remote, [])).rejects.toMatchObject(refused);
  const local = endpoint("http://localhost:1/v1", false);
  expect(await resolveWith(local, ["127.0.0.1", "::1"])).toBe("127.0.0.1");
  await expect(resolveWith(local, ["127.0.0.1", "192.168.1.20"])).rejects.toMatchObject(refused);
});

test("an address that is written out is judged before anything is sent", async () => {
  const call = { method: "GET", path: "/models", firstByteMs: 1000 } as const;
  for (const [url, isRemote] of [
    ["http://169.254.169.254/v1", true],
    ["http://[fe80::1]/v1", true],
    ["http://192.0.2.1/v1", false],
  ] as const) {
    await expect(callUpstream(endpoint(url, isRemote), call)).rejects.toMatchObject({
      kind: "refused_address",
    });
  }
});

test("no proxy of the environment is used", async () => {
  const proxied: string[] = [];
  const proxy = createServer((request, response) => {
    proxied.push(request.url ?? "");
    response.end();
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const before = { ...process.env };
  process.env.NODE_USE_ENV_PROXY = "1";
  process.env.HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    const call = { method: "GET", path: "/models", firstByteMs: 1000 } as const;
    await expect(callUpstream(endpoint("http://127.0.0.1:9/v1", false), call)).rejects.toMatchObject({
      kind: "unreachable",
    });
  } finally {
    process.env = before;
    proxy.close();
  }
  expect(proxied).toEqual([]);
});
