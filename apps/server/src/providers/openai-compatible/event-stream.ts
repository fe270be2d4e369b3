import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { OutboundBody } from "../../lib/outbound.ts";
import { type JsonObject, UpstreamError, type UpstreamEvent } from "../provider.ts";
import { asUpstreamError, inBandError, isInBandError } from "./failure.ts";

/**
 * The events of one streamed answer, whatever the cuts, line ends and comments. Ends after `[DONE]` or when upstream
 * closed cleanly; what follows `[DONE]` is not read. Leaving the loop closes the connection.
 */
export function readEvents(body: OutboundBody, eventLimitBytes: number): AsyncIterable<UpstreamEvent> {
  return { [Symbol.asyncIterator]: () => new EventReader(body, eventLimitBytes) };
}

type Step = IteratorResult<UpstreamEvent, undefined>;

const ended: Step = { done: true, value: undefined };

class EventReader implements AsyncIterator<UpstreamEvent, undefined> {
  #body: OutboundBody;
  #decoder = new StringDecoder("utf8");
  #feed: (text: string) => void;
  #ready: UpstreamEvent[] = [];
  #usage: unknown;
  #failure: UpstreamError | null = null;
  /** No more is read: `[DONE]`, the end, a failure, or the reader has left. */
  #over = false;
  #atEnd = false;

  constructor(body: OutboundBody, eventLimitBytes: number) {
    this.#body = body;
    const parser = createParser({
      maxBufferSize: eventLimitBytes,
      onEvent: (event) => this.#take(event),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.#tooLarge(eventLimitBytes);
      },
    });
    this.#feed = (text) => parser.feed(text);
  }

  async next(): Promise<Step> {
    while (this.#ready.length === 0) {
      if (this.#failure !== null) {
        this.#body.cancel();
        throw this.#failure;
      }
      if (this.#over) return ended;
      await this.#read();
    }
    return { done: false, value: this.#ready.shift()! };
  }

  async return(): Promise<Step> {
    this.#over = true;
    this.#ready = [];
    this.#body.cancel();
    return ended;
  }

  async #read(): Promise<void> {
    let piece: Buffer | null;
    try {
      piece = await this.#body.next();
    } catch (error) {
      this.#fail(asUpstreamError(error, this.#usage));
      return;
    }
    if (piece !== null) {
      this.#feed(this.#decoder.write(piece));
      return;
    }
    this.#atEnd = true;
    // Some upstreams leave out the blank line behind their last event.
    this.#feed(`${this.#decoder.end()}\n\n`);
    this.#over = true;
  }

  #take(event: EventSourceMessage): void {
    if (this.#over || this.#failure !== null) return;
    const text = event.data;
    if (text.trim() === "[DONE]") {
      this.#over = true;
      this.#ready.push({ type: "done" });
      this.#body.finish();
      return;
    }
    const chunk = parseChunk(text);
    if (chunk === null) {
      this.#fail(
        this.#atEnd
          ? new UpstreamError("truncated", "the upstream's answer broke off", { usage: this.#usage })
          : new UpstreamError("malformed", "an event of the upstream is not a chunk", { usage: this.#usage }),
      );
      return;
    }
    if (typeof chunk.usage === "object" && chunk.usage !== null) this.#usage = chunk.usage;
    if (isInBandError(chunk) || event.event === "error") {
      this.#fail(inBandError(chunk, this.#usage, undefined));
      return;
    }
    this.#ready.push({ type: "chunk", chunk });
  }

  #tooLarge(limitBytes: number): void {
    const sentence = `an event of the upstream is larger than ${limitBytes} bytes`;
    this.#fail(new UpstreamError("too_large", sentence, { usage: this.#usage }));
  }

  /** What came before the failure is still handed out, in order. */
  #fail(failure: UpstreamError): void {
    this.#failure ??= failure;
  }
}

function parseChunk(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const chunk = value as JsonObject;
    const choices = chunk.choices;
    return choices === undefined || choices === null || Array.isArray(choices) ? chunk : null;
  } catch {
    return null;
  }
}
