import type { IncomingMessage } from "node:http";
import { isLoopbackAddress } from "../config/address.ts";
import { isPairableOrigin } from "../grants/origin.ts";

/** The first checks of every request: they read what was sent, as it was sent, and nothing else. */

/** 1: whether the other end is this computer. */
export function isLoopbackPeer(address: string | undefined): boolean {
  if (address === undefined) return false;
  return isLoopbackAddress(address.replace(/^::ffff:/i, ""));
}

/**
 * 2: whether the request was meant for this bridge. A page that had its own name point here says that name, so only
 * the three names of this port pass, once, with a target that names no host of its own.
 */
export function isMeantForUs(request: IncomingMessage, port: number): boolean {
  const hosts = rawValues(request, "host");
  const isOurs =
    hosts.length === 1 && [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`].includes(hosts[0]!);
  return isOurs && /^\/(?!\/)/.test(request.url ?? "");
}

export type Caller = { origin: string | null; isWellFormed: boolean };

/** 3: whose page asks. Without the header it is no page, or one whose request cannot be read by it. */
export function callerOf(request: IncomingMessage): Caller {
  const origins = rawValues(request, "origin");
  if (origins.length === 0) return { origin: null, isWellFormed: true };
  const origin = origins[0]!;
  return { origin, isWellFormed: origins.length === 1 && isPairableOrigin(origin) };
}

/** A browser sent it, whatever else it left out. */
export function isFromBrowser(request: IncomingMessage): boolean {
  return Object.keys(request.headers).some((name) => name.startsWith("sec-fetch-"));
}

/** The one bearer token; two headers, or another scheme, are none. */
export function bearerOf(request: IncomingMessage): string | null {
  const values = rawValues(request, "authorization");
  return values.length === 1 ? (/^Bearer ([\x21-\x7e]{1,256})$/i.exec(values[0]!)?.[1] ?? null) : null;
}

/** Every value of a header as it came: the parsed headers fold some and drop others. */
function rawValues(request: IncomingMessage, name: string): string[] {
  const { rawHeaders } = request;
  return rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name);
}
