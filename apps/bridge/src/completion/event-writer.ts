import type { ServerResponse } from "node:http";

/** Writes one stream of server-sent events: data lines, keepalive comments between them, and nothing else. */
export type EventWriter = {
  readonly hasBegun: boolean;
  /** Sends status and headers, once, and keeps the line alive from now on. */
  begin(headers: Readonly<Record<string, string>>): void;
  /** Resolves when the reader has room again: `false` once it has gone, or has not read for too long. */
  data(event: object): Promise<boolean>;
  done(): void;
  /** One error event and the end, without `[DONE]`. */
  fail(envelope: object): void;
};

export function createEventWriter(
  response: ServerResponse,
  options: { keepaliveMs: number; stalledMs: number; signal: AbortSignal },
): EventWriter {
  const { keepaliveMs, stalledMs, signal } = options;
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
    write(": keepalive\n\n");
  };
  response.once("close", stop);
  return {
    get hasBegun() {
      return response.headersSent;
    },
    begin(headers) {
      if (response.headersSent) return;
      response.writeHead(200, {
        ...headers,
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "private, no-store, no-cache, no-transform",
        "x-accel-buffering": "no",
      });
      response.flushHeaders();
      lastWriteAt = performance.now();
      timer = setInterval(keepAlive, keepaliveMs / 4);
      timer.unref();
    },
    async data(event) {
      if (response.destroyed || response.writableEnded) return false;
      return write(`data: ${JSON.stringify(event)}\n\n`) || drained(response, stalledMs, signal);
    },
    done() {
      stop();
      if (!response.destroyed) response.end("data: [DONE]\n\n");
    },
    fail(envelope) {
      stop();
      if (response.destroyed) return;
      // Who does not read would keep the error, and the connection, for ever.
      const isStalled = response.writableNeedDrain;
      response.end(`data: ${JSON.stringify(envelope)}\n\n`);
      if (isStalled) setTimeout(() => response.destroy(), 500).unref();
    },
  };
}

function drained(response: ServerResponse, stalledMs: number, signal: AbortSignal): Promise<boolean> {
  if (response.destroyed || signal.aborted) return Promise.resolve(false);
  if (!response.writableNeedDrain) return Promise.resolve(true);
  return new Promise((resolve) => {
    const finish = (isOpen: boolean): void => {
      clearTimeout(timer);
      response.off("drain", onDrain);
      response.off("close", onGone);
      signal.removeEventListener("abort", onGone);
      resolve(isOpen);
    };
    const onDrain = (): void => finish(true);
    const onGone = (): void => finish(false);
    const timer = setTimeout(() => {
      response.destroy();
      finish(false);
    }, stalledMs);
    response.once("drain", onDrain);
    response.once("close", onGone);
    signal.addEventListener("abort", onGone, { once: true });
  });
}
