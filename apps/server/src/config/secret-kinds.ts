import { decoded, type Kind, Refused } from "./kinds.ts";
import { isGuessable, isPlaceholder } from "./placeholders.ts";

/** The kinds of variables that hold secrets. Sentences avoid every word that a refused value may be made of. */

/** One value, or old and new while a secret is being turned over. The first seals or is sent, both open. */
export type Ring = readonly [string] | readonly [string, string];

const draw = "make one with `openssl rand -base64 48`, and keep it in the secret manager";
const ask = "take it from the issuer's console, and keep it in the secret manager";

/** A secret of ours, or `ring:first,second` while it is turned over; each part judged alone. */
export function ring(leastCharacters: number): Kind<Ring> {
  return {
    name: `secret or ring, each at least ${leastCharacters} characters`,
    remedy: draw,
    parse: (text) => ringOf(text, (part) => judged(part, leastCharacters)),
  };
}

/** A secret of ours that is not turned over. */
export const secretText: Kind<string> = {
  name: "secret, at least 24 characters",
  remedy: draw,
  parse: (text) => judged(text, 24),
};

/** A key that somebody else issued: its length and form are their affair. */
export const foreignKey: Kind<string> = {
  name: "key",
  remedy: ask,
  parse(text) {
    refuseNoSecret(text);
    return text;
  },
};

/** A secret or restricted key of Stripe. */
export const stripeKey: Kind<string> = {
  name: "sk_… or rk_…",
  remedy: ask,
  parse(text) {
    refuseNoSecret(text);
    if (!/^[sr]k_(live|test)_[A-Za-z0-9_]{8,}$/.test(text)) {
      throw new Refused("must be a secret or restricted key of Stripe, sk_ or rk_ with live or test");
    }
    return text;
  },
};

export const stripeWebhookSecret: Kind<Ring> = {
  name: "whsec_…, or a ring of two",
  remedy: ask,
  parse: (text) =>
    ringOf(text, (part) => {
      refuseNoSecret(part);
      if (!/^whsec_[A-Za-z0-9_]{8,}$/.test(part)) throw new Refused("must begin with whsec_, as Stripe's do");
      return part;
    }),
};

/** A secret of the Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. */
export const webhookSecret: Kind<string> = {
  name: "whsec_ and base64 of 24 to 64 bytes",
  remedy: "write whsec_ and what `openssl rand -base64 32` prints",
  parse(text) {
    const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
    const { length } = Buffer.from(encoded, "base64");
    if (length < 24 || length > 64) throw new Refused("must be whsec_ and the base64 of 24 to 64 bytes");
    judged(encoded, 32);
    return text;
  },
};

function ringOf(text: string, judge: (part: string) => string): Ring {
  if (!text.startsWith("ring:")) return [judge(text)];
  const parts = text
    .slice("ring:".length)
    .split(",")
    .map((part) => decoded(part, "must be percent-encoded after ring:"));
  const [first, second] = parts;
  if (parts.length !== 2 || !first || !second) throw new Refused("must hold exactly two values after ring:");
  if (first === second) throw new Refused("must hold two different values after ring:");
  return [judge(first), judge(second)];
}

function judged(secret: string, leastCharacters: number): string {
  refuseNoSecret(secret);
  if (secret.length < leastCharacters) throw new Refused(`must have at least ${leastCharacters} characters`);
  if (isGuessable(secret)) throw new Refused("must be drawn at random");
  return secret;
}

/** What stands where a secret should: an address of one, a template, quotes that a shell has left. */
function refuseNoSecret(text: string): void {
  if (/[^\x21-\x7e]|["'`]/.test(text)) throw new Refused("must have no white space, quotes or other signs");
  if (unexpanded.test(text)) throw new Refused("must be what it names, not the name of it");
  if (isPlaceholder(text)) throw new Refused("is no secret but words of a template");
}

const unexpanded =
  /\$\{|\$\(|^\$[A-Z_][A-Z0-9_]*$|^%[A-Z_][A-Z0-9_]*%$|\{\{|^@Microsoft\.KeyVault|^(arn|vault|aws|awssm|gcp|gsm|secret|secretref|azkv|ssm|sops|op|file|env):|^projects\/.+\/secrets\/|^\/(run|etc|var|mnt)\/|^ENC\[/i;
