import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from "node:dns";
import { type IncomingHttpHeaders, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from "node:tls";

/** What a handshake showed. Nothing of it is refused here: who asks says what is good enough. */
export type TlsFacts = {
  /** `null` where chain, dates and name are good; else the code of what is not. */
  readonly fault: string | null;
  /** As OpenSSL names it: `TLSv1.3`. */
  readonly protocol: string;
  readonly endsAt: Date | null;
  /** The names that the certificate is for. */
  readonly names: readonly string[];
};

export type ProbeAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** At most a megabyte; the rest is not read. */
  readonly text: string;
  readonly sentAtMs: number;
  readonly answeredAtMs: number;
};

/** Why there is no answer. `code` is Node's or OpenSSL's, or one of `PRIVATE`, `TIMEOUT`. */
export class ProbeError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "ProbeError";
    this.code = code;
  }
}

export type ProbeRequest = {
  url: string;
  method?: "GET" | "POST" | "OPTIONS";
  headers?: Readonly<Record<string, string>>;
  body?: string;
};

export type Prober = {
  /** Every address of a host, judged; an address is its own. @throws ProbeError `PRIVATE`, or the resolver's code */
  resolve(host: string): Promise<readonly string[]>;
  /** One exchange on a connection of its own; redirects are answers like any other. @throws ProbeError */
  ask(request: ProbeRequest): Promise<ProbeAnswer>;
  /** A handshake and nothing else; `old` offers TLS 1.0 and 1.1 alone. @throws ProbeError */
  greet(origin: string, old?: boolean): Promise<TlsFacts>;
};

export type ProberOptions = {
  /** True for an address, or a name, that must not be connected to. Asked of whatever a name resolves to, each time. */
  isClosed(host: string): boolean;
  lookup?: LookupFunction | undefined;
  /** Of each exchange. */
  withinMs: number;
  /** Ends everything. */
  signal: AbortSignal;
};

const mostBytes = 1_048_576;

/**
 * Looks at a deployment from outside, as a client would: it keeps no connection, follows nothing, and connects to no
 * address that is closed, whatever a name resolves to at the moment of connecting.
 */
export function createProber(options: ProberOptions): Prober {
  const lookup = guarded(options);
  return {
    resolve: (host) => resolveOpen(host, lookup, options),
    ask: (request) => ask(request, lookup, options),
    greet: (origin, old = false) => greet(new URL(origin), old, lookup, options),
  };
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, "");

async function resolveOpen(host: string, lookup: LookupFunction, options: ProberOptions): Promise<string[]> {
  refuseClosed(host, options);
  if (isIP(bare(host)) !== 0) return [bare(host)];
  const found = new Promise<LookupAddress[]>((resolve, reject) => {
    lookup(host, { all: true }, (error, addresses) =>
      error ? reject(probeError(error)) : resolve(addresses as LookupAddress[]),
    );
  });
  return (await within(found, options)).map(({ address }) => address);
}

/** The resolver itself knows no limit. */
async function within<T>(work: Promise<T>, { withinMs, signal }: ProberOptions): Promise<T> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  return Promise.race([
    work,
    new Promise<never>((_, reject) =>
      limit.addEventListener("abort", () => reject(tooLate(withinMs)), { once: true }),
    ),
  ]);
}

function refuseClosed(host: string, { isClosed }: ProberOptions): void {
  if (isClosed(bare(host))) throw new ProbeError("PRIVATE", `${bare(host)} is not on the internet`);
}

