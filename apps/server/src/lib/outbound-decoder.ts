import { pipeline, Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import type { Exchange, OutboundBody } from "./outbound-exchange.ts";
import { OutboundError } from "./outbound-failure.ts";

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/**
 * The body as plain bytes. We ask for `identity`; an upstream that compresses all the same is decoded here, one
 * encoding deep, and reading stays pulled by the reader, so that a small answer cannot unfold into all memory.
 */
export function decodeBody(exchange: Exchange, encoding: string | string[] | undefined): OutboundBody {
  if (encoding === undefined) return exchange;
  const name = String(encoding).trim().toLowerCase();
  if (name === "" || name === "identity") return exchange;
  const createDecoder = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
  if (createDecoder === undefined) {
    exchange.cancel();
    throw new OutboundError("malformed", "the upstream's answer has an encoding that was not asked for");
  }
  return new DecodedBody(exchange, createDecoder());
}

class DecodedBody implements OutboundBody {
  #exchange: Exchange;
  #decoder: Transform;
  #pieces: AsyncIterator<Buffer>;

  constructor(exchange: Exchange, decoder: Transform) {
    this.#exchange = exchange;
    this.#decoder = decoder;
    const source = new Readable({
      read() {
        exchange.next().then(
          (piece) => this.push(piece),
          (error) => this.destroy(error),
        );
      },
    });
    // Errors reach the reader through the iterator.
    pipeline(source, decoder, () => {});
    this.#pieces = decoder[Symbol.asyncIterator]();
  }

  async next(): Promise<Buffer | null> {
    try {
      const piece = await this.#pieces.next();
      return piece.done ? null : piece.value;
    } catch (cause) {
      if (cause instanceof OutboundError) throw cause;
      this.#exchange.cancel();
      const cutShort = cause instanceof Error && "code" in cause && cause.code === "Z_BUF_ERROR";
      throw cutShort
        ? new OutboundError("truncated", "the upstream's answer broke off", { cause })
        : new OutboundError("malformed", "the upstream's answer cannot be decoded", { cause });
    }
  }

  async bytes(limitBytes: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let total = 0;
    for (let piece = await this.next(); piece !== null; piece = await this.next()) {
      total += piece.length;
      if (total > limitBytes) {
        this.cancel();
        throw new OutboundError("too_large", `the upstream's answer is larger than ${limitBytes} bytes`);
      }
      pieces.push(piece);
    }
    return Buffer.concat(pieces, total);
  }

  /** A compressed rest is not worth decoding for the sake of a connection. */
  finish(): void {
    this.cancel();
  }

  cancel(): void {
    this.#exchange.cancel();
    this.#decoder.destroy();
  }
}
