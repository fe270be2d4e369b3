import { isIP } from "node:net";

/**
 * The kinds of environment variables. A parser answers a value or throws a `Refused` whose sentence says what the value
 * must be; the value itself is never repeated, because it may be a secret.
 */

export class Refused extends Error {}

export type Kind<T> = {
  /** How the reference names it. */
  readonly name: string;
  /** How to come by a right value, where the fault alone does not tell. */
  readonly remedy?: string;
  /** @throws Refused */
  parse(text: string, production: boolean): T;
};

/** Any other name: up to 100 printable characters. */
export const label: Kind<string> = {
  name: "name",
  remedy: "say by name where the values come from",
  parse(text) {
    if (text.length > 100 || !/^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(text)) {
      throw new Refused("must be a name of at most 100 printable characters");
    }
    return text;
  },
};

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
  remedy: "give the deployment a name, such as pilot-eu",
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

/** One address without a display name. */
export const address: Kind<string> = {
  name: "e-mail address",
  remedy: "give one address that somebody reads",
  parse(text) {
    if (text.length > 254 || !addressForm.test(text)) throw new Refused("must be one e-mail address");
    return text;
  },
};

export const cidr: Kind<string> = {
  name: "CIDR",
  parse(text) {
    const [, range = "", bits = ""] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
    const family = isIP(range);
    if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) {
      throw new Refused("must be an address range such as 10.0.0.0/8");
    }
    return text;
  },
};

/** @throws Refused with `otherwise` where the percent-encoding is broken */
export function decoded(part: string, otherwise: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refused(otherwise);
  }
}

const addressForm =
  /^[A-Za-z0-9!#$%&*+/=?^_{|}~-]+(\.[A-Za-z0-9!#$%&*+/=?^_{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,}$/;
