import type { RouteMode } from "@modelfaucet/contract/values.ts";
import type { ApiError } from "../../lib/errors.ts";
import type { Books } from "../../modules/books/books.ts";
import type { SwitchSubject } from "../../modules/switch/switch.ts";

/** Why a running request is ended from outside. A client that left pays for what it got; so does one that was switched off. */
export type StopReason = "client_left" | "lease_lost" | "shutdown" | SwitchedOff;

/** Something that the request belongs to, or runs on, was switched off or has ended. */
export type SwitchedOff = {
  /** `payer`: settled as if the client had left. `ours`: our failure, at no charge. */
  readonly side: "payer" | "ours";
  /** What the client is told. */
  readonly error: ApiError;
};

/** A request between its hold and its settlement, as this process tells of it. */
export type Running = {
  readonly requestId: string;
  readonly appId: string;
  readonly isStream: boolean;
  /** What a switch finds it by, with the provider and the key that it is tried on now. */
  readonly subject: SwitchSubject & {
    readonly appId: string;
    readonly sessionId: string;
    readonly endUserId: string;
  };
  readonly route: { readonly mode: RouteMode };
  readonly startedAt: number;
  progress(): { attempt: number; sent: boolean; output_tokens: number; cost_usd: string };
  stop(reason: StopReason): void;
};

export type InFlight = {
  add(running: Running): void;
  /** Notes soon that upstream has the request, so that a crash from here on reads as interrupted. */
  sent(requestId: string): void;
  remove(requestId: string): void;
  readonly size: number;
  /** Those of them that are streamed. */
  readonly streams: number;
  stopAll(reason: StopReason): void;
  /** All that runs, to be asked what it belongs to. */
  all(): Iterable<Running>;
  /** Told of each request as it begins: what was decided while it was being admitted is decided for it too. */
  onAdmitted(listener: (request: Running) => void): void;
  /** Resolves when nothing runs any more, or after `ms`. */
  idle(ms: number): Promise<boolean>;
  close(): void;
};

const noteSentAfterMs = 100;

/**
 * The requests that this process holds money for. It renews their leases every third of the time to live; what does not
 * come back from a renewal was closed by recovery, and is stopped.
 */
export function createInFlight(options: {
  books: Books;
  holdTtlSeconds: number;
  onError: (error: unknown) => void;
}): InFlight {
  const running = new Map<string, Running>();
  let unsaid = new Set<string>();
  let renewing = false;
  let admitted: (request: Running) => void = () => {};

  const renew = async (requests: readonly Running[]): Promise<void> => {
    if (requests.length === 0) return;
    const open = await options.books.renew(
      requests.map((request) => ({
        appId: request.appId,
        id: request.requestId,
        progress: request.progress(),
      })),
    );
    for (const request of requests) {
      if (!open.has(request.requestId) && running.has(request.requestId)) request.stop("lease_lost");
    }
  };
  const renewAll = async (): Promise<void> => {
    if (renewing) return;
    renewing = true;
    await renew([...running.values()]).catch(options.onError);
    renewing = false;
  };
  const noteSent = async (): Promise<void> => {
    const due = [...unsaid].flatMap((id) => running.get(id) ?? []);
    unsaid = new Set();
    await renew(due).catch(options.onError);
  };
  const leases = setInterval(renewAll, (options.holdTtlSeconds * 1000) / 3);
  const notes = setInterval(noteSent, noteSentAfterMs);
  leases.unref();
  notes.unref();
  return {
    add: (request) => {
      running.set(request.requestId, request);
      admitted(request);
    },
    sent: (requestId) => {
      unsaid.add(requestId);
    },
    remove: (requestId) => {
      running.delete(requestId);
      unsaid.delete(requestId);
    },
    get size() {
      return running.size;
    },
    get streams() {
      let count = 0;
      for (const request of running.values()) if (request.isStream) count++;
      return count;
    },
    stopAll: (reason) => {
      for (const request of running.values()) request.stop(reason);
    },
    all: () => running.values(),
    onAdmitted: (listener) => {
      admitted = listener;
    },
    idle: async (ms) => {
      const deadline = performance.now() + ms;
      while (running.size > 0 && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 20));
      return running.size === 0;
    },
    close: () => {
      clearInterval(leases);
      clearInterval(notes);
    },
  };
}
