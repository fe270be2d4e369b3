import type { LookupFunction } from "node:net";
import { Pool } from "undici";
import type { EgressRefusal } from "./egress/refusal.ts";
import { createTenantDoor, notAllowed, type TenantDoorOptions } from "./egress/tenant-door.ts";
import { decodeBody } from "./outbound-decoder.ts";
import { Exchange, type OutboundBody } from "./outbound-exchange.ts";
import { OutboundError } from "./outbound-failure.ts";

export type { OutboundBody } from "./outbound-exchange.ts";
export { OutboundError, type OutboundFailureKind } from "./outbound-failure.ts";

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

/**
 * `operator`: exact origins of the operator's configuration. `tenant`: whatever somebody supplied, judged by its text, by
 * every address of its name and by the address that the socket is connected to.
 */
export type OutboundDoor = "operator" | "tenant";

/** What makes us connect: a label of the refusals that are counted. */
export type OutboundEntrance = "upstream" | "alerts" | "traces" | "byok" | "key" | "jwks";

export type OutboundRequest = {
  url: string;
  /** Default: `operator`. */
  door?: OutboundDoor;
  /** Default: what the wiring says of this way out. */
  entrance?: OutboundEntrance;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
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
  /** The tenants' door; without it there is none, and every such request is refused. */
  tenant?: TenantDoorOptions | undefined;
};

export type Outbound = {
  /**
   * Resolves with the headers of the answer, whatever its status; redirects are answers like any other.
   * @throws OutboundError
   */
  request(request: OutboundRequest): Promise<OutboundResponse>;
  /**
   * What the tenants' door says of an address before it is saved: its text, and what its name resolves to now. Connects to
   * nothing, takes a few seconds at most, and is no promise: each connection is judged again.
   */
  judge(url: string, entrance?: OutboundEntrance): Promise<EgressRefusal | null>;
  close(): Promise<void>;
};

const maxPools = 256;
const maxHeaderBytes = 16_384;
const maxKnownUrls = 1024;
const closed: EgressRefusal = { reason: "closed" };

/**
 * The only way out of the process. It follows no redirect, reads no proxy variable, keeps the connections of each
 * origin and credential apart, and bounds every wait.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  // Apart, so that no tenant can push the operator's connections out.
  const pools = { operator: new Map<string, Pool>(), tenant: new Map<string, Pool>() };
  const targets = new Map<string, Target>();
  const tenantDoor = options.tenant ? createTenantDoor(options.tenant) : null;
  const operatorConnect = options.lookup ? { lookup: options.lookup } : {};

  function poolFor(door: OutboundDoor, origin: string, credential: string | null): Pool {
    const open = pools[door];
    const key = `${origin}\n${credential ?? ""}`;
    let pool = open.get(key);
    if (pool === undefined) {
      if (open.size >= maxPools) retireOldest(open);
      pool = new Pool(origin, {
        connections: options.maxConnectionsPerOrigin,
        pipelining: 1,
        // One request per socket: closing it is how upstream is told to stop, at once and alone.
        allowH2: false,
        connectTimeout: options.connectTimeoutMs,
        connect: door === "tenant" ? tenantDoor!.connector(options.connectTimeoutMs) : operatorConnect,
        // The exchange keeps its own, exact clocks.
        headersTimeout: 0,
        bodyTimeout: 0,
        maxHeaderSize: maxHeaderBytes,
      });
    } else {
      open.delete(key);
    }
    open.set(key, pool);
    return pool;
  }

  return {
    async request(request) {
      options.assertNoTransactionOpen?.();
      const door = request.door ?? "operator";
      if (door === "tenant") {
        const refusal = tenantDoor === null ? closed : tenantDoor.refusalOf(request.url);
        if (refusal !== null) throw notAllowed(refusal.reason);
      }
      const target = targetOf(request.url, targets);
      if (door === "operator" && !options.isAllowedOrigin(target.origin)) {
        throw new OutboundError("not_allowed", "the origin is not among the configured upstreams");
      }
      if (request.signal?.aborted) throw new OutboundError("aborted", "the call was cancelled");
      const exchange = new Exchange(request.timeouts, request.signal, request.onSent);
      poolFor(door, target.origin, request.credential ?? null).dispatch(
        {
          path: target.path,
          method: request.method,
          headers: headerList(request.headers),
          body: request.body ?? null,
        },
        exchange,
      );
      const { status, headers } = await exchange.answered;
      const body = decodeBody(exchange, headers["content-encoding"]);
      return { status, headers, body: door === "tenant" ? tenantDoor!.bound(body) : body };
    },
    async judge(url) {
      options.assertNoTransactionOpen?.();
      return tenantDoor === null ? closed : tenantDoor.judge(url);
    },
    async close() {
      const open = [...pools.operator.values(), ...pools.tenant.values()];
      pools.operator.clear();
      pools.tenant.clear();
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
