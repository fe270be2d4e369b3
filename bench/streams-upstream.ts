// An upstream that answers every call with a stream of so many chunks a second, each with the moment at which it was
// sent. A process of its own: `streams-upstream.ts <port> <chunks per second> <chunks per stream>`.
import { createServer, type Socket } from "node:net";

const [port, perSecond, perStream] = process.argv.slice(2).map(Number) as [number, number, number];
const tickMs = 5;
/** So many groups of streams take turns, a tick each, so that no tick has all of them to write. */
const groups = Math.round(1000 / perSecond / tickMs);

type Stream = { socket: Socket; sent: number };
const streams: Set<Stream>[] = Array.from({ length: groups }, () => new Set());
let opened = 0;
let tick = 0;

setInterval(() => {
  const group = streams[tick++ % groups]!;
  for (const stream of group) {
    if (stream.sent++ < perStream) {
      stream.socket.write(piece(event({ content: `@${now().toFixed(3)}@` })));
      continue;
    }
    group.delete(stream);
    stream.socket.end(`${piece(ending)}0\r\n\r\n`);
  }
}, tickMs);

createServer((socket) => {
  let head = "";
  const stream: Stream = { socket, sent: 0 };
  const group = streams[opened++ % groups]!;
  socket.on("error", () => {});
  socket.on("close", () => group.delete(stream));
  socket.on("data", (bytes) => {
    head += bytes.toString("latin1");
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (head.length < end + 4 + length) return;
    head = "";
    socket.write(answerHead);
    group.add(stream);
  });
}).listen(port, "127.0.0.1", 4096);
process.once("disconnect", () => process.exit(0));

const answerHead =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";

function event(delta: object, finish: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "stub-text", choices })}\n\n`;
}

const usage = { prompt_tokens: 100, completion_tokens: perStream, total_tokens: 100 + perStream };
const ending = `${event({}, "stop")}data: ${JSON.stringify({ id: "c", choices: [], usage })}\n\ndata: [DONE]\n\n`;

function piece(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** Milliseconds on the machine's one clock that nobody sets. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
