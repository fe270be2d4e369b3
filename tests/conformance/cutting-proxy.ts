import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

export type CuttingProxy = {
  readonly origin: string;
  /** Lets so many of the next answers be made whole, and then cuts their client off without a byte of them. */
  cutAnswers(count: number): void;
  close(): Promise<void>;
};

/** Stands between a client and the gateway as a line does that breaks once the answer has been made. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  let cuts = 0;
  const server = createServer((incoming, outgoing) => {
    const { method = "", url: path = "", headers } = incoming;
    const cut = cuts > 0;
    if (cut) cuts--;
    const passed = request({ hostname, port, method, path, headers }, (answer) => {
      if (cut) {
        answer.resume();
        answer.on("end", () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAnswers: (count) => {
      cuts = count;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
