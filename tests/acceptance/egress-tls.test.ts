import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type AddressInfo, createServer as createPlainServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { promisify } from "node:util";
import { parseHostMap } from "@modelfaucet/server/lib/egress/host-map.ts";
import { createOutbound, type Outbound } from "@modelfaucet/server/lib/outbound.ts";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const name = "llm.stub.test";
let folder: string;
const serverNames: (string | false | null)[] = [];
const closing: (() => unknown)[] = [];
let port = 0;
let certificate: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mf-egress-"));
  await promisify(execFile)(
    "openssl",
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2
     -subj /CN=${name} -addext subjectAltName=DNS:${name}`.split(/\s+/),
    { cwd: folder, timeout: 10_000 },
  );
  certificate = await readFile(join(folder, "cert.pem"), "utf8");
  const server = createServer(
    { key: await readFile(join(folder, "key.pem")), cert: certificate },
    (socket) => {
      serverNames.push(socket.servername);
      socket.on("error", () => {});
      socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe"));
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
  closing.push(() => server.close());
});
afterAll(async () => {
  for (const close of closing) await close();
  await rm(folder, { recursive: true });
});

/** A stand-in without a port: it is spoken to as its URL says. */
function outbound(host: string): Outbound {
  const made = createOutbound({
    connectTimeoutMs: 500,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: () => false,
    tenant: { production: false, hostMap: parseHostMap(`${host}=127.0.0.1!`), resolve: async () => [] },
  });
  closing.push(() => made.close());
  return made;
}

const timeouts = { connectMs: 2_000, firstByteMs: 2_000, idleMs: 2_000, totalMs: 4_000 };

async function ask(host: string, at: number): Promise<string> {
  const answer = outbound(host.replace(/\.$/, "")).request({
    url: `https://${host}:${at}/v1`,
    door: "tenant",
    method: "GET",
    headers: { authorization: "Bearer sk-tls-77aa" },
    timeouts,
  });
  return answer.then(
    async ({ body }) => (await body.bytes(100)).toString(),
    (error: { kind: string }) => error.kind,
  );
}

it("trusts no certificate that nobody vouches for", async () => {
  expect(await ask(name, port)).toBe("connect");
  expect(serverNames).toEqual([]);
});

it("names the host that it means, and takes its certificate for no other name", async () => {
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, certificate]);
  try {
    expect(await ask(name, port)).toBe("safe");
    expect(serverNames).toEqual([name]);
    expect(await ask(`${name}.`, port)).toBe("safe");
    expect(await ask("other.stub.test", port)).toBe("connect");
  } finally {
    setDefaultCACertificates(before);
  }
});

it("gives up on a handshake that does not end, and closes the connection", async () => {
  const sockets: Socket[] = [];
  const silent = createPlainServer((socket) => sockets.push(socket.on("error", () => {}).resume()));
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  closing.push(() => silent.close());
  expect(await ask(name, (silent.address() as AddressInfo).port)).toBe("connect");
  expect(sockets).toHaveLength(1);
  await vi.waitFor(() => expect(sockets[0]!.closed).toBe(true));
});
