import type { Dispatcher } from "undici";
import type { OutboundTimeouts } from "./outbound.ts";
import { OutboundError } from "./outbound-failure.ts";

/** The body of an answer, read by one reader. Every method that returns a promise rejects with `OutboundError`. */
export type OutboundBody = {
  /** The next piece, `null` after the last. */
  next(): Promise<Buffer | null>;
  /** The rest of the body. More than `limitBytes`: `too_large`, and the connection is closed. */
  bytes(limitBytes: number): Promise<Buffer>;
  /** Nobody wants the rest: reads on for a moment so that the connection can be reused, else closes it. */
  finish(): void;
  /** Closes the connection at once, unless the answer is complete. */
  cancel(): void;
};

export type ResponseHead = { status: number; headers: Record<string, string | string[] | undefined> };

const bufferedBytesMax = 65_536;
const discardBytesMax = 65_536;
const discardMs = 1_000;

type Phase = "connecting" | "sent" | "flowing" | "closed";
type Waiter = { resolve: (piece: Buffer | null) => void; reject: (error: OutboundError) => void };

/** One request and its answer: undici pushes in, a reader pulls out, one timer watches whichever limit is next. */
export class Exchange implements Dispatcher.DispatchHandler, OutboundBody {
  readonly answered: Promise<ResponseHead>;
  #answer: PromiseWithResolvers<ResponseHead>;
  #timeouts: OutboundTimeouts;
  #signal: AbortSignal | undefined;
  #onSent: (() => void) | undefined;
  #onAbort = (): void => this.#fail(new OutboundError("aborted", "the call was cancelled"));
  #controller: Dispatcher.DispatchController | null = null;
  #phase: Phase = "connecting";
  #hasHead = false;
  #failure: OutboundError | null = null;
  #pieces: Buffer[] = [];
  #bufferedBytes = 0;
  #paused = false;
  #collectLimitBytes = -1;
  #discardedBytes = -1;
  #waiter: Waiter | null = null;
  #startedAt: number;
  #phaseSince: number;
  #timer: NodeJS.Timeout | null = null;
  #timerAt = 0;

  constructor(timeouts: OutboundTimeouts, signal: AbortSignal | undefined, onSent: (() => void) | undefined) {
    this.#answer = Promise.withResolvers();
    this.answered = this.#answer.promise;
    this.#timeouts = timeouts;
    this.#signal = signal;
    this.#onSent = onSent;
    this.#startedAt = performance.now();
    this.#phaseSince = this.#startedAt;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#watch();
  }

