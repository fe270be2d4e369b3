import type { VendorName } from "../modules/credential/credential.ts";
import { vendors } from "../modules/credential/credential.ts";
import type { Upstreams } from "../modules/routing/routing.ts";

/** Where a vendor's keys are used, and by which door of the egress guard. */
export type KeyPlace = { baseUrl: string; door: "operator" | "tenant" };

/**
 * A key goes to its own vendor and nowhere else. Outside production an operator may say where a vendor is: a stand-in on the
 * same machine, under the vendor's name. `null`: the vendor has no address of its own.
 */
export function keyPlaceOf(
  provider: VendorName,
  { upstreams, production }: { upstreams: Pick<Upstreams, "find">; production: boolean },
): KeyPlace | null {
  const { baseUrl } = vendors[provider];
  if (baseUrl === null) return null;
  const standIn = production ? null : upstreams.find(provider);
  return standIn ? { baseUrl: standIn.baseUrl, door: "operator" } : { baseUrl, door: "tenant" };
}
