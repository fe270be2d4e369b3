import { ApiError } from "../../lib/errors.ts";
import type { VendorName } from "../../modules/credential/credential.ts";
import { isVendorName, refuseForeignKey, vendors } from "../../modules/credential/credential.ts";
import type { PlannableKey } from "./payers.ts";

/** The two headers by which one request brings its user's own key. */
export type OwnKeyHeaders = { provider: string | null; key: string | null };

const longestKey = 4096;

/**
 * A key that came with its request: used for that request alone, kept nowhere, told to nobody.
 * @throws invalid_request where one of the two is missing, the provider is unknown, or the request came without TLS;
 * secret_validation_failed for another vendor's key
 */
export function ownKeyOf(
  { provider, key }: OwnKeyHeaders,
  isSecure: boolean,
  baseUrlOf: (provider: VendorName) => { baseUrl: string; door: PlannableKey["door"] } | null,
): PlannableKey | null {
  if (provider === null && key === null) return null;
  if (!isSecure) throw refused("x-modelfaucet-provider-key", "is taken over TLS only");
  if (provider === null)
    throw refused(
      "x-modelfaucet-provider-key",
      "needs x-modelfaucet-provider beside it, which names its provider",
    );
  if (!isVendorName(provider))
    throw refused("x-modelfaucet-provider", `must be one of ${Object.keys(vendors).join(", ")}`);
  if (key === null) throw refused("x-modelfaucet-provider-key", "must hold the key");
  const place = baseUrlOf(provider);
  if (place === null)
    throw refused(
      "x-modelfaucet-provider",
      `${provider} has no address of its own: save the key with its base_url`,
    );
  if (key.length > longestKey)
    throw refused("x-modelfaucet-provider-key", `must have at most ${longestKey} characters`);
  refuseForeignKey(provider, key, null);
  return {
    ...place,
    id: null,
    provider,
    dialect: vendors[provider].dialect,
    secret: key,
    modelsAllowed: null,
    priority: 1,
    weight: 1,
    budgetLimitUsd: null,
    fallbackToPlatform: false,
    disclosureVersion: null,
    status: "active",
  };
}

function refused(param: string, what: string): ApiError {
  return new ApiError("invalid_request", `${param} ${what}.`, { param });
}
