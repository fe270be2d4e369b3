import type { ServerResponse } from "node:http";
import { failpoint } from "../lib/failpoint.ts";
import type { JsonObject } from "../providers/provider.ts";

/** Writes one stream of server-sent events: data lines, keepalive comments between them, and nothing else. */
export type EventWriter = {
  readonly hasBegun: boolean;
  /** Sends status and headers, and keeps the line alive from now on; with a comment at once when nothing else follows. */
  begin(headers: Readonly<Record<string, string>>, nothingFollows?: boolean): void;
  /** `true` at once, or when the reader has room again; `false` once it has gone, or has not read for too long. */
  data(event: JsonObject): true | Promise<boolean>;
  /** The same for an event that is JSON text already. */
  text(event: string): true | Promise<boolean>;
  done(): void;
  /** One error event and the end, without `[DONE]`. */
  fail(envelope: object): void;
};

/** A reader that has taken nothing for so many keepalives is gone. */
const stalledKeepalives = 6;
const keepalive = ": keepalive\n\n";

export function createEventWriter(response: ServerResponse, keepaliveMs: number): EventWriter {
  let timer: NodeJS.Timeout | undefined;
  let lastWriteAt = 0;
  const write = (text: string): boolean => {
    lastWriteAt = performance.now();
    return response.write(text);
  };
  const stop = (): void => clearInterval(timer);
  const keepAlive = (): void => {
    // A reader that does not read gets no comments on top of what waits for it.
    if (response.writableNeedDrain || performance.now() - lastWriteAt < keepaliveMs / 2) return;
    write(keepalive);
  };
  response.once("close", stop);
  const text = (event: string): true | Promise<boolean> => {
    if (response.destroyed || response.writableEnded) return Promise.resolve(false);
    return write(`data: ${event}\n\n`) ? true : drained(response, stalledKeepalives * keepaliveMs);
  };
  return {
    get hasBegun() {
      return response.headersSent;
    },
    begin: (headers, nothingFollows = false) => {
      response.writeHead(200, {
        ...headers,
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "private, no-store, no-cache, no-transform",
        "x-accel-buffering": "no",
      });
      response.flushHeaders();
      lastWriteAt = performance.now();
      if (nothingFollows) write(keepalive);
      // Asked often enough that no pause comes near the limit, however late a timer fires.
      timer = setInterval(keepAlive, keepaliveMs / 4);
      timer.unref();
    },
    text,
    data: (event) => text(JSON.stringify(event)),
    done: () => {
      stop();
      if (!response.destroyed) response.end("data: [DONE]\n\n");
    },
    fail: (envelope) => {
      stop();
      if (!response.destroyed) response.end(`data: ${JSON.stringify(envelope)}\n\n`);
    },
  };
}

async function drained(response: ServerResponse, stalledMs: number): Promise<boolean> {
  await failpoint("reader_stalled");
  if (response.destroyed) return false;
  if (!response.writableNeedDrain) return true;
  return new Promise((resolve) => {
    const finish = (isOpen: boolean): void => {
      clearTimeout(timer);
      response.off("drain", onDrain);
      response.off("close", onClose);
      if (!isOpen) response.destroy();
      resolve(isOpen);
    };
    const onDrain = (): void => finish(true);
    const onClose = (): void => finish(false);
    const timer = setTimeout(() => finish(false), stalledMs);
    response.once("drain", onDrain);
    response.once("close", onClose);
  });
}
