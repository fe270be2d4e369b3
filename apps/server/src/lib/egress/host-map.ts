import { isIP } from "node:net";

export type MappedHost = {
  readonly address: string;
  readonly family: 4 | 6;
  /** With a port the connection is made there, in plain HTTP whatever the URL says; only through the tenants' door. */
  readonly port: number | null;
  /** True for a stand-in: the tenants' door takes it for a public host, https or not, at any port. */
  readonly standsIn: boolean;
};

export type HostMap = ReadonlyMap<string, MappedHost>;

/**
 * The names of the testkit's wiring, comma-separated; never set in production. What an entry does:
 *
 * - `name=address`: the name has this address, and is judged by it: the operators' door connects, the tenants' door
 *   refuses an address that is not public.
 * - `name=address!`: the tenants' door takes the name for public, so that a stub on loopback can be the upstream of a
 *   tenant: `byok.stub.test=127.0.0.1!` lets a base URL be `http://byok.stub.test:34567/v1`.
 * - `name=address:port!`: further, connections go to this port, in plain HTTP: `api.openai.com=127.0.0.1:34567!` puts a stub
 *   in the place of `https://api.openai.com`. An IPv6 address stands in brackets.
 *
 * @throws on anything else
 */
export function parseHostMap(text: string): HostMap {
  const hosts = new Map<string, MappedHost>();
  for (const entry of text.split(",")) {
    const [, name, bracketed, bare, digits, mark] =
      /^([^\s=]+)=(?:\[([^\]\s]+)\]|(\d+\.\d+\.\d+\.\d+|[\da-f:]+))(?::(\d{1,5}))?(!?)$/i.exec(
        entry.trim(),
      ) ?? [];
    const address = bracketed ?? bare ?? "";
    const family = isIP(address);
    const port = digits === undefined ? null : Number(digits);
    if (!name || family === 0 || (port !== null && (mark === "" || port < 1 || port > 65_535))) {
      throw new Error(`"${entry.trim()}" is no name=address of a host map`);
    }
    hosts.set(name.toLowerCase(), { address, family: family as 4 | 6, port, standsIn: mark === "!" });
  }
  return hosts;
}
