import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";

/**
 * The resolver of the testkit's wiring: names of the map have the address that it gives them, every other name is asked of
 * the system. `text` is `name=address`, comma-separated. @throws on anything else
 */
export function createMappedLookup(text: string): LookupFunction {
  const addresses = new Map<string, LookupAddress>();
  for (const entry of text.split(",")) {
    const [name, address] = entry.trim().split("=");
    const family = isIP(address ?? "");
    if (!name || !address || family === 0)
      throw new Error(`"${entry.trim()}" is no name=address of a host map`);
    addresses.set(name.toLowerCase(), { address, family });
  }
  return (hostname, options, callback) => {
    const found = addresses.get(hostname.toLowerCase());
    if (!found) return systemLookup(hostname, options as LookupAllOptions, callback as never);
    if (options.all) callback(null, [found]);
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
