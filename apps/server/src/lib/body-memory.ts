import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { ApiError } from "./errors.ts";

/** One budget in bytes for all request bodies that are in flight in this process. */
export type BodyMemory = {
  /** Takes so many bytes if they are left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  inUseBytes(): number;
};

export function createBodyMemory(limitBytes: number): BodyMemory {
  let inUse = 0;
  return {
    take(bytes) {
      if (inUse + bytes > limitBytes) return false;
      inUse += bytes;
      return true;
    },
    give(bytes) {
      inUse -= bytes;
    },
    inUseBytes: () => inUse,
  };
}

/**
 * Reads a request body of at most `limitBytes`, decoded, and keeps its bytes booked until the answer is closed. The
 * budget is asked before the first byte is read where the length is known, and piece by piece where it is not.
 * @throws ApiError payload_too_large, service_unavailable, invalid_request, client_closed_request
 */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  bounds: { limitBytes: number; memory: BodyMemory },
): Promise<Buffer> {
  const announced = request.headers["content-length"];
  const announcedBytes = announced === undefined ? 0 : Number.parseInt(announced, 10);
  if (announcedBytes > bounds.limitBytes) throw tooLarge(bounds.limitBytes);
  if (announcedBytes === 0 && request.headers["transfer-encoding"] === undefined) return empty;
  const source = decoded(request);
  let booked = 0;
  const book = (bytes: number): boolean => {
    if (!bounds.memory.take(bytes)) return false;
    booked += bytes;
    return true;
  };
  response.once("close", () => bounds.memory.give(booked));
  if (response.closed) throw clientLeft();
  if (!book(announcedBytes)) throw memoryFull();
  return collect(request, source, (bytes) => {
    if (bytes > bounds.limitBytes) return tooLarge(bounds.limitBytes);
    return bytes <= booked || book(bytes - booked) ? null : memoryFull();
  });
}

/** The value of a JSON body. @throws ApiError invalid_request that says what is wrong, never repeating the body */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw malformed("The body is not valid UTF-8.");
  if (isTooDeep(bytes)) throw malformed(`The body is nested deeper than ${mostDepth} levels.`);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw malformed("The body is not valid JSON.");
  }
}

const empty = Buffer.alloc(0);
const mostDepth = 500;

function decoded(request: IncomingMessage): Readable {
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase();
  if (encoding === undefined || encoding === "" || encoding === "identity") return request;
  const decoder =
    encoding === "gzip" || encoding === "x-gzip"
      ? createGunzip()
      : encoding === "br"
        ? createBrotliDecompress()
        : encoding === "deflate"
          ? createInflate()
          : null;
  if (!decoder) {
    throw new ApiError("invalid_request", "Send the body as it is, or encoded as gzip, br or deflate.", {
      param: "content-encoding",
    });
  }
  request.on("error", (error) => decoder.destroy(error));
  request.on("aborted", () => decoder.destroy());
  return request.pipe(decoder);
}

/** Gathers the chunks; `judge` hears the size so far and may name the error that ends it. */
function collect(
  request: IncomingMessage,
  source: Readable,
  judge: (bytes: number) => ApiError | null,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (error: ApiError): void => {
      source.removeAllListeners("data");
      if (source !== request) {
        request.unpipe();
        source.destroy();
      }
      // What still arrives is thrown away, so that the client gets to read the answer.
      request.resume();
      reject(error);
    };
    source.on("data", (chunk: Buffer) => {
      size += chunk.length;
      const refusal = judge(size);
      if (refusal) stop(refusal);
      else chunks.push(chunk);
    });
    let ended = false;
    source.once("end", () => {
      ended = true;
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size));
    });
    source.once("error", () =>
      stop(source === request ? clientLeft() : malformed("The body does not decode.")),
    );
    source.once("close", () => {
      if (!ended) reject(clientLeft());
    });
  });
}

/** Nested arrays overflow the stack of whoever walks them later. Small bodies cannot be deep. */
function isTooDeep(bytes: Buffer): boolean {
  if (bytes.length < 2 * mostDepth) return false;
  let depth = 0;
  let inString = false;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index];
    if (byte === 0x5c) {
      // A backslash occurs in strings only, and takes the next character with it.
      index++;
    } else if (byte === 0x22) {
      inString = !inString;
    } else if (!inString && (byte === 0x5b || byte === 0x7b)) {
      if (++depth > mostDepth) return true;
    } else if (!inString && (byte === 0x5d || byte === 0x7d)) {
      depth--;
    }
  }
  return false;
}

function tooLarge(limitBytes: number): ApiError {
  return new ApiError("payload_too_large", `The body is larger than ${limitBytes} bytes.`, {
    details: { limit_bytes: limitBytes },
  });
}

function memoryFull(): ApiError {
  return new ApiError(
    "service_unavailable",
    "Too many large requests are in flight; try again in a second.",
    {
      retryAfterSeconds: 1,
    },
  );
}

function malformed(sentence: string): ApiError {
  return new ApiError("invalid_request", sentence);
}

function clientLeft(): ApiError {
  return new ApiError("client_closed_request", "The client left before its request was complete.");
}
