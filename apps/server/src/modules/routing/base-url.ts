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
  const host = url.hostname.replace(/\.$/, "");
  // The parser has already turned every spelling of an IPv4 address into four decimal numbers.
  if (isNeverAllowed(host)) return "special_address";
  const loopback = isLoopback(host);
  if (loopback && production) return "loopback";
  if (url.protocol === "http:" && !loopback) return "not_https";
  return null;
}

function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(host)
  );
}

/** Unspecified, link-local (where clouds answer with credentials), multicast, broadcast; IPv6 spellings of them too. */
function isNeverAllowed(host: string): boolean {
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host);
  if (mapped) {
    const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
    return isNeverAllowed(`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`);
  }
  return (
    /^0\.|^169\.254\.|^2(2[4-9]|[3-5]\d)\./.test(host) ||
    /^\[(::|fe[89ab][0-9a-f]:.*|ff[0-9a-f]{2}:.*)\]$/.test(host) ||
    // The metadata addresses of AWS over IPv6 and of Alibaba Cloud, and Google's name for its own.
    // Source: the three providers' documentation of instance metadata, 2026-11-25.
    host === "[fd00:ec2::254]" ||
    host === "100.100.100.200" ||
    host === "metadata.google.internal"
  );
}
