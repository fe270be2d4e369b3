import {
  isIP,
  type LookupFunction,
  connect as plainConnect,
  type Socket,
  type TcpNetConnectOpts,
} from "node:net";
import { connect as tlsConnect } from "node:tls";
import type { buildConnector } from "undici";
import type { OutboundBody } from "../outbound-exchange.ts";
import { OutboundError } from "../outbound-failure.ts";
import { canonicalAddress, classOfAddress } from "./addresses.ts";
import { boundedBody } from "./bounded-body.ts";
import type { HostMap } from "./host-map.ts";
import { type EgressReason, type EgressRefusal, sentenceOfRefusal } from "./refusal.ts";
import { type Judged, type Resolve, resolvePublic } from "./resolver.ts";
import { egressRefusalOf, hostKey } from "./spelled-url.ts";

export type TenantDoorOptions = {
  production: boolean;
  /** Of the testkit's wiring; in production nobody looks at it. */
  hostMap?: HostMap | null | undefined;
  resolve: Resolve;
  /** How a TCP connection is begun; a test may look at it. */
  dial?: ((options: TcpNetConnectOpts) => Socket) | undefined;
  /** Decoded bytes of one answer. Default: 64 MiB. */
  maxBodyBytes?: number | undefined;
};

/** The way out to addresses that somebody supplied. */
export type TenantDoor = {
  /** The text alone. */
  refusalOf(url: string): EgressRefusal | null;
  /** The text, and what its name resolves to now; connects to nothing. */
  judge(url: string): Promise<EgressRefusal | null>;
  /** Opens the connections of a pool: to an address that was judged a moment ago, and to no other. */
  connector(timeoutMs: number): buildConnector.connector;
  /** An answer of which no more than is bearable comes out. */
  bound(body: OutboundBody): OutboundBody;
};

/** @see {@link TenantDoor}. Nothing of it can be switched off. */
export function createTenantDoor(options: TenantDoorOptions): TenantDoor {
  const hostMap = options.production ? null : (options.hostMap ?? null);
  const rules = { production: options.production, hostMap };
  return {
    refusalOf: (url) => egressRefusalOf(url, rules),
    async judge(url) {
      const refusal = egressRefusalOf(url, rules);
      if (refusal !== null) return refusal;
      const host = hostKey(new URL(url).hostname);
      if (isIP(host.replace(/^\[|\]$/g, "")) !== 0) return null;
      try {
        const judged = await resolvePublic(host, options.resolve, hostMap);
        return judged.length === 0 ? { reason: "no_public_address" } : null;
      } catch {
        return { reason: "unresolved" };
      }
    },
    connector: (timeoutMs) => (target, callback) =>
      open(
        target,
        { timeoutMs, resolve: options.resolve, hostMap, dial: options.dial ?? plainConnect },
        callback,
      ),
    bound: (body) => boundedBody(body, options.maxBodyBytes ?? mostBodyBytes),
  };
}

/** Of one address, where there are others to try. */
const attemptMs = 1_000;
const mostBodyBytes = 64 * 1_024 * 1_024;

export function notAllowed(reason: EgressReason): OutboundError {
  return new OutboundError("not_allowed", `the address ${sentenceOfRefusal({ reason })}`, { reason });
}

type Dialing = {
  timeoutMs: number;
  resolve: Resolve;
  hostMap: HostMap | null;
  dial: (options: TcpNetConnectOpts) => Socket;
};

function open(
  { hostname, protocol, port }: buildConnector.Options,
  { timeoutMs, resolve, hostMap, dial }: Dialing,
  callback: buildConnector.Callback,
): void {
  const host = hostKey(hostname);
  const mapped = hostMap?.get(host);
  const standIn = mapped?.standsIn ? mapped : undefined;
  const refusal = refusalBefore(host, protocol, standIn !== undefined);
  if (refusal !== null) {
    queueMicrotask(() => callback(notAllowed(refusal), null));
    return;
  }
  let judged: Judged = isIP(host) === 0 ? [] : [{ address: host, family: isIP(host) === 6 ? 6 : 4 }];
  const lookup: LookupFunction = (name, _, done) => {
    resolvePublic(hostKey(name), resolve, hostMap).then(
      (found) => {
        judged = found;
        if (found.length === 0) done(notAllowed("no_public_address"), []);
        else done(null, [...found]);
      },
      (cause) => done(cause, []),
    );
  };
  const socket = dial({
    host,
    port: standIn?.port ?? Number(port || (protocol === "https:" ? 443 : 80)),
    lookup,
    // All that the name resolves to is asked for, and tried one after the other.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: attemptMs,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const settle = once(callback, socket, timeoutMs);
  socket.once("error", (error) => settle(error, null));
  socket.once("connect", () => {
    // The last word has the socket itself: it is connected to what was judged, or nothing is written to it.
    if (!isAmong(socket.remoteAddress, judged)) socket.destroy(notAllowed("special_address"));
    else if (protocol !== "https:" || typeof standIn?.port === "number") settle(null, socket);
    else encrypt(socket, host, settle);
  });
}

/** An address never comes to a lookup. */
function refusalBefore(host: string, protocol: string, standsIn: boolean): EgressReason | null {
  if (standsIn) return null;
  if (protocol !== "https:") return "not_https";
  return isIP(host) !== 0 && classOfAddress(host) !== "public" ? "special_address" : null;
}

function isAmong(remote: string | undefined, judged: Judged): boolean {
  const connected = canonicalAddress(remote ?? "");
  return connected !== null && judged.some(({ address }) => canonicalAddress(address) === connected);
}

type Settle = (error: Error | null, socket: Socket | null) => void;

/** The first word counts; one that comes too late ends the attempt. */
function once(callback: buildConnector.Callback, socket: Socket, timeoutMs: number): Settle {
  let settled = false;
  const settle: Settle = (error, opened) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    if (opened !== null) return callback(null, opened);
    socket.destroy();
    callback(error ?? new Error("closed"), null);
  };
  const timer = setTimeout(() => socket.destroy(new Error("not connected in time")), timeoutMs);
  socket.once("close", () => settle(null, null));
  return settle;
}

function encrypt(socket: Socket, host: string, settle: Settle): void {
  const encrypted = tlsConnect({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ["http/1.1"],
  });
  encrypted.once("error", (error) => settle(error, null));
  encrypted.once("secureConnect", () => settle(null, encrypted));
}
