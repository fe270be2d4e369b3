import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { OutboundBody } from "../lib/outbound.ts";
import { UpstreamError, type UpstreamEvent } from "./provider.ts";
import { asUpstreamError } from "./upstream-failure.ts";

/** What the events of one stream mean; made anew for each stream. */
export type StreamDialect = {
  /**
   * What one event says: nothing, chunks, or the mark that the answer is done. `isLast`: upstream has closed, so the
   * event may be what a cut has left of one.
   * @throws UpstreamError
   */
  read(event: EventSourceMessage, isLast: boolean): UpstreamEvent[];
  /** Upstream closed cleanly without the mark: the failure that this is, if it is one. */
  closed(): UpstreamError | null;
  /** The last usage that was told, for failures that come after it. */
  readonly usage: unknown;
};

/**
 * The events of one streamed answer, whatever the cuts, line ends and comments. Ends after `done` or when upstream
 * closed cleanly; what follows `done` is not read. Leaving the loop closes the connection.
 */
export function readStream(
  body: OutboundBody,
  eventLimitBytes: number,
  dialect: StreamDialect,
): AsyncIterable<UpstreamEvent> {
  return { [Symbol.asyncIterator]: () => new EventReader(body, eventLimitBytes, dialect) };
}

type Step = IteratorResult<UpstreamEvent, undefined>;

const ended: Step = { done: true, value: undefined };

class EventReader implements AsyncIterator<UpstreamEvent, undefined> {
  #body: OutboundBody;
  #dialect: StreamDialect;
  #decoder = new StringDecoder("utf8");
  #feed: (text: string) => void;
  #ready: UpstreamEvent[] = [];
  #failure: UpstreamError | null = null;
  /** No more is read: `done`, the end, a failure, or the reader has left. */
  #over = false;
  #atEnd = false;

  constructor(body: OutboundBody, eventLimitBytes: number, dialect: StreamDialect) {
    this.#body = body;
    this.#dialect = dialect;
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
      this.#fail(asUpstreamError(error, this.#dialect.usage));
      return;
    }
    if (piece !== null) {
      this.#feed(this.#decoder.write(piece));
      return;
    }
    this.#atEnd = true;
    // Some upstreams leave out the blank line behind their last event.
    this.#feed(`${this.#decoder.end()}\n\n`);
    if (!this.#over) {
      const failure = this.#dialect.closed();
      if (failure !== null) this.#fail(failure);
    }
    this.#over = true;
  }

  #take(event: EventSourceMessage): void {
    if (this.#over || this.#failure !== null) return;
    try {
      for (const said of this.#dialect.read(event, this.#atEnd)) {
        this.#ready.push(said);
        if (said.type !== "done") continue;
        this.#over = true;
        this.#body.finish();
        return;
      }
    } catch (error) {
      this.#fail(asUpstreamError(error, this.#dialect.usage));
    }
  }

  #tooLarge(limitBytes: number): void {
    const sentence = `an event of the upstream is larger than ${limitBytes} bytes`;
    this.#fail(new UpstreamError("too_large", sentence, { usage: this.#dialect.usage }));
  }

  /** What came before the failure is still handed out, in order. */
  #fail(failure: UpstreamError): void {
    this.#failure ??= failure;
  }
}
