import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

export type Exchange = { method: string; path: string; headers: IncomingMessage["headers"]; status: number };

export type RecordingProxy = {
  /** `http://127.0.0.1:…`, to be followed by the path of the API. */
  readonly origin: string;
  /** Every HTTP exchange since the last `clear`, in order of their answers. */
  readonly exchanges: readonly Exchange[];
  clear(): void;
  close(): Promise<void>;
};

/** Stands between an unmodified client and the gateway, and counts what the client really sends. */
export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  let exchanges: Exchange[] = [];
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const { method = "", url: path = "", headers } = incoming;
    const passed = request({ hostname, port, method, path, headers }, (answer) => {
      exchanges.push({ method, path, headers, status: answer.statusCode ?? 0 });
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    passed.on("error", () => outgoing.destroy());
    outgoing.on("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get exchanges() {
      return exchanges;
    },
    clear: () => {
      exchanges = [];
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
