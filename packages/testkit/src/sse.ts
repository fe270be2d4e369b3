import type { Json, Product } from "./product.ts";

/** One streamed chat completion as its client sees it, byte by byte. */
export type ChatStream = {
  readonly status: number;
  readonly headers: Headers;
  /** Every `data:` event so far that is a chunk, in order. */
  readonly chunks: Json[];
  /** The `{"error": …}` event, once it came. */
  readonly error: Json | undefined;
  /** The body, where the answer is no event stream. */
  readonly body: Json;
  readonly saidDone: boolean;
  readonly comments: number;
  /** Everything that came, as text. */
  readonly text: string;
  /** All content so far. */
  readonly content: string;
  /** The object with the price, once it came. */
  readonly price: Json | undefined;
  /** Resolves when so many pieces of content are there, or the stream has ended. */
  pieces(count: number): Promise<void>;
  /** Reads on: the next piece of bytes, or the end. */
  more(): Promise<void>;
  /** Reads to the end. */
  end(): Promise<ChatStream>;
  /** Closes the connection, as a client that has had enough. */
  leave(): void;
};

/** Opens a stream on the first gateway unless told otherwise; resolves with its headers. */
export async function openStream(
  product: Product,
  token: string,
  body: Record<string, unknown>,
  options: { gateway?: number; headers?: Record<string, string> } = {},
): Promise<ChatStream> {
  const leaving = new AbortController();
  const answer = await fetch(`${product.gateways[options.gateway ?? 0]}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      ...options.headers,
    },
    body: JSON.stringify({ messages: [{ role: "user", content: "hello" }], stream: true, ...body }),
    signal: leaving.signal,
  });
  return new Reader(answer, leaving);
}

/** The whole of a stream. */
export async function streamChat(...parameters: Parameters<typeof openStream>): Promise<ChatStream> {
  return (await openStream(...parameters)).end();
}

class Reader implements ChatStream {
  readonly status: number;
  readonly headers: Headers;
  readonly chunks: Json[] = [];
  error: Json | undefined;
  body: Json;
  saidDone = false;
  comments = 0;
  text = "";
  #source: ReadableStreamDefaultReader<Uint8Array>;
  #leaving: AbortController;
  #decoder = new TextDecoder();
  #rest = "";
  #ended = false;

  constructor(answer: Response, leaving: AbortController) {
    this.status = answer.status;
    this.headers = answer.headers;
    this.#source = answer.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    this.#leaving = leaving;
  }

  get content(): string {
    return this.#contents().join("");
  }

  get price(): Json | undefined {
    return this.chunks.find((chunk) => chunk.modelfaucet !== undefined)?.modelfaucet;
  }

  async pieces(count: number): Promise<void> {
    while (!this.#ended && this.#contents().length < count) await this.#read();
  }

  async more(): Promise<void> {
    if (this.#ended) throw new Error(`nothing more comes: ${this.text}`);
    await this.#read();
  }

  async end(): Promise<ChatStream> {
    while (!this.#ended) await this.#read();
    return this;
  }

  leave(): void {
    this.#leaving.abort();
  }

  #contents(): string[] {
    return this.chunks.flatMap((chunk) =>
      chunk.choices.flatMap((choice: Json) => (choice.delta?.content ? [choice.delta.content] : [])),
    );
  }

  async #read(): Promise<void> {
    const { done, value } = await this.#source.read();
    const piece = done ? this.#decoder.decode() : this.#decoder.decode(value, { stream: true });
    this.text += piece;
    if (this.status !== 200) {
      if (done) this.body = JSON.parse(this.text);
    } else {
      const events = (this.#rest + piece).split("\n\n");
      this.#rest = events.pop()!;
      for (const event of events) this.#take(event);
      if (done && this.#rest !== "") throw new Error(`the stream ends inside an event: ${this.#rest}`);
    }
    this.#ended = done;
  }

  /** The gateway's framing is narrower than the standard's: one `data:` line, or one comment. */
  #take(event: string): void {
    if (event.startsWith(":")) {
      this.comments += 1;
      return;
    }
    if (!event.startsWith("data: ") || event.includes("\n")) throw new Error(`no event of ours: ${event}`);
    if (this.saidDone || this.error) throw new Error(`an event after the end: ${event}`);
    const data = event.slice("data: ".length);
    if (data === "[DONE]") {
      this.saidDone = true;
      return;
    }
    const parsed = JSON.parse(data);
    if (parsed.error !== undefined) this.error = parsed.error;
    else this.chunks.push(parsed);
  }
}
