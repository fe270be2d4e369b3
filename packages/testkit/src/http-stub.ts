import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export type HttpStub = {
  readonly port: number;
  /** Path and query of every request, in order. */
  readonly paths: readonly string[];
  /** Connections that were made to it and are still open, and the bytes that came over all that ever were. */
  traffic(): { made: number; open: number; bytes: number };
  close(): Promise<void>;
};

/** Somebody's server on loopback, which answers as a test says. */
export async function startStubServer(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpStub> {
  const paths: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? "");
    request.resume().once("end", () => answer(request, response));
  });
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    paths,
    traffic: () => ({
      made: sockets.length,
      open: sockets.filter((socket) => !socket.destroyed).length,
      bytes: sockets.reduce((sum, socket) => sum + socket.bytesRead, 0),
    }),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