/** One closed address among many closes the name: which one is connected to is chance. */
function guarded({ isClosed, lookup = systemLookup as LookupFunction }: ProberOptions): LookupFunction {
  return (host, { all, ...rest }, callback) => {
    lookup(host, { ...rest, all: true } as LookupAllOptions, (error, found) => {
      if (error) return callback(error, "", 0);
      const addresses = found as unknown as LookupAddress[];
      const closed = addresses.find(({ address }) => isClosed(address));
      if (closed)
        return callback(new ProbeError("PRIVATE", `${host} resolves to ${closed.address}`) as never, "", 0);
      if (all) return callback(null, addresses as never, 0);
      callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };
}

function ask(asked: ProbeRequest, lookup: LookupFunction, options: ProberOptions): Promise<ProbeAnswer> {
  const url = new URL(asked.url);
  const limit = AbortSignal.any([options.signal, AbortSignal.timeout(options.withinMs)]);
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(limit.aborted ? tooLate(options.withinMs) : probeError(error));
    refuseClosed(url.hostname, options);
    const sentAtMs = Date.now();
    const send = url.protocol === "https:" ? tlsRequest : plainRequest;
    const sent = send(
      url,
      { method: asked.method ?? "GET", headers: asked.headers ?? {}, agent: false, lookup, signal: limit },
      (response) => {
        const answeredAtMs = Date.now();
        const pieces: Buffer[] = [];
        let size = 0;
        const done = (): void =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            text: Buffer.concat(pieces).toString("utf8"),
            sentAtMs,
            answeredAtMs,
          });
        response.on("data", (piece: Buffer) => {
          pieces.push(piece);
          size += piece.length;
          if (size < mostBytes) return;
          done();
          sent.destroy();
        });
        response.once("error", fail);
        response.once("end", done);
      },
    );
    sent.once("error", fail);
    sent.end(asked.body);
  });
}

function greet(url: URL, old: boolean, lookup: LookupFunction, options: ProberOptions): Promise<TlsFacts> {
  const host = bare(url.hostname);
  const limit = AbortSignal.any([options.signal, AbortSignal.timeout(options.withinMs)]);
  return new Promise((resolve, reject) => {
    refuseClosed(host, options);
    const socket = connect({
      host,
      port: Number(url.port || 443),
      lookup,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // What is wrong is to be told, not thrown; nothing is sent on this connection.
      rejectUnauthorized: false,
      ...(old ? oldVersions : {}),
    });
    const end = (finish: () => void): void => {
      socket.destroy();
      finish();
    };
    limit.addEventListener("abort", () => end(() => reject(tooLate(options.withinMs))), { once: true });
    socket.once("error", (error) => end(() => reject(probeError(error))));
    // A server that ends the handshake without a word.
    socket.once("close", () => reject(new ProbeError("ECONNRESET", "the connection was closed")));
    socket.once("secureConnect", () => {
      const facts = factsOf(socket);
      end(() => resolve(facts));
    });
  });
}

// Without the lower security level this side would refuse them by itself.
const oldVersions: ConnectionOptions = {
  minVersion: "TLSv1",
  maxVersion: "TLSv1.1",
  ciphers: "DEFAULT@SECLEVEL=0",
};

function factsOf(socket: TLSSocket): TlsFacts {
  const certificate = socket.getPeerCertificate();
  const endsAt = new Date(certificate.valid_to);
  return {
    // By its types an Error, in truth its code or message. Source: node:tls, Node 26, November 2026.
    fault: socket.authorized ? null : String(socket.authorizationError ?? "unknown"),
    protocol: socket.getProtocol() ?? "unknown",
    endsAt: Number.isNaN(endsAt.getTime()) ? null : endsAt,
    names: namesOf(certificate),
  };
}

function namesOf({ subjectaltname }: PeerCertificate): string[] {
  return (subjectaltname ?? "")
    .split(", ")
    .filter((entry) => /^(DNS|IP Address):/.test(entry))
    .map((entry) => entry.slice(entry.indexOf(":") + 1));
}

const tooLate = (ms: number): ProbeError => new ProbeError("TIMEOUT", `no answer within ${ms / 1000} s`);

function probeError(error: unknown): ProbeError {
  if (error instanceof ProbeError) return error;
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  if (inner instanceof ProbeError) return inner;
  const { code, message } = inner as { code?: string; message: string };
  return new ProbeError(code ?? "UNKNOWN", message);
}
