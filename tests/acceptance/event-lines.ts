import type { Json } from "@modelfaucet/testkit/product.ts";

export type EventLines = {
  /** What stood behind each `data:`, parsed; without `[DONE]`. */
  chunks: Json[];
  comments: string[];
  /** Lines that are neither data nor comment nor the empty line between two events. */
  strange: string[];
  isDone: boolean;
  /** The content deltas of choice 0, joined. */
  text: string;
};

/** Reads a stream of chat completions as a strict client would: one `data:` line per event, LF alone. */
export function readEventLines(body: string): EventLines {
  const lines = body.split("\n");
  const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice("data: ".length));
  const chunks = data.filter((text) => text !== "[DONE]").map((text) => JSON.parse(text) as Json);
  return {
    chunks,
    comments: lines.filter((line) => line.startsWith(":")),
    strange: lines.filter((line) => line !== "" && !line.startsWith("data: ") && !line.startsWith(":")),
    isDone: data.at(-1) === "[DONE]",
    text: chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? "").join(""),
  };
}

/** The last object of that name on any chunk: `usage`, `modelfaucet`, `error`. */
export function lastOf(events: EventLines, name: string): Json {
  return events.chunks.findLast((chunk) => chunk[name] !== undefined)?.[name];
}
