/**
 * The kinds of environment variables. A parser answers a value or throws a `Refused` whose sentence says what the value
 * must be; the value itself is never repeated, because it may be a secret.
 */

export class Refused extends Error {}

export type Kind<T> = {
  /** How the reference names it. */
  readonly name: string;
  /** @throws Refused */
  parse(text: string, production: boolean): T;
};

/** One value, or old and new while a secret is being turned over. The first seals or is sent, both open. */
export type Ring = readonly [string] | readonly [string, string];

export const anyText: Kind<string> = { name: "text", parse: (text) => text };

export function integer(least: number, most: number): Kind<number> {
  return {
    name: `integer ${least}..${most}`,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number.parseInt(text, 10) : -1;
      if (value < least || value > most) throw new Refused(`must be a whole number from ${least} to ${most}`);
      return value;
    },
  };
}

export function word<const W extends string>(...words: readonly W[]): Kind<W> {
  return {
    name: words.join(" \\| "),
    parse(text) {
      const hit = words.find((candidate) => candidate === text);
      if (hit === undefined) throw new Refused(`must be one of ${words.join(", ")}`);
      return hit;
    },
  };
}

export function listOf<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    name: `comma-separated list of ${item.name}`,
    parse: (text, production) =>
      text
        .split(",")
        .map((part) => part.trim())
        .filter((part) => part !== "")
        .map((part) => item.parse(part, production)),
  };
}

/** Nothing, or at least so much. */
export function zeroOr(least: number, most: number): Kind<number> {
  return {
    name: `0 or integer ${least}..${most}`,
    parse: (text, production) => (text === "0" ? 0 : integer(least, most).parse(text, production)),
  };
}

export const flag: Kind<boolean> = {
  name: "0 \\| 1",
  parse(text) {
    if (text !== "0" && text !== "1") throw new Refused("must be 0 or 1");
    return text === "1";
  },
};

/** As OpenTelemetry writes its switches. */
export const trueOrFalse: Kind<boolean> = {
  name: "true \\| false",
  parse(text) {
    if (!/^(true|false)$/i.test(text)) throw new Refused("must be true or false");
    return text.toLowerCase() === "true";
  },
};

export const ratio: Kind<number> = {
  name: "number 0..1",
  parse(text) {
    if (!/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(text)) throw new Refused("must be a number from 0 to 1");
    return Number.parseFloat(text);
  },
};

/** A name that is stamped into databases and shown in consoles. */
export const deploymentName: Kind<string> = {
  name: "name",
  parse(text) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) {
      throw new Refused("must be a name of at most 63 letters, digits, dots, dashes and underscores");
    }
    return text;
  },
};

/** `name=value` pairs as OpenTelemetry writes them; values percent-encoded. */
export const headerList: Kind<Readonly<Record<string, string>>> = {
  name: "comma-separated list of name=value",
  parse(text) {
    const pairs = text.split(",").map((pair) => {
      const [, name, value] = /^\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=([^=]*=*)$/.exec(pair) ?? [];
      if (name === undefined || value === undefined) throw new Refused("must be name=value, comma-separated");
      return [name, decoded(value.trim(), "must have percent-encoded values")] as const;
    });
    return Object.fromEntries(pairs);
  },
};

export const amountUsd: Kind<string> = {
  name: "USD, at most 2 decimals",
  parse(text) {
    if (!/^(0|[1-9]\d{0,8})(\.\d{1,2})?$/.test(text)) {
      throw new Refused("must be an amount in USD with at most 2 decimals");
    }
    return text;
  },
};

export const address: Kind<string> = {
  name: "e-mail address",
  parse(text) {
    if (text.length > 254 || !/^[^\s@<>",;]+@[^\s@<>",;]+\.[^\s@<>",;.]+$/.test(text)) {
      throw new Refused("must be an e-mail address");
    }
    return text;
  },
};

export const cidr: Kind<string> = {
  name: "CIDR",
  parse(text) {
    if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(text))
      throw new Refused("must be an address range such as 10.0.0.0/8");
    return text;
  },
};

/** An exact host name: no address, no wildcard, no port. */
export const hostName: Kind<string> = {
  name: "host name",
  parse(text) {
    const name = text.toLowerCase();
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) || /^[\d.]+$/.test(name)) {
      throw new Refused("must be an exact host name without address, wildcard or port");
    }
    return name;
  },
};

/** A public URL of ours: https and reachable by everybody in production; http on any host outside it. */
export const publicUrl: Kind<string> = {
  name: "URL",
  parse(text, production) {
    const url = parsedUrl(text);
    if (production) refuseUnlessPublic(url);
    return text.replace(/\/+$/, "");
  },
};

/** An exact web origin. `*` never is one. */
export const webOrigin: Kind<string> = {
  name: "origin",
  parse(text, production) {
    const url = parsedUrl(text);
    if (url.origin !== text) throw new Refused("must be an exact origin such as https://console.example.com");
    if (production) refuseUnlessPublic(url);
    return text;
  },
};

export const upstreamUrl: Kind<string> = {
  name: "URL",
  parse(text) {
    const url = parsedUrl(text);
    if (url.search !== "" || url.hash !== "") throw new Refused("must have no query and no fragment");
    return text.replace(/\/+$/, "");
  },
};

