import type { LookupFunction } from "node:net";
import { Pool } from "undici";
import { decodeBody } from "./outbound-decoder.ts";
import { Exchange, type OutboundBody, OutboundError } from "./outbound-exchange.ts";

export { type OutboundBody, OutboundError, type OutboundFailureKind } from "./outbound-exchange.ts";

/** All in milliseconds. A limit is never switched off: what may take long gets a large figure. */
export type OutboundTimeouts = {
  /** From the call until a connection is there to write to; waiting for a free one counts. */
  connectMs: number;
  /** From the request written until the first byte of the answer's body (headers alone do not count). */
  firstByteMs: number;
  /** Between two pieces of the body. Time in which nobody reads the body does not count. */
  idleMs: number;
  totalMs: number;
};

export type OutboundRequest = {
  url: string;
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  /** Connections are never reused across credentials. */
  credential?: string | null;
  timeouts: OutboundTimeouts;
  signal?: AbortSignal | undefined;
  /** Called once, immediately before the first byte is written: after it the request may have been carried out. */
  onSent?: (() => void) | undefined;
};

export type OutboundResponse = {
  status: number;
  /** Names in lower case. `content-encoding` and `content-length` speak of the undecoded body. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: OutboundBody;
};

export type OutboundOptions = {
  connectTimeoutMs: number;
  maxConnectionsPerOrigin: number;
  /** The operators' door: exact origins (`https://api.openai.com`) from configuration, never from a tenant's row. */
  isAllowedOrigin: (origin: string) => boolean;
  /** Throws when a transaction is open: no network call ever waits inside one. */
  assertNoTransactionOpen?: () => void;
  /** How names are resolved; the system's way unless a test's wiring brings another. */
  lookup?: LookupFunction | undefined;
};

export type Outbound = {
  /**
   * Resolves with the headers of the answer, whatever its status; redirects are answers like any other.
   * @throws OutboundError
   */
  request(request: OutboundRequest): Promise<OutboundResponse>;
  close(): Promise<void>;
};

const maxPools = 256;
const maxHeaderBytes = 16_384;
const maxKnownUrls = 1024;

/**
 * The only way out of the process. It follows no redirect, reads no proxy variable, keeps the connections of each
 * origin and credential apart, and bounds every wait.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const pools = new Map<string, Pool>();
  const targets = new Map<string, Target>();

  function poolFor(origin: string, credential: string | null): Pool {
    const key = `${origin}\n${credential ?? ""}`;
    let pool = pools.get(key);
    if (pool === undefined) {
      if (pools.size >= maxPools) retireOldest(pools);
      pool = new Pool(origin, {
        connections: options.maxConnectionsPerOrigin,
        pipelining: 1,
        // One request per socket: closing it is how upstream is told to stop, at once and alone.
        allowH2: false,
        connectTimeout: options.connectTimeoutMs,
        ...(options.lookup ? { connect: { lookup: options.lookup } } : {}),
        // The exchange keeps its own, exact clocks.
        headersTimeout: 0,
        bodyTimeout: 0,
        maxHeaderSize: maxHeaderBytes,
      });
    } else {
      pools.delete(key);
    }
    pools.set(key, pool);
    return pool;
  }

  return {
    async request(request) {
      options.assertNoTransactionOpen?.();
      const target = targetOf(request.url, targets);
      if (!options.isAllowedOrigin(target.origin)) {
        throw new OutboundError("not_allowed", "the origin is not among the configured upstreams");
      }
      if (request.signal?.aborted) throw new OutboundError("aborted", "the call was cancelled");
      const exchange = new Exchange(request.timeouts, request.signal, request.onSent);
      poolFor(target.origin, request.credential ?? null).dispatch(
        {
          path: target.path,
          method: request.method,
          headers: headerList(request.headers),
          body: request.body ?? null,
        },
        exchange,
      );
      const { status, headers } = await exchange.answered;
      return { status, headers, body: decodeBody(exchange, headers["content-encoding"]) };
    },
    async close() {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map((pool) => pool.destroy()));
    },
  };
}

type Target = { origin: string; path: string };

function targetOf(url: string, known: Map<string, Target>): Target {
  const cached = known.get(url);
  if (cached !== undefined) return cached;
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new OutboundError("not_allowed", "the address of the upstream is not a URL", { cause });
  }
  const plain = parsed.username === "" && parsed.password === "" && parsed.hash === "";
  if (!plain || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
    throw new OutboundError("not_allowed", "the address of the upstream must be plain http or https");
  }
  const target = { origin: parsed.origin, path: parsed.pathname + parsed.search };
  if (known.size >= maxKnownUrls) known.clear();
  known.set(url, target);
  return target;
}

function headerList(headers: Readonly<Record<string, string>>): string[] {
  const list = ["accept-encoding", "identity"];
  for (const name in headers) list.push(name, headers[name]!);
  return list;
}

/** The pool that was unused longest finishes its requests and goes. */
function retireOldest(pools: Map<string, Pool>): void {
  const [key, pool] = pools.entries().next().value!;
  pools.delete(key);
  void pool.close();
}
