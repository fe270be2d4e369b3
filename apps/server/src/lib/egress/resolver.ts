import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { classOfAddress } from "./addresses.ts";
import type { HostMap } from "./host-map.ts";

/** Every address of a name, none where it has none. @throws where the name could not be asked for now */
export type Resolve = (name: string) => Promise<readonly string[]>;

export type ResolverOptions = {
  /** `address:port` of the only server to ask; the system's servers unless the testkit's wiring names one. */
  server?: string | null | undefined;
  /** Of one question to one server; a server is asked again at most once, and all of it takes at most three times as long. */
  timeoutMs: number;
};

/**
 * Asks name servers and nothing else: no hosts file, no search domain. A name server that does not answer holds up only
 * who asked, because none of the process's few threads waits for it.
 */
export function createResolver({ server, timeoutMs }: ResolverOptions): Resolve {
  return async (name) => {
    // One of its own each time: the system's servers may have changed.
    const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
    if (server) resolver.setServers([server]);
    const timer = setTimeout(() => resolver.cancel(), timeoutMs * 3);
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    clearTimeout(timer);
    const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    const failed = answers.find((answer) => answer.status === "rejected" && !meansNone(answer.reason));
    if (found.length === 0 && failed?.status === "rejected") throw failed.reason;
    return found;
  };
}

function meansNone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : "";
  return code === "ENOTFOUND" || code === "ENODATA" || code === "EBADNAME";
}

export type Judged = readonly { readonly address: string; readonly family: 4 | 6 }[];

const mostAddresses = 16;

/** The addresses that may be connected to; one that is not public makes all of them bad, and there are none then. */
export async function resolvePublic(
  name: string,
  resolve: Resolve,
  hostMap: HostMap | null,
): Promise<Judged> {
  const mapped = hostMap?.get(name);
  if (mapped?.standsIn) return [mapped];
  const addresses = mapped ? [mapped.address] : await resolve(name);
  if (!addresses.every((address) => classOfAddress(address) === "public")) return [];
  return addresses
    .slice(0, mostAddresses)
    .map((address) => ({ address, family: isIP(address) === 6 ? 6 : 4 }));
}