export const databaseUrl: Kind<string> = {
  name: "PostgreSQL URL",
  parse(text, production) {
    const url = URL.parse(text);
    if (!url || !/^postgres(ql)?:$/.test(url.protocol)) {
      throw new Refused("must be a URL of the form postgresql://user:password@host:5432/database");
    }
    if (production) {
      if (url.username === "" || url.username === "postgres") {
        throw new Refused("must name a user of its own that is not the superuser postgres");
      }
      if (url.password === "" || url.password === url.username) {
        throw new Refused("must carry a password that is not the user's name");
      }
      if (url.searchParams.get("sslmode") === "disable") throw new Refused("must not switch TLS off");
    }
    return text;
  },
};

export const redisUrl: Kind<string> = {
  name: "Redis URL",
  parse(text) {
    const url = URL.parse(text);
    if (!url || !/^rediss?:$/.test(url.protocol) || url.hostname === "") {
      throw new Refused("must be a URL of the form rediss://user:password@host:6379/0");
    }
    return text;
  },
};

/** Where a webhook goes: https and public in production. It may carry a token in its path or query. */
export const webhookUrl: Kind<string> = {
  name: "https URL",
  parse(text, production) {
    const url = parsedUrl(text);
    if (production) refuseUnlessPublic(url);
    return text;
  },
};

/** A secret of the Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. */
export const webhookSecret: Kind<string> = {
  name: "whsec_ and base64 of 24 to 64 bytes",
  parse(text) {
    const [, encoded = ""] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
    const { length } = Buffer.from(encoded, "base64");
    if (length < 24 || length > 64)
      throw new Refused("must be whsec_ and the base64 of 24 to 64 random bytes");
    judged(encoded, 32);
    return text;
  },
};

/** A secret of ours, or `ring:first,second` while it is turned over; each part judged alone. */
export function ring(leastCharacters: number): Kind<Ring> {
  return {
    name: `secret or ring, each at least ${leastCharacters} characters`,
    parse: (text) => ringOf(text, (part) => judged(part, leastCharacters)),
  };
}

/** Length and entropy are Stripe's affair; the kind of key is not. */
export const stripeKey: Kind<string> = {
  name: "sk_… or rk_…",
  parse(text) {
    if (!/^[sr]k_(live|test)_[A-Za-z0-9_]{8,}$/.test(text)) {
      throw new Refused("must be a secret or restricted key of Stripe, sk_ or rk_, live or test");
    }
    refusePlaceholder(text.slice("sk_live_".length));
    return text;
  },
};

export const stripeWebhookSecret: Kind<Ring> = {
  name: "whsec_…, or a ring of two",
  parse: (text) =>
    ringOf(text, (part) => {
      if (!/^whsec_[A-Za-z0-9_]{8,}$/.test(part))
        throw new Refused("must be a webhook secret of Stripe, whsec_");
      refusePlaceholder(part.slice("whsec_".length));
      return part;
    }),
};

/** A key that somebody else issued: no white space, no quotes, no unexpanded reference. */
export const foreignKey: Kind<string> = {
  name: "key",
  parse(text) {
    refuseUnexpanded(text);
    return text;
  },
};

export const secretText: Kind<string> = {
  name: "secret, at least 24 characters",
  parse: (text) => judged(text, 24),
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

function decoded(part: string, otherwise: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refused(otherwise);
  }
}

const placeholderWords =
  /^(?:change|me|please|your|my|the|this|secret|password|token|key|admin|dev|test|example|placeholder|default|todo|replace|with|a|random|value|here|insert|local|development|x+|sk|[-_. ])+$/i;

function judged(secret: string, leastCharacters: number): string {
  refuseUnexpanded(secret);
  if (secret.length < leastCharacters) throw new Refused(`must have at least ${leastCharacters} characters`);
  refusePlaceholder(secret);
  // A repeated pattern is long and guessable: a fair share of the characters must be distinct.
  if (new Set(secret).size < 10 || /^(.{1,8})\1+.{0,8}$/.test(secret)) throw new Refused("must be random");
  return secret;
}

function refusePlaceholder(secret: string): void {
  if (placeholderWords.test(secret)) throw new Refused("must be random, not a placeholder");
}

function refuseUnexpanded(secret: string): void {
  if (/[\s"'`]/.test(secret)) throw new Refused("must have no white space and no quotes");
  if (/\$\{|^\$|\{\{|^(arn|vault|aws|gcp|secret|op):/i.test(secret)) {
    throw new Refused("must be the secret itself, not a reference to it");
  }
}

function parsedUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
    throw new Refused("must be an http or https URL");
  if (url.username !== "" || url.password !== "") throw new Refused("must have no credentials in it");
  return url;
}

/** True for hosts that only this machine or this network reaches; names are not resolved. */
export function isPrivateHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (name.startsWith("[")) return true;
  if (/^\d+(\.\d+){3}$/.test(name)) {
    const [a, b] = name.split(".").map((part) => Number.parseInt(part, 10)) as [number, number];
    if (a === 0 || a === 10 || a === 127 || a >= 224) return true;
    return (
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      (a === 169 && b === 254) ||
      (a === 100 && b >= 64 && b < 128)
    );
  }
  return !name.includes(".") || /\.(local|localhost|internal|lan|home|arpa)$/.test(name);
}

function refuseUnlessPublic(url: URL): void {
  if (url.protocol !== "https:") throw new Refused("must be https in production");
  if (isPrivateHost(url.hostname)) throw new Refused("must be a public host in production");
}
