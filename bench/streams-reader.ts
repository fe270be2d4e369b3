// Clients of many streams in one process: `streams-reader.ts <url> <streams> <ramp ms> <token,token,…> [headers as JSON]`.
// Opens them all, reads them to their ends, and tells its parent how long the chunks were on their way.
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What became of all streams. Delays in milliseconds, of chunks sent after every stream had begun. */
export type StreamsRead = {
  whole: number;
  broken: number;
  /** How those that are not whole began, each with how many of them: their status, or nothing at all. */
  broken_as: Record<string, number>;
  chunks: number;
  measured: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  max_ms: number;
};

const [url, count, rampMs, tokens, headers] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
];
const { hostname, port, pathname } = new URL(url);
const sessions = tokens.split(",");
const furtherHeaders = Object.entries(JSON.parse(headers ?? "{}") as Record<string, string>)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("");
const delays: { sentAt: number; ms: number }[] = [];
const brokenAs: Record<string, number> = {};
let begun = 0;
let allBegunAt = Number.POSITIVE_INFINITY;
let chunks = 0;

const total = Number(count);
const reading: Promise<boolean>[] = [];
for (let place = 0; place < total; place++) {
  reading.push(readStream(sessions[place % sessions.length]!));
  if (place % 20 === 19) await delay(Number(rampMs) / (total / 20));
}
const ends = await Promise.all(reading);
process.send?.(summary(ends));
process.disconnect?.();

function readStream(token: string): Promise<boolean> {
  const body = JSON.stringify({
    model: "stub-text",
    stream: true,
    max_tokens: 4_000,
    messages: [{ role: "user", content: "hello" }],
  });
  const socket = connect(Number(port), hostname);
  socket.write(
    `POST ${pathname}/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${token}\r\n` +
      `${furtherHeaders}content-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let hasBegun = false;
  let status = "no answer";
  let tail = "";
  return new Promise((resolve) => {
    const end = (isWhole: boolean): void => {
      if (!isWhole) brokenAs[status] = (brokenAs[status] ?? 0) + 1;
      resolve(isWhole);
    };
    socket.on("data", (bytes) => {
      const readAt = now();
      const text = bytes.toString("latin1");
      if (!hasBegun) {
        hasBegun = true;
        status = text.slice("HTTP/1.1 ".length, text.indexOf("\r\n"));
        if (++begun === total) allBegunAt = readAt;
      }
      tail = (tail + text).slice(-20);
      noteChunks(text, readAt);
    });
    // What failed is closed as well.
    socket.on("error", () => {});
    socket.on("close", () => end(tail.includes("[DONE]")));
  });
}

/** A chunk that was cut by the packets is counted by nobody; there are enough of them. */
function noteChunks(text: string, readAt: number): void {
  for (let from = text.indexOf("@"); from >= 0; ) {
    const to = text.indexOf("@", from + 1);
    if (to < 0) return;
    const sentAt = Number(text.slice(from + 1, to));
    chunks++;
    if (sentAt > allBegunAt) delays.push({ sentAt, ms: readAt - sentAt });
    from = text.indexOf("@", to + 1);
  }
}

function summary(ends: readonly boolean[]): StreamsRead {
  const sorted = Float64Array.from(delays, ({ ms }) => ms).sort();
  const at = (share: number): number =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(2));
  return {
    whole: ends.filter(Boolean).length,
    broken: ends.filter((isWhole) => !isWhole).length,
    broken_as: brokenAs,
    chunks,
    measured: sorted.length,
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    p99_ms: at(0.99),
    max_ms: at(1),
  };
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
