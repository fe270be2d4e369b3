import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import {
  createOutbound,
  type Outbound,
  OutboundError,
  type OutboundOptions,
  type OutboundRequest,
} from "./outbound.ts";

const open: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function outboundWith(change: Partial<OutboundOptions> = {}): Outbound {
  const outbound = createOutbound({
    connectTimeoutMs: 1000,
    maxConnectionsPerOrigin: 8,
    isAllowedOrigin: () => true,
    ...change,
  });
  open.push(() => outbound.close());
  return outbound;
}

type Upstream = { url: string; sockets: Set<Socket>; paths: string[] };

async function upstream(answer: (response: ServerResponse, path: string) => void): Promise<Upstream> {
  const sockets = new Set<Socket>();
  const paths: string[] = [];
  const server: Server = createServer((request, response) => {
    sockets.add(request.socket);
    paths.push(request.url!);
    request.resume().on("end", () => answer(response, request.url!));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.close() && server.closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, paths };
}

async function rawUpstream(bytes: string): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const timeouts = { connectMs: 1000, firstByteMs: 2000, idleMs: 2000, totalMs: 5000 };

function get(url: string, change: Partial<OutboundRequest> = {}): OutboundRequest {
  return { url, method: "GET", headers: {}, timeouts, ...change };
}

async function kindOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OutboundError);
  return (error as OutboundError).kind;
}

describe("createOutbound", () => {
  it("connects to no origin that is not configured, exactly", async () => {
    const { url, paths } = await upstream((response) => response.end("ok"));
    const { port } = new URL(url);
    const outbound = outboundWith({ isAllowedOrigin: (origin) => origin === url });
    expect((await (await outbound.request(get(`${url}/a?b=1`))).body.bytes(10)).toString()).toBe("ok");
    for (const other of [
      `http://localhost:${port}/`,
      `https://127.0.0.1:${port}/`,
      `http://127.0.0.1:${Number(port) + 1}/`,
      `http://user:pass@127.0.0.1:${port}/`,
      `file:///etc/passwd`,
      "nonsense",
    ]) {
      expect(await kindOf(outbound.request(get(other)))).toBe("not_allowed");
    }
    expect(paths).toEqual(["/a?b=1"]);
  });

  it("refuses to wait inside a transaction", async () => {
    const { url, paths } = await upstream((response) => response.end());
    const outbound = outboundWith({
      assertNoTransactionOpen: () => {
        throw new Error("a transaction is open");
      },
    });
    await expect(outbound.request(get(url))).rejects.toThrow("a transaction is open");
    expect(paths).toEqual([]);
  });

  it("follows no redirect", async () => {
    const { url, paths } = await upstream((response) =>
      response.writeHead(307, { location: "/elsewhere" }).end(),
    );
    const response = await outboundWith().request(get(`${url}/start`));
    expect(response.status).toBe(307);
    response.body.finish();
    expect(paths).toEqual(["/start"]);
  });

  it("reuses the connections of a credential and never one of another", async () => {
    const { url, sockets } = await upstream((response) => response.end("ok"));
    const outbound = outboundWith();
    const fetchAs = async (credential: string) => {
      const before = new Set(sockets);
      await (await outbound.request(get(url, { credential }))).body.bytes(10);
      return [...sockets].filter((socket) => !before.has(socket)).length;
    };
    let opened = 0;
    for (let i = 0; i < 10; i++) opened += await fetchAs("one");
    expect(opened).toBeLessThanOrEqual(2);
    expect(await fetchAs("two")).toBe(1);
    expect(await fetchAs("one")).toBe(0);
  });

  it("keeps the connection of an answer whose short rest nobody wanted", async () => {
    const { url, sockets } = await upstream((response) => {
      response.write("first");
      setTimeout(() => response.end("rest"), 20);
    });
    const outbound = outboundWith();
    for (let i = 0; i < 3; i++) {
      const { body } = await outbound.request(get(url));
      expect((await body.next())?.toString()).toBe("first");
      body.finish();
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(sockets.size).toBe(1);
  });

  it("closes the connection of an answer that does not end after it was finished", async () => {
    const { url } = await upstream((response) => {
      const talking = setInterval(() => response.write("more"), 50);
      response.on("close", () => {
        clearInterval(talking);
        closedAt = performance.now();
      });
    });
    let closedAt = 0;
    const { body } = await outboundWith().request(get(url));
    await body.next();
    const finishedAt = performance.now();
    body.finish();
    await expect.poll(() => closedAt, { timeout: 3000 }).toBeGreaterThan(0);
    expect(closedAt - finishedAt).toBeLessThan(1500);
  });

  it("ends within its limit when every connection is busy", async () => {
    const { url } = await upstream(() => {});
    const outbound = outboundWith({ maxConnectionsPerOrigin: 1 });
    const busy = outbound.request(get(url)).catch(() => {});
    const startedAt = performance.now();
    expect(await kindOf(outbound.request(get(url, { timeouts: { ...timeouts, connectMs: 150 } })))).toBe(
      "connect",
    );
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await outbound.close();
    await busy;
  });

  it("does not send what was cancelled while it waited for a connection", async () => {
    const finish: ServerResponse[] = [];
    const { url, paths } = await upstream((response) => void finish.push(response));
    const outbound = outboundWith({ maxConnectionsPerOrigin: 1 });
    const first = outbound.request(get(`${url}/first`));
    const cancel = new AbortController();
    const second = outbound.request(get(`${url}/second`, { signal: cancel.signal }));
    cancel.abort();
    expect(await kindOf(second)).toBe("aborted");
    await expect.poll(() => finish.length).toBe(1);
    finish[0]!.end("ok");
    await (await first).body.bytes(10);
    const third = outbound.request(get(`${url}/third`));
    await expect.poll(() => finish.length).toBe(2);
    finish[1]!.end("ok");
    await (await third).body.bytes(10);
    expect(paths).toEqual(["/first", "/third"]);
  });

  it("calls what is not HTTP, or has endless headers, malformed", async () => {
    expect(await kindOf(outboundWith().request(get(await rawUpstream("SSH-2.0-OpenSSH\r\n"))))).toBe(
      "malformed",
    );
    const headers = `HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(100_000)}\r\n\r\n`;
    expect(await kindOf(outboundWith().request(get(await rawUpstream(headers))))).toBe("malformed");
  });

  it("tells a connection that dies before the answer from one that dies inside it", async () => {
    expect(await kindOf(outboundWith().request(get(await rawUpstream(""))))).toBe("connect");
    const half = await outboundWith().request(
      get(await rawUpstream("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")),
    );
    expect(await kindOf(half.body.bytes(100))).toBe("truncated");
  });
});
