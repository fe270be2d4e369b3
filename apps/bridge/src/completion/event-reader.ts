import type { IncomingMessage } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { createParser } from "eventsource-parser";
import { readPieces, UpstreamFailure } from "../endpoints/upstream.ts";
import { isObject, type JsonObject, parseJson } from "../json.ts";

export type UpstreamEvent =
  | { type: "chunk"; chunk: JsonObject }
  | { type: "error"; json: unknown }
  | { type: "done" };

const eventBytesMax = 4_194_304;

/**
 * The events of one streamed answer, at the reader's pace. Ends after `[DONE]`, after an error, or when the server closed.
 * @throws UpstreamFailure
 */
export async function* readEvents(
  body: IncomingMessage,
  limits: { firstMs: number; idleMs: number; signal: AbortSignal },
): AsyncGenerator<UpstreamEvent, void> {
  const decoder = new StringDecoder("utf8");
  let ready: UpstreamEvent[] = [];
  let isTooLarge = false;
  const parser = createParser({
    maxBufferSize: eventBytesMax,
    onEvent: ({ data, event }) => void ready.push(eventOf(data, event)),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") isTooLarge = true;
    },
  });
  const hand = function* (): Generator<UpstreamEvent, boolean> {
    const events = ready;
    ready = [];
    for (const event of events) {
      yield event;
      if (event.type !== "chunk") return true;
    }
    if (isTooLarge) throw new UpstreamFailure("too_large", "an event is too large");
    return false;
  };
  for await (const piece of readPieces(body, limits)) {
    parser.feed(decoder.write(piece));
    if (yield* hand()) return;
  }
  // Some servers leave out the blank line behind their last event.
  parser.feed(`${decoder.end()}\n\n`);
  yield* hand();
}

function eventOf(data: string, name: string | undefined): UpstreamEvent {
  if (data.trim() === "[DONE]") return { type: "done" };
  const json = parseJson(data);
  if (!isObject(json) || name === "error" || isError(json)) return { type: "error", json };
  return { type: "chunk", chunk: json };
}

function isError(json: JsonObject): boolean {
  return json.error !== undefined && json.error !== null;
}
