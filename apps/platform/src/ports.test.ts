import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { freePorts, holderOf, isFree, requireFree } from "./ports.ts";

const open: Server[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

function listen(host: string): Promise<number> {
  const server = createServer();
  open.push(server);
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve((server.address() as { port: number }).port));
  });
}

test("a taken port is refused with its variable, its holder and what to do", async () => {
  const [taken, [free]] = [await listen("127.0.0.1"), await freePorts(1)];
  const wishes = [
    { variable: "PORT_API", port: free! },
    { variable: "PORT_GATEWAY", port: taken },
  ];
  await expect(requireFree(wishes, "127.0.0.1")).rejects.toThrow(
    new RegExp(`PORT_GATEWAY ${taken} \\(.+, process ${process.pid}\\): stop that process.+--ports free`),
  );
});

test("all taken ports are named at once", async () => {
  const ports = [await listen("127.0.0.1"), await listen("127.0.0.1")];
  const wishes = ports.map((port, index) => ({ variable: `PORT_${index}`, port }));
  await expect(requireFree(wishes, "127.0.0.1")).rejects.toThrow(/PORT_0 .+PORT_1 /);
});

test("a port that something holds on every address is taken on loopback too", async () => {
  const port = await listen("0.0.0.0");
  expect(await isFree(port, "127.0.0.1")).toBe(false);
});

test("two variables cannot share a port", async () => {
  const [port] = await freePorts(1);
  const wishes = [
    { variable: "PORT_API", port: port! },
    { variable: "PORT_WORKER", port: port! },
  ];
  await expect(requireFree(wishes, "127.0.0.1")).rejects.toThrow(/PORT_API and PORT_WORKER are both/);
});

test("free ports are free and all different", async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  await requireFree(
    ports.map((port) => ({ variable: `PORT_${port}`, port })),
    "127.0.0.1",
  );
});

test("nobody is named for a port that nobody holds", async () => {
  const [port] = await freePorts(1);
  expect(holderOf(port!)).toBeNull();
});
