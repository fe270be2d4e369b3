import { type AddressClass, canonicalAddress, classOfAddress } from "../../lib/egress/addresses.ts";
import { isMetadataName } from "../../lib/egress/names.ts";

/** Why an upstream's address is refused, as a class; never the address that a name resolves to. */
export type BaseUrlRefusal = "malformed" | "not_https" | "loopback" | "special_address";

/**
 * Judges the address of an operator's own upstream. It may lie in the operator's network, since only operators write
 * it; plain http and loopback are for machines on which nothing is at stake, and metadata services for nobody.
 */
export function refusalOfBaseUrl(text: string, production: boolean): BaseUrlRefusal | null {
  const url = URL.parse(text);
  const plain =
    url !== null &&
    url.username === "" &&
    url.password === "" &&
    !/[?#\s\\]/.test(text) &&
    url.hostname !== "";
  if (!plain || (url.protocol !== "https:" && url.protocol !== "http:")) return "malformed";
  const kind = classOfHost(url.hostname);
  if (kind === "special") return "special_address";
  if (kind === "loopback" && production) return "loopback";
  if (url.protocol === "http:" && kind !== "loopback") return "not_https";
  return null;
}

/** `hostname` of a parsed URL: every spelling of an IPv4 address is four decimal numbers already. */
function classOfHost(hostname: string): AddressClass {
  const address = canonicalAddress(hostname.replace(/^\[|\]$/g, ""));
  // IPv6 around an IPv4 address is as good as that one, to whom the network belongs.
  if (address !== null) return classOfAddress(address);
  const name = hostname.replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  return isMetadataName(name) ? "special" : "public";
}
