import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type Entrance = {
  readonly origin: string;
  /** New connections go there; those that are open stay where they are. */
  pointTo(url: string): void;
  close(): Promise<void>;
};

/** What stands before the gateways of a deployment: it sends each new connection to the one that is meant to serve. */
export async function startEntrance(first: string): Promise<Entrance> {
  let target = new URL(first);
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.end();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    pointTo: (url) => {
      target = new URL(url);
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
