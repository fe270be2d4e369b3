import ipaddr from "ipaddr.js";

/**
 * What an address is to a process in a cloud. `public`: unicast that the whole internet reaches. `private`: the operator's own
 * network. `loopback`: this machine. `special`: everything else, metadata services and what only wraps another address
 * among it.
 */
export type AddressClass = "public" | "private" | "loopback" | "special";

/** `address` as a resolver or a socket tells it, without brackets; what is no address, or has a zone, is `special`. */
export function classOfAddress(address: string): AddressClass {
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !isPlainIpv6(address)) return "special";
  const parsed = ipaddr.parse(address);
  return parsed instanceof ipaddr.IPv4 ? classOfIpv4(parsed) : classOfIpv6(parsed);
}

/** The one spelling in which addresses are compared: RFC 5952, an IPv4 address in IPv6 clothes as IPv4. `null`: none. */
export function canonicalAddress(address: string): string | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return address;
  if (!isPlainIpv6(address)) return null;
  return ipaddr.process(address).toString();
}

function isPlainIpv6(address: string): boolean {
  return !address.includes("%") && ipaddr.IPv6.isValid(address);
}

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

const rangesOf = (text: string): Range[] =>
  text
    .trim()
    .split(/\s+/)
    .map((range) => ipaddr.parseCIDR(range));

// Source: IANA IPv4 Special-Purpose Address Registry and the providers' documentation of instance metadata, 2026-11-25:
// Azure's host service, and those whose metadata lies in a private range (Alibaba Cloud, Oracle's older one).
const furtherSpecialIpv4 = rangesOf("168.63.129.16/32 100.100.100.200/32 192.0.0.192/32");

function classOfIpv4(address: ipaddr.IPv4): AddressClass {
  if (isIn(address, furtherSpecialIpv4)) return "special";
  switch (address.range()) {
    case "unicast":
      return "public";
    case "private":
    case "carrierGradeNat":
      return "private";
    case "loopback":
      return "loopback";
    default:
      return "special";
  }
}

const globalUnicast = rangesOf("2000::/3");
// Source: IANA IPv6 Special-Purpose Address Registry, 2026-11-25. The whole block of protocol assignments is closed,
// whatever the registry calls reachable in it: no provider of models lives there. Likewise transition and documentation.
const furtherSpecialIpv6 = rangesOf("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20");
// AWS and Oracle Cloud answer with credentials at addresses of the private range. Source: their documentation, 2026-11-25.
const metadataIpv6 = rangesOf("fd00:ec2::/32 fd00:c1::/32 fd20:ce::/32");

function classOfIpv6(address: ipaddr.IPv6): AddressClass {
  const range = address.range();
  if (range === "loopback") return "loopback";
  if (range === "uniqueLocal") return isIn(address, metadataIpv6) ? "special" : "private";
  if (range !== "unicast" || !isIn(address, globalUnicast)) return "special";
  return isIn(address, furtherSpecialIpv6) || isIsatap(address) ? "special" : "public";
}

/** An interface id that tunnels to the IPv4 address in its last four bytes (RFC 5214). */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4]! & 0xfdff) === 0 && parts[5] === 0x5efe;
}

function isIn(address: ipaddr.IPv4 | ipaddr.IPv6, ranges: readonly Range[]): boolean {
  return ranges.some((range) => (address as ipaddr.IPv6).match(range as [ipaddr.IPv6, number]));
}
