import { BlockList, isIP, isIPv4 } from "node:net";

/** What a host name or address says about itself. Names are never resolved here. */

/** True for hosts that only this machine, this network or this cloud reaches. */
export function isPrivateHost(host: string): boolean {
  const name = plainName(host);
  const family = isIP(name);
  if (family === 4) return closedAddresses.check(name, "ipv4");
  // Beyond global unicast there is nothing public; inside it, what wraps another address is as closed as that may be.
  if (family === 6) return !globalUnicast.check(name, "ipv6") || closedAddresses.check(name, "ipv6");
  return !name.includes(".") || closedSuffix.test(name) || addressInName.test(name);
}

/** True for the names and addresses at which clouds hand out credentials of machines. */
export function isMetadataHost(host: string): boolean {
  const name = plainName(host);
  if (isIPv4(name)) return metadataAddresses.check(name, "ipv4");
  return /^(?:metadata(?:\.google\.internal|\.goog)?|instance-data(?:\.ec2\.internal)?)$/.test(name);
}

/**
 * The registrable domain of a URL, by the public suffixes that operators use most: a longer one that is not listed is
 * judged too kindly, never too strictly. An address is its own site.
 */
export function siteOf(url: string): string {
  const host = URL.parse(url)?.hostname ?? "";
  if (isIP(plainName(host)) !== 0) return host;
  const labels = host.split(".");
  const isLong = suffixesOfTwo.has(labels.slice(-2).join("."));
  return labels.slice(isLong ? -3 : -2).join(".");
}

function plainName(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}

/** Ranges between white space. */
function blockList(ranges: string): BlockList {
  const list = new BlockList();
  for (const range of ranges.trim().split(/\s+/)) {
    const [address = "", bits] = range.split("/");
    list.addSubnet(address, Number(bits), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
}

// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries, multicast and reserved space, as of 2026-11-25;
// 168.63.129.16 is the host service of Azure's machines.
const closedAddresses = blockList(`
  0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
  192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 168.63.129.16/32
  2001::/23 2001:db8::/32 2002::/16 3fff::/20
`);
const globalUnicast = blockList("2000::/3");
const metadataAddresses = blockList("169.254.169.254/32 169.254.170.2/32 100.100.100.200/32 192.0.0.192/32");

const closedSuffix = /\.(?:local|localhost|localdomain|internal|intranet|lan|home|corp|private|arpa|svc)$/;

/** Public services that answer every name with the address that it contains, or with this machine's. */
const addressInName = /(?:^|\.)(?:nip\.io|sslip\.io|xip\.io|localtest\.me|lvh\.me|vcap\.me)$/;

// Source: publicsuffix.org, as of 2026-11-25: of each kind the ones that hosted software is most often found under.
const suffixesOfTwo = new Set(
  `co.uk org.uk com.au net.au co.nz co.jp co.kr co.in com.br com.cn com.hk com.mx com.sg com.tr com.tw co.za co.il
  github.io gitlab.io vercel.app netlify.app pages.dev workers.dev onrender.com fly.dev herokuapp.com web.app
  firebaseapp.com azurewebsites.net run.app ngrok.app ngrok.io`.split(/\s+/),
);
