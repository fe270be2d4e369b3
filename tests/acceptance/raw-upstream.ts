import { createServer, type Socket } from "node:net";

/** One request as it came over a connection. */
export type RawRequest = { readonly prompt: string; readonly stream: boolean };

export type RawUpstream = {
  readonly url: string;
  /** How many requests carried this prompt. */
  callsOf(prompt: string): number;
  close(): Promise<void>;
};

/** An upstream that writes whatever bytes it is told to: what no HTTP server would send, a hostile one does. */
export async function startRawUpstream(
  answer: (socket: Socket, request: RawRequest) => void | Promise<void>,
): Promise<RawUpstream> {
  const calls = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let bytes = Buffer.alloc(0);
    socket.on("data", (piece) => {
      bytes = Buffer.concat([bytes, piece as Buffer]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/content-length: *(\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1] ?? 0);
      if (bytes.length < end + 4 + length) return;
      const body = JSON.parse(bytes.toString("utf8", end + 4, end + 4 + length));
      bytes = bytes.subarray(end + 4 + length);
      const prompt = String(body.messages[0].content);
      calls.set(prompt, (calls.get(prompt) ?? 0) + 1);
      void answer(socket, { prompt, stream: body.stream === true });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/v1`,
    callsOf: (prompt) => calls.get(prompt) ?? 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
