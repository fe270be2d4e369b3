import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type TestRedis = {
  readonly url: string;
  /** Kills it, as an outage does. */
  stop(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  start(): Promise<void>;
  remove(): Promise<void>;
};

/** A redis-server of this test alone, on loopback, that keeps nothing. */
export async function startRedis(port: number): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "mf-redis-"));
  let child: ChildProcess | null = null;
  const start = async (): Promise<void> => {
    const args = [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--save",
      "",
      "--appendonly",
      "no",
      "--dir",
      folder,
    ];
    child = spawn("redis-server", args, { stdio: "ignore" });
    await answers(port);
  };
  const end = async (): Promise<void> => {
    const running = child;
    child = null;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill("SIGKILL");
    await gone;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}/0`,
    start,
    stop: end,
    remove: async () => {
      await end();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<void> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ port, host: "127.0.0.1" });
      socket.once("error", () => resolve(false));
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
    });
    if (open) return;
    if (performance.now() > deadline) throw new Error("redis-server does not answer");
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
