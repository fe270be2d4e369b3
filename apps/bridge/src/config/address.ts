import { BlockList, isIP } from "node:net";

/**
 * Where no model server is: link-local addresses, unspecified and multicast ones, and the fixed addresses at which
 * clouds hand out the credentials of a machine. The IPv4 rules hold for IPv4-mapped addresses too.
 * Source: RFC 6890; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html (fd00:ec2::254),
 * https://cloud.google.com/compute/docs/metadata/querying-metadata (fd20:ce::254), November 2026.
 */
const refused = new BlockList();
for (const [net, bits] of [
  ["0.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 3],
  ["100.100.100.200", 32],
  ["168.63.129.16", 32],
  ["192.0.0.0", 24],
] as const) {
  refused.addSubnet(net, bits, "ipv4");
}
for (const [net, bits] of [
  ["::", 128],
  ["fe80::", 10],
  ["ff00::", 8],
  ["fd00:ec2::254", 128],
  ["fd20:ce::254", 128],
  // IPv4 inside IPv6: through a translator or a tunnel any of the addresses above could be meant.
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2002::", 16],
  ["2001::", 32],
] as const) {
  refused.addSubnet(net, bits, "ipv6");
}

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

const refusedNames = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
]);

/** An address in its own notation, without brackets. */
export function isLoopbackAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}

/** True for what is never called, `allow_remote` or not; also for what is no address. */
export function isRefusedAddress(address: string): boolean {
  const plain = address.split("%")[0]!;
  const family = isIP(plain);
  return family === 0 || refused.check(plain, family === 4 ? "ipv4" : "ipv6");
}

/** The host of a URL as an address or a name: without brackets and a last dot. */
export function plainHost(hostname: string): string {
  return hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

/** Whether a host means this computer by what is written, before anything is resolved. */
export function isLoopbackHost(hostname: string): boolean {
  const host = plainHost(hostname);
  return host === "localhost" || isLoopbackAddress(host);
}

/** A name or an address that no endpoint may have. */
export function isRefusedHost(hostname: string): boolean {
  const host = plainHost(hostname);
  return isIP(host) === 0 ? refusedNames.has(host) : isRefusedAddress(host);
}
