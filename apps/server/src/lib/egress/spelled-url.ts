import { domainToASCII } from "node:url";
import { classOfAddress } from "./addresses.ts";
import type { HostMap } from "./host-map.ts";
import { isPrivateName } from "./names.ts";
import { isForeignPort } from "./ports.ts";
import type { EgressReason, EgressRefusal } from "./refusal.ts";

export type SpellingRules = {
  production: boolean;
  /** Stand-ins of the testkit's wiring; in production nobody looks at them. */
  hostMap?: HostMap | null | undefined;
};

const mostCharacters = 2_048;

/**
 * Judges an address that somebody supplied by its text alone, as it was written: `new URL` rewrites what a filter has to
 * see. `null`: nothing against it yet; what its name resolves to is judged when it is connected to.
 */
export function egressRefusalOf(text: string, rules: SpellingRules): EgressRefusal | null {
  const reason = reasonAgainst(text, rules);
  return reason === null ? null : { reason };
}

/** Letters that RFC 3986 knows, without a fragment; a percent sign only before two digits. Further letters in names. */
const plainText = /^(?:[\w\-.~:/?[\]@!$&'()*+,;=\p{L}\p{M}\p{N}]|%[\da-f]{2})+$/iu;
const parts = /^([a-z][a-z\d+.-]*):\/\/([^/?]*)([/?].*)?$/i;
const authorityParts = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/;

function reasonAgainst(text: string, rules: SpellingRules): EgressReason | null {
  if (text.length > mostCharacters || !plainText.test(text)) return "malformed";
  const [, scheme = "", authority = "", rest = ""] = parts.exec(text) ?? [];
  if (scheme === "") return /^[a-z][a-z\d+.-]*:/i.test(text) ? "scheme" : "malformed";
  if (!/^https?$/i.test(scheme)) return "scheme";
  if (authority.includes("@")) return "credentials";
  const [, written = "", port] = authorityParts.exec(authority) ?? [];
  const host = asciiOf(written);
  if (host === "" || host.includes("%") || !isAscii(rest)) return "malformed";
  if (!isSameUrl(text, scheme, host, port)) return isNumeric(host) ? "spelling" : "malformed";
  const standsIn = !rules.production && rules.hostMap?.get(hostKey(host))?.standsIn === true;
  if (standsIn) return null;
  const against = reasonAgainstHost(host);
  if (against !== null) return against;
  if (scheme.toLowerCase() === "http") return "not_https";
  return port !== undefined && isForeignPort(Number(port)) ? "port" : null;
}

/** The name under which a host map and a resolver know a host: lower case, no dot at its end. */
export function hostKey(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

const isAscii = (text: string): boolean => !/[^\x21-\x7e]/.test(text);

/**
 * A name in the letters that name servers know; empty where there is none. What only looks foreign, as wide digits do, and
 * is ASCII to a parser was not written by anybody who meant well.
 */
function asciiOf(host: string): string {
  if (isAscii(host)) return host;
  const labels = host.split(".").map((part) => (isAscii(part) ? part : domainToASCII(part)));
  const isForeign = host
    .split(".")
    .every((part, index) => isAscii(part) || labels[index]!.startsWith("xn--"));
  return isForeign ? labels.join(".") : "";
}

/** Two parsers, one meaning: whatever the platform's parser would make another host of is refused. */
function isSameUrl(text: string, scheme: string, host: string, port: string | undefined): boolean {
  const url = URL.parse(text);
  if (url === null || port === "" || (port !== undefined && !/^[1-9]\d{0,4}$/.test(port))) return false;
  const usual = scheme.toLowerCase() === "https" ? "443" : "80";
  return (
    url.protocol === `${scheme.toLowerCase()}:` &&
    url.hostname === host.toLowerCase() &&
    (url.port || usual) === (port ?? usual) &&
    url.username === "" &&
    url.password === ""
  );
}

/** An address, as parsers of addresses see it: its last part is a number. */
function isNumeric(host: string): boolean {
  return host.startsWith("[") || /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i.test(host);
}

const label = /^[a-z\d_](?:[a-z\d_-]{0,61}[a-z\d_])?$/;

function reasonAgainstHost(host: string): EgressReason | null {
  if (isNumeric(host)) {
    return classOfAddress(host.replace(/^\[|\]$/g, "")) === "public" ? null : "special_address";
  }
  const name = hostKey(host);
  if (name.length > 253 || !name.split(".").every((part) => label.test(part))) return "malformed";
  return isPrivateName(name) ? "private_name" : null;
}
