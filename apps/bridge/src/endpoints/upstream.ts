import { lookup as dnsLookup, type LookupAddress, type LookupAllOptions } from "node:dns";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isLoopbackAddress, isRefusedAddress, plainHost } from "../config/address.ts";
import type { EndpointSettings } from "../config/settings.ts";
import { type JsonObject, parseJson } from "../json.ts";

/** Why a call of a model server failed before its answer could be read. */
export class UpstreamFailure extends Error {
  readonly kind: "unreachable" | "timeout" | "aborted" | "broken" | "too_large" | "refused_address";
  constructor(kind: UpstreamFailure["kind"], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "UpstreamFailure";
    this.kind = kind;
  }
}

export type UpstreamCall = {
  method: "GET" | "POST";
  /** Below the base URL, or below the server's root for its own API. */
  path: string;
  atRoot?: boolean;
  body?: JsonObject;
  firstByteMs: number;
  signal?: AbortSignal;
};

export type UpstreamAnswer = {
  status: number;
  headers: IncomingMessage["headers"];
  body: IncomingMessage;
};

const connectMs = 10_000;

/**
 * One call of one endpoint. The address is judged when it is connected to, whatever the name meant before; a redirect
 * is an answer like any other.
 * @throws UpstreamFailure
 */
export function callUpstream(endpoint: EndpointSettings, call: UpstreamCall): Promise<UpstreamAnswer> {
  const base = call.atRoot === true ? rootOf(endpoint.baseUrl) : endpoint.baseUrl;
  const url = new URL(`${base}${call.path}`);
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
  const literal = plainHost(url.hostname);
  if (isIP(literal) !== 0 && !mayConnect(endpoint, literal)) return Promise.reject(refusedAddress());
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: call.method,
      // No agent of the process: none of its settings, such as a proxy, means this call. One connection per call.
      agent: false,
      lookup: judgedLookup(endpoint),
      headers: {
        accept: "application/json, text/event-stream",
        "accept-encoding": "identity",
        "user-agent": "modelfaucet-bridge",
        ...(endpoint.apiKey === null ? {} : { authorization: `Bearer ${endpoint.apiKey}` }),
        ...(body === undefined ? {} : { "content-type": "application/json", "content-length": body.length }),
      },
    });
    const fail = (failure: UpstreamFailure): void => {
      reject(failure);
      request.destroy();
    };
    const connecting = setTimeout(
      () => fail(new UpstreamFailure("unreachable", "no connection in time")),
      connectMs,
    );
    const waiting = setTimeout(
      () => fail(new UpstreamFailure("timeout", "no first byte in time")),
      call.firstByteMs,
    );
    const onAbort = (): void => fail(new UpstreamFailure("aborted", "the call was given up"));
    const settle = (): void => {
      clearTimeout(connecting);
      clearTimeout(waiting);
    };
    request.once("socket", (socket) => {
      const connected = (): void => clearTimeout(connecting);
      if (socket.connecting) socket.once(url.protocol === "https:" ? "secureConnect" : "connect", connected);
      else connected();
    });
    request.once("response", (response) => {
      settle();
      response.once("close", () => call.signal?.removeEventListener("abort", onAbort));
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: response });
    });
    request.on("error", (error) => {
      settle();
      call.signal?.removeEventListener("abort", onAbort);
      reject(
        error instanceof UpstreamFailure
          ? error
          : new UpstreamFailure("unreachable", "the server cannot be reached", error),
      );
    });
    if (call.signal?.aborted === true) return onAbort();
    call.signal?.addEventListener("abort", onAbort, { once: true });
    request.end(body);
  });
}

/** Pieces of a body at the reader's pace. The clock of a pause runs only while a piece is waited for. */
export async function* readPieces(
  body: IncomingMessage,
  limits: { firstMs: number; idleMs: number; signal?: AbortSignal },
): AsyncGenerator<Buffer, void> {
  const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let waitMs = limits.firstMs;
  try {
    for (;;) {
      const next = await withinTime(pieces.next(), waitMs, body);
      if (next.done === true) break;
      waitMs = limits.idleMs;
      yield next.value;
    }
  } catch (error) {
    if (error instanceof UpstreamFailure) throw error;
    if (limits.signal?.aborted === true) throw new UpstreamFailure("aborted", "the call was given up", error);
    throw new UpstreamFailure("broken", "the answer broke off", error);
  } finally {
    body.destroy();
  }
}

/** A whole body in bounded memory and time. */
export async function readWhole(
  body: IncomingMessage,
  limits: { maxBytes: number; firstMs: number; idleMs: number; signal?: AbortSignal },
): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of readPieces(body, limits)) {
    bytes += piece.length;
    if (bytes > limits.maxBytes) throw new UpstreamFailure("too_large", "the answer is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

const smallAnswerBytes = 8_388_608;

/** A small question to the server's own API; `undefined` for an answer that is no JSON. */
export async function askUpstream(
  endpoint: EndpointSettings,
  call: Omit<UpstreamCall, "firstByteMs"> & { timeoutMs: number },
): Promise<{ status: number; json: unknown }> {
  const { timeoutMs, ...rest } = call;
  const answer = await callUpstream(endpoint, { ...rest, firstByteMs: timeoutMs });
  const text = await readWhole(answer.body, {
    maxBytes: smallAnswerBytes,
    firstMs: timeoutMs,
    idleMs: timeoutMs,
  });
  return { status: answer.status, json: parseJson(text) };
}

/** Where a server has its own API: beside `/v1`. */
function rootOf(baseUrl: string): string {
  return baseUrl.replace(/\/v1$/, "");
}

function mayConnect(endpoint: EndpointSettings, address: string): boolean {
  return endpoint.isRemote ? !isRefusedAddress(address) : isLoopbackAddress(address);
}

type Resolve = (
  name: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Resolves a name and refuses it as a whole when one of its addresses is none that this endpoint may have. */
export function judgedLookup(endpoint: EndpointSettings, resolveName: Resolve = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const first = addresses[0];
      if (first === undefined || !addresses.every(({ address }) => mayConnect(endpoint, address)))
        return callback(refusedAddress(), "", 0);
      if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

function refusedAddress(): UpstreamFailure {
  return new UpstreamFailure("refused_address", "the endpoint's name means an address that it may not have");
}

async function withinTime<T>(work: Promise<T>, ms: number, body: IncomingMessage): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new UpstreamFailure("timeout", "the server paused for too long"));
      body.destroy();
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
