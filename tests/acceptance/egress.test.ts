import { isIP, type Socket, type TcpNetConnectOpts, Socket as TcpSocket } from "node:net";
import { parseHostMap } from "@modelfaucet/server/lib/egress/host-map.ts";
import { createResolver } from "@modelfaucet/server/lib/egress/resolver.ts";
import { egressRefusalOf } from "@modelfaucet/server/lib/egress/spelled-url.ts";
import { createOutbound, type Outbound, OutboundError } from "@modelfaucet/server/lib/outbound.ts";
import { type DnsServer, startDnsServer } from "@modelfaucet/testkit/dns-server.ts";
import { startStubServer } from "@modelfaucet/testkit/http-stub.ts";
import { startTraps, type Traps } from "@modelfaucet/testkit/traps.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import ssrf from "./ssrf-cases.json" with { type: "json" };

type Case = {
  id: string;
  layer: string;
  url: string;
  expect: string;
  why: string;
  resolves_to?: string[];
  resolves_sequence?: string[][];
  redirect?: { status: number; location: string };
};

const cases = ssrf.cases as Case[];
const layer = (...names: string[]): Case[] => cases.filter((item) => names.includes(item.layer));
const timeouts = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 4_000 };
const key = "sk-never-leaves-2b7c51";

let dns: DnsServer;
let traps: Traps;
const dialled: string[] = [];
const open: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  dns = await startDnsServer();
  traps = await startTraps();
  // Whoever reads one of these runs into a trap.
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"]) {
    process.env[name] = `http://127.0.0.1:${traps.port}`;
  }
});
afterEach(async () => {
  for (const close of open.splice(0)) await close();
  dialled.length = 0;
});
afterAll(async () => {
  const sprung = [...traps.sprung];
  await traps.close();
  await dns.close();
  // T-17, A134: whatever was tried in this file.
  expect(sprung).toEqual([]);
});

/** Dials for real; `record` writes down instead what would be dialled, and connects to nothing. */
function outbound(options: { hostMap?: string; dial?: "record"; production?: boolean } = {}): Outbound {
  const made = createOutbound({
    connectTimeoutMs: 2_000,
    maxConnectionsPerOrigin: 2,
    isAllowedOrigin: () => false,
    tenant: {
      production: options.production ?? true,
      hostMap: options.hostMap === undefined ? null : parseHostMap(options.hostMap),
      resolve: createResolver({ server: dns.address, timeoutMs: 1_000 }),
      dial: options.dial === undefined ? undefined : recordingDial,
    },
  });
  open.push(() => made.close());
  return made;
}

function recordingDial({ host, lookup }: TcpNetConnectOpts): Socket {
  const socket = new TcpSocket();
  const end = (addresses: readonly string[]): void => {
    dialled.push(...addresses);
    socket.destroy(new Error("this test connects to nothing"));
  };
  if (isIP(host!) !== 0) queueMicrotask(() => end([host!]));
  else {
    lookup!(host!, { all: true }, (error, found) =>
      error ? socket.destroy(error) : end((found as { address: string }[]).map(({ address }) => address)),
    );
  }
  return socket;
}

/** How a call with a key ends. */
async function call(way: Outbound, url: string): Promise<{ kind: string; reason: string | null }> {
  const request = {
    url,
    door: "tenant",
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: "{}",
    credential: "one",
    timeouts,
  } as const;
  return way.request(request).then(
    ({ status }) => ({ kind: `status ${status}`, reason: null }),
    (error: unknown) => {
      expect(error).toBeInstanceOf(OutboundError);
      const { kind, reason, message } = error as OutboundError;
      expect(message).not.toContain(key);
      return { kind, reason };
    },
  );
}

