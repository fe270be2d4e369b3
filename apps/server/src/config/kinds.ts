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

/** A secret of ours, or `ring:first,second` while it is turned over; each part judged alone. */
export function ring(leastCharacters: number): Kind<Ring> {
  return {
    name: `secret or ring, each at least ${leastCharacters} characters`,
    parse(text) {
      if (!text.startsWith("ring:")) return [judged(text, leastCharacters)];
      const parts = text.slice("ring:".length).split(",").map(decoded);
      const [first, second] = parts;
      if (parts.length !== 2 || !first || !second)
        throw new Refused("must hold exactly two values after ring:");
      if (first === second) throw new Refused("must hold two different values after ring:");
      return [judged(first, leastCharacters), judged(second, leastCharacters)];
    },
  };
}

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

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refused("must be percent-encoded after ring:");
  }
}

const placeholderWords =
  /^(?:change|me|please|your|my|the|this|secret|password|token|key|admin|dev|test|example|placeholder|default|todo|replace|with|a|random|value|here|insert|local|development|x+|sk|[-_. ])+$/i;

function judged(secret: string, leastCharacters: number): string {
  refuseUnexpanded(secret);
  if (secret.length < leastCharacters) throw new Refused(`must have at least ${leastCharacters} characters`);
  if (placeholderWords.test(secret)) throw new Refused("must be random, not a placeholder");
  // A repeated pattern is long and guessable: a fair share of the characters must be distinct.
  if (new Set(secret).size < 10 || /^(.{1,8})\1+.{0,8}$/.test(secret)) throw new Refused("must be random");
  return secret;
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
