import { ApiError } from "../errors.ts";

/**
 * Why an address that somebody supplied is refused, as a class. It never tells what a name resolves to, and not whether it
 * resolves to something closed or to nothing at all.
 */
export type EgressReason =
  /** No URL, or one with characters, a fragment or a length that no plain URL has. */
  | "malformed"
  | "scheme"
  | "not_https"
  | "credentials"
  /** An address in another than its one canonical spelling. */
  | "spelling"
  | "port"
  | "private_name"
  /** An address that is not public unicast. */
  | "special_address"
  /** A name without an address, or with one that is not public unicast. */
  | "no_public_address"
  /** A name that could not be asked for now. */
  | "unresolved"
  /** This process has no door for such addresses. */
  | "closed";

export type EgressRefusal = { readonly reason: EgressReason };

const sentences: Record<EgressReason, string> = {
  malformed:
    "must be a plain https URL: a host, no spaces, backslashes, control characters or fragment, at most 2048 characters",
  scheme: "must begin with https://",
  not_https: "must begin with https://, because a key must not travel in the clear",
  credentials: "must not carry a user name or password",
  spelling: "must write an address in its usual form: four decimal numbers, or the shortest IPv6",
  port: "must use port 443 or an ordinary port of a web server",
  private_name: "must name a host on the public internet",
  special_address: "must lead to a public address",
  no_public_address: "names a host that has no address, or not only public ones",
  unresolved: "names a host that could not be looked up just now; try again",
  closed: "cannot be called from here",
};

/** One sentence without a subject; the field, or "the address", stands before it. */
export function sentenceOfRefusal({ reason }: EgressRefusal): string {
  return sentences[reason];
}

/** What a client is told: 400, `param` names the field, `details.reason` the class. */
export function egressError(refusal: EgressRefusal, param: string): ApiError {
  return new ApiError("base_url_not_allowed", `${param} ${sentenceOfRefusal(refusal)}.`, {
    param,
    details: { reason: refusal.reason },
  });
}