  next(): Promise<Buffer | null> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#bufferedBytes -= piece.length;
      this.#resume();
      return Promise.resolve(piece);
    }
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (this.#phase === "closed") return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  async bytes(limitBytes: number): Promise<Buffer> {
    this.#collectLimitBytes = limitBytes;
    this.#refuseAbove(limitBytes);
    if (this.#failure === null && this.#phase !== "closed") {
      this.#resume();
      await new Promise<unknown>((resolve, reject) => {
        this.#waiter = { resolve, reject };
      });
    }
    if (this.#failure !== null) throw this.#failure;
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
  }

  finish(): void {
    if (this.#phase === "closed") return;
    this.#discardedBytes = 0;
    this.#pieces = [];
    this.#bufferedBytes = 0;
    this.#timeouts = { connectMs: 0, firstByteMs: discardMs, idleMs: discardMs, totalMs: 0 };
    this.#timeouts.totalMs = performance.now() - this.#startedAt + discardMs;
    this.#resume();
    this.#watch();
  }

  cancel(): void {
    this.#fail(new OutboundError("aborted", "the call was cancelled"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure !== null) {
      controller.abort(this.#failure);
      return;
    }
    this.#enter("sent");
    this.#onSent?.();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#hasHead = true;
    this.#answer.resolve({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (this.#failure !== null) return;
    this.#enter("flowing");
    if (this.#discardedBytes >= 0) {
      this.#discardedBytes += piece.length;
      if (this.#discardedBytes > discardBytesMax) this.cancel();
      return;
    }
    if (this.#collectLimitBytes < 0 && this.#waiter !== null) {
      const { resolve } = this.#waiter;
      this.#waiter = null;
      resolve(piece);
      return;
    }
    this.#pieces.push(piece);
    this.#bufferedBytes += piece.length;
    if (this.#collectLimitBytes >= 0) {
      this.#refuseAbove(this.#collectLimitBytes);
    } else if (this.#bufferedBytes > bufferedBytesMax) {
      this.#paused = true;
      controller.pause();
    }
  }

  onResponseEnd(): void {
    if (this.#failure !== null) return;
    this.#close();
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.resolve(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#fail(this.#failureFor(cause));
  }

  #failureFor(cause: Error): OutboundError {
    if (cause instanceof OutboundError) return cause;
    const code = "code" in cause ? String(cause.code) : "";
    if (this.#phase === "connecting") {
      return new OutboundError("connect", "no connection to the upstream", { cause });
    }
    if (this.#hasHead) return new OutboundError("truncated", "the upstream's answer broke off", { cause });
    if (cause.name === "HTTPParserError" || code === "UND_ERR_HEADERS_OVERFLOW") {
      return new OutboundError("malformed", "the upstream's answer is not HTTP that can be read", { cause });
    }
    return new OutboundError("connect", "the upstream closed the connection without an answer", { cause });
  }

  #fail(failure: OutboundError): void {
    if (this.#failure !== null || this.#phase === "closed") return;
    this.#failure = failure;
    this.#close();
    this.#controller?.abort(failure);
    if (!this.#hasHead) this.#answer.reject(failure);
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(failure);
  }

  #close(): void {
    this.#phase = "closed";
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  #refuseAbove(limitBytes: number): void {
    if (this.#bufferedBytes <= limitBytes) return;
    this.#pieces = [];
    this.#fail(new OutboundError("too_large", `the upstream's answer is larger than ${limitBytes} bytes`));
    // A body that was complete before anybody asked for it has no connection left to fail.
    this.#failure ??= new OutboundError(
      "too_large",
      `the upstream's answer is larger than ${limitBytes} bytes`,
    );
  }

  #resume(): void {
    if (!this.#paused || (this.#collectLimitBytes < 0 && this.#bufferedBytes > bufferedBytesMax / 2)) return;
    this.#paused = false;
    this.#phaseSince = performance.now();
    if (this.#failure === null) this.#controller?.resume();
  }

  #enter(phase: Phase): void {
    this.#phaseSince = performance.now();
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.#watch();
  }

  /** Sees to it that the timer fires no later than the next limit. A timer that fires early is simply set again. */
  #watch(): void {
    if (this.#phase === "closed") return;
    const { at } = this.#nextLimit();
    if (this.#timer !== null) {
      if (this.#timerAt <= at) return;
      clearTimeout(this.#timer);
    }
    this.#timerAt = at;
    this.#timer = setTimeout(() => this.#onTimer(), Math.max(1, Math.ceil(at - performance.now())));
  }

  #onTimer(): void {
    this.#timer = null;
    const { at, kind } = this.#nextLimit();
    if (performance.now() < at) this.#watch();
    else this.#fail(new OutboundError(kind, timeoutSentence[kind]));
  }

  #nextLimit(): { at: number; kind: TimeoutKind } {
    const totalAt = this.#startedAt + this.#timeouts.totalMs;
    let at: number;
    let kind: TimeoutKind;
    if (this.#phase === "connecting") {
      at = this.#phaseSince + this.#timeouts.connectMs;
      kind = "connect";
    } else if (this.#phase === "sent") {
      at = this.#phaseSince + this.#timeouts.firstByteMs;
      kind = "first_byte_timeout";
    } else {
      // A reader that stalls is not the upstream's silence.
      at = (this.#paused ? performance.now() : this.#phaseSince) + this.#timeouts.idleMs;
      kind = "idle_timeout";
    }
    return at <= totalAt ? { at, kind } : { at: totalAt, kind: "total_timeout" };
  }
}

type TimeoutKind = "connect" | "first_byte_timeout" | "idle_timeout" | "total_timeout";

const timeoutSentence: Record<TimeoutKind, string> = {
  connect: "no connection to the upstream in time",
  first_byte_timeout: "the upstream did not begin to answer in time",
  idle_timeout: "the upstream fell silent within its answer",
  total_timeout: "the upstream did not end its answer in time",
};
