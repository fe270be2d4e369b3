import { type AddressInfo, createServer, type Server } from "node:net";

export type Traps = {
  /** The port on which both listen. */
  readonly port: number;
  /** Every connection that was made, as the address that it came to; a guard that works leaves this empty. */
  readonly sprung: readonly string[];
  close(): Promise<void>;
};

/** Listeners on 127.0.0.1 and ::1, to which nobody may ever connect. They close what comes, without a byte. */
export async function startTraps(): Promise<Traps> {
  const sprung: string[] = [];
  const listen = async (host: string, port: number): Promise<Server> => {
    const server = createServer((socket) => {
      sprung.push(host);
      socket.on("error", () => {});
      socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
    return server;
  };
  const first = await listen("127.0.0.1", 0);
  const { port } = first.address() as AddressInfo;
  const second = await listen("::1", port);
  return {
    port,
    sprung,
    close: async () => {
      await Promise.all(
        [first, second].map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
      );
    },
  };
}
