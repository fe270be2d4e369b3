import { type LookupAllOptions, lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { parseHostMap } from "./egress/host-map.ts";

/**
 * The resolver of the testkit's wiring: names of the map have the address that it gives them, every other name is asked of
 * the system. @see parseHostMap for `text`. @throws on anything else
 */
export function createMappedLookup(text: string): LookupFunction {
  const hosts = parseHostMap(text);
  return (hostname, options, callback) => {
    const found = hosts.get(hostname.toLowerCase());
    if (!found) return systemLookup(hostname, options as LookupAllOptions, callback as never);
    if (options.all) callback(null, [{ address: found.address, family: found.family }]);
    else callback(null, found.address, found.family);
  };
}
