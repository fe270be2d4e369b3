import { connect, createServer, type Socket } from "node:net";

/**
 * What becomes of bytes on their way to the server: `cut` ends the connection, `swallow` lets it fall silent, `deafen`
 * delivers them and keeps what is answered.
 */
export type Fate = "pass" | "cut" | "swallow" | "deafen";

export type BreakingProxy = {
  readonly port: number;
  /** How many connections were broken. */
  readonly broken: number;
  /** Decides for everything that a client sends from now on. */
  decide(fate: (bytes: Buffer | string) => Fate): void;
  close(): Promise<void>;
};

/** A TCP proxy on loopback that breaks connections where a test says so. */
export async function startBreakingProxy(target: { host: string; port: number }): Promise<BreakingProxy> {
  let fateOf: (bytes: Buffer | string) => Fate = () => "pass";
  let broken = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    let isSilent = false;
    client.on("data", (bytes) => {
      if (isSilent) return;
      const fate = fateOf(bytes);
      if (fate === "pass") {
        upstream.write(bytes);
        return;
      }
      broken++;
      isSilent = true;
      if (fate === "deafen") upstream.write(bytes);
      if (fate === "cut") for (const socket of [client, upstream]) socket.destroy();
    });
    upstream.on("data", (bytes) => {
      if (!isSilent) client.write(bytes);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    get broken() {
      return broken;
    },
    decide: (fate) => {
      fateOf = fate;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