/** The same address at the port of the traps, where it has a place for a port; a guard that errs would spring one. */
function atTraps(url: string): string | null {
  const [, before, after] =
    /^(https?:\/\/(?:[^/?#@\\\s]*@)*(?:\[[^\]]*\]|[^/?#:@\\\s]+))((?:[/?#].*)?)$/i.exec(url) ?? [];
  return before === undefined ? null : `${before}:${traps.port}${after}`;
}

function tellName({ url, resolves_to }: Case): void {
  const host = URL.parse(url)?.hostname.replace(/\.$/, "");
  if (host && resolves_to) dns.answer(host, resolves_to);
}

it("the traps of this file are sprung by whoever connects to them", async () => {
  const own = await startTraps();
  for (const host of ["127.0.0.1", "::1"]) {
    await new Promise<void>((resolve) =>
      new TcpSocket().connect(own.port, host).once("close", () => resolve()),
    );
  }
  expect(own.sprung).toEqual(["127.0.0.1", "::1"]);
  await own.close();
});

describe("an address that somebody supplied", () => {
  const refused = layer("url", "dns").filter((item) => item.expect === "reject");
  it.each(refused)("$id is refused: $why", async (item) => {
    tellName(item);
    for (const url of [item.url, atTraps(item.url)].filter((text) => text !== null)) {
      for (const production of [true, false]) {
        const way = outbound({ production });
        const refusal = await way.judge(url);
        expect(refusal).not.toBeNull();
        // The same class from both, and never the address that a name resolves to.
        expect(await call(way, url)).toEqual({ kind: "not_allowed", reason: refusal!.reason });
        expect(refusal!.reason).toMatch(/^[a-z_]+$/);
        if (item.layer === "url" && item.resolves_to === undefined) {
          expect(egressRefusalOf(url, { production })).toEqual(refusal);
        }
      }
    }
  });

  const allowed = layer("url", "dns").filter((item) => item.expect === "allow");
  it.each(allowed)("$id is let through: $why", async (item) => {
    tellName(item);
    const way = outbound({ dial: "record" });
    expect(await way.judge(item.url)).toBeNull();
    expect(await call(way, item.url)).toEqual({ kind: "connect", reason: null });
    const literal = new URL(item.url).hostname.replace(/^\[|\]$/g, "");
    expect(dialled).toEqual(item.resolves_to ?? [literal]);
  });
});

describe("a name that changes its mind", () => {
  it.each(layer("rebind"))("$id is judged at each connection: $why", async ({ url, resolves_sequence }) => {
    const { hostname } = new URL(url);
    const looks = resolves_sequence!;
    dns.answer(hostname, ...looks);
    const way = outbound();
    for (const _ of looks.slice(1)) expect(await way.judge(url)).toBeNull();
    expect(await call(way, url)).toEqual({ kind: "not_allowed", reason: "no_public_address" });
    expect(await call(way, url)).toEqual({ kind: "not_allowed", reason: "no_public_address" });
  });

  it.each([
    ["this machine", ["127.0.0.1"]],
    ["this machine over IPv6", ["::1"]],
    ["a public address beside this machine", ["93.184.216.34", "127.0.0.1"]],
    ["a public address beside this machine over IPv6", ["93.184.216.34", "::1"]],
    ["this machine as IPv6 wraps it", ["::ffff:127.0.0.1"]],
  ])("leads to %s only after it was saved: no connection", async (_, later) => {
    dns.answer("turning.example.com", ["93.184.216.34"], later);
    const url = `https://turning.example.com:${traps.port}/v1`;
    const way = outbound();
    expect(await way.judge(url)).toBeNull();
    expect(await call(way, url)).toEqual({ kind: "not_allowed", reason: "no_public_address" });
    // It was really asked twice, and nobody kept the first answer.
    expect(dns.asked.filter((name) => name === "turning.example.com").length).toBeGreaterThanOrEqual(2);
  });

  it("dials what was judged a moment ago, not what it would be now", async () => {
    dns.answer("turning.example.net", ["93.184.216.34"], ["127.0.0.1"]);
    const way = outbound({ dial: "record" });
    expect((await call(way, "https://turning.example.net/v1")).kind).toBe("connect");
    expect(dialled).toEqual(["93.184.216.34"]);
  });

  it("refuses the socket that is connected to something else than was judged, and writes nothing to it", async () => {
    const stub = await startStubServer((_, response) => response.end("{}"));
    open.push(() => stub.close());
    dns.answer("elsewhere.example.com", ["93.184.216.34"]);
    const way = createOutbound({
      connectTimeoutMs: 2_000,
      maxConnectionsPerOrigin: 1,
      isAllowedOrigin: () => false,
      tenant: {
        production: true,
        resolve: createResolver({ server: dns.address, timeoutMs: 1_000 }),
        // As a router or a proxy between would do it.
        dial: () => new TcpSocket().connect(stub.port, "127.0.0.1"),
      },
    });
    open.push(() => way.close());
    expect(await call(way, "https://elsewhere.example.com/v1")).toEqual({
      kind: "not_allowed",
      reason: "special_address",
    });
    await vi.waitFor(() => expect(stub.traffic()).toEqual({ made: 1, open: 0, bytes: 0 }));
  });

  it("tells a name that cannot be asked for now from one that has no address", async () => {
    dns.answer("failing.example.com", "failure");
    dns.answer("empty.example.com", []);
    const way = outbound();
    expect(await way.judge("https://failing.example.com/v1")).toEqual({ reason: "unresolved" });
    expect(await call(way, "https://failing.example.com/v1")).toEqual({ kind: "connect", reason: null });
    // Private and nothing at all look the same from outside.
    expect(await way.judge("https://empty.example.com/v1")).toEqual({ reason: "no_public_address" });
    expect(await way.judge("https://unknown.example.com/v1")).toEqual({ reason: "no_public_address" });
  });

  it("waits for a silent name server no longer than for a connection", async () => {
    dns.answer("silent.example.com", "silence");
    const way = outbound();
    const began = performance.now();
    const timely = { ...timeouts, connectMs: 300 };
    const silent = {
      url: "https://silent.example.com/",
      door: "tenant",
      method: "GET",
      headers: {},
    } as const;
    await expect(way.request({ ...silent, timeouts: timely })).rejects.toMatchObject({ kind: "connect" });
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});
