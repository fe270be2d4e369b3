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

/**
 * The system's resolver, which gives only addresses that are not closed: whatever a name is made to mean between two
 * looks, a connection to this machine, this network or a cloud's own services is never made.
 */
export function createPublicLookup(
  isClosed: (address: string) => boolean,
  resolve: typeof systemLookup = systemLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...(options as LookupAllOptions), all: true }, (error, found) => {
      if (error) return callback(error, "", 0);
      const [first] = found;
      if (!first || found.some(({ address }) => isClosed(address))) {
        const refusal = Object.assign(new Error("the name leads into a private network"), {
          code: "ENOTFOUND",
        });
        return callback(refusal, "", 0);
      }
      if (options.all) callback(null, found);
      else callback(null, first.address, first.family);
    });
  };
}
