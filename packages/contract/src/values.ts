import { z } from "zod";

/**
 * The primitives that every schema of the wire is made of. Requests are strict: an unknown field is a fault, and a field
 * of a later package is refused in words that name the package.
 */

/** Money as a client may send it: up to eight decimals, no sign, no exponent, never a JSON number. */
export const moneyIn = z
  .string({ error: 'must be a decimal string in USD, for example "0.05"' })
  .regex(/^(0|[1-9]\d{0,11})(\.\d{1,8})?$/, {
    error: 'must be a decimal string in USD with up to 8 decimals, for example "0.05"',
  });

/** Money as a client may send it, above zero. */
export const moneyAboveZeroIn = moneyIn.refine((text) => /[1-9]/.test(text), { error: "must be above 0" });

/** Money as we send it: exactly eight decimals, not below zero. */
export const moneyOut = z.string().regex(/^(0|[1-9]\d*)\.\d{8}$/);

/** The balance of a wallet that may be in debt: the only money that may carry a minus sign. */
export const signedMoneyOut = z.string().regex(/^-?(0|[1-9]\d*)\.\d{8}$/);

/** Requests or tokens in a minute, or requests at a time. */
export const rateIn = z.int().min(1).max(1_000_000_000);

/** A share in basis points, 0..10000. */
export const shareBps = z.int().min(0).max(10_000);

/** A percentage with up to two decimals. */
export const percent = z
  .number()
  .min(0)
  .max(100_000)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, {
    error: "must have at most 2 decimals",
  });

export const uuid = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
export const requestId = z.string().regex(/^req_(local_)?[0-9a-f-]{36}$/);
export const receiptId = z.string().regex(/^rcpt_[A-Za-z0-9_-]{1,128}$/);
/** A receipt is asked for by its own id or by its request's. */
export const receiptOrRequestId = z.string().regex(/^(rcpt|req)_[A-Za-z0-9_-]{1,128}$/);

/** `public_app_id` and `feature_key`. */
export const identifier = z.string().regex(/^[a-zA-Z0-9_:-]{1,128}$/, {
  error: "must be 1 to 128 letters, digits, underscores, colons or hyphens",
});
export const providerName = z.string().regex(/^[a-zA-Z0-9_.-]{1,64}$/, {
  error: "must be 1 to 64 letters, digits, underscores, dots or hyphens",
});

export const modelName = text(1, 256);

/** RFC 3339 with an offset, as a client may send it. */
export const timeIn = z.iso.datetime({
  offset: true,
  error: "must be an RFC 3339 time, for example 2026-01-31T12:00:00Z",
});
/** RFC 3339 UTC with milliseconds, as we send it. */
export const timeOut = z.string().regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
/** A name of the IANA time zone database. */
export const timeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, { error: "must be an IANA time zone, for example Europe/Berlin" });

export const email = z.email({ error: "must be an e-mail address" }).max(254);

/** An https URL without credentials; http only on loopback, which the server judges. */
export const webUrl = z
  .string()
  .max(2048)
  .refine(isWebUrl, { error: "must be an http or https URL without credentials" });

/** An exact web origin: scheme, host and port, nothing behind them. */
export const origin = z.string().max(256).refine(isOrigin, {
  error: "must be an exact origin, for example https://app.example.com",
});

/** The sentence that an act of a person is explained with; it stands in the audit row. */
export const reason = text(1, 1000).refine((words) => words.trim() !== "", { error: "must say why" });

/** A text of `least` to `most` characters without control characters (tab and line ends are allowed). */
export function text(least: number, most: number) {
  return (
    z
      .string()
      .min(least)
      .max(most)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here.
      .regex(/^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]*$/, {
        error: "must not contain control characters",
      })
  );
}

/** A whole number in a query string. */
export function wholeNumber(least: number, most: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, { error: `must be a whole number from ${least} to ${most}` })
    .transform(Number)
    .refine((value) => value >= least && value <= most, {
      error: `must be a whole number from ${least} to ${most}`,
    });
}

/** How long what is replaced still holds, in seconds; 0 ends it now. */
export const overlapSeconds = z.int().min(0).max(604_800).default(86_400);

/** The query of every list: `limit` 1..200 (50), an opaque `cursor`, and the half open interval `from`..`to`. */
export const listQuery = {
  limit: wholeNumber(1, 200).default(50),
  cursor: z.string().min(1).max(512).optional(),
  from: timeIn.optional(),
  to: timeIn.optional(),
};

/** `{items, next_cursor}`: the cursor is absent on the last page. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() });
}

export const okAnswer = z.strictObject({ ok: z.literal(true) });

/** The package that brings a name, or `later` where none is planned yet. */
export type Arrival = 2 | 3 | 4 | 5 | 6 | 7 | "later";

/** "comes with package 4 and is not available yet": how every reserved name is refused. */
export function arrivalSentence(arrival: Arrival): string {
  return arrival === "later"
    ? "is not available yet"
    : `comes with package ${arrival} and is not available yet`;
}

/** Reserved fields, to be spread into a strict object: sending one is refused by name. */
export function reserved<const Name extends string>(arrival: Arrival, ...names: readonly Name[]) {
  const field = z.never({ error: arrivalSentence(arrival) }).optional();
  return Object.fromEntries(names.map((name) => [name, field])) as { [K in Name]: z.ZodOptional<z.ZodNever> };
}

/** One of `available`; a reserved word is refused by the package that brings it, any other by the words to choose from. */
export function oneOf<const Word extends string>(
  available: readonly [Word, ...Word[]],
  arrivals: { readonly [word: string]: Arrival } = {},
) {
  return z.enum(available, {
    error: (issue) => {
      const word = typeof issue.input === "string" ? issue.input : "";
      const arrival = Object.hasOwn(arrivals, word) ? arrivals[word] : undefined;
      return arrival === undefined
        ? `must be one of ${available.join(", ")}`
        : `the value ${word} ${arrivalSentence(arrival)}`;
    },
  });
}

/** The four words for who pays. */
export const routeMode = z.enum(["platform", "developer_key", "byok", "local"]);
export const routeModeIn = oneOf(["platform", "developer_key", "byok", "local"]);
export type RouteMode = z.output<typeof routeMode>;

/** A JSON object of at most 4 KiB and 50 keys. */
export const metadataIn = z
  .record(z.string().max(128), z.json())
  .refine((value) => Object.keys(value).length <= 50, { error: "must have at most 50 keys" })
  .refine((value) => utf8.encode(JSON.stringify(value)).length <= 4096, { error: "must be at most 4 KiB" });

const utf8 = new TextEncoder();

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return /^[A-Za-z]/.test(zone);
  } catch {
    return false;
  }
}

function isWebUrl(value: string): boolean {
  const url = URL.parse(value);
  return (
    url !== null &&
    (url.protocol === "https:" || url.protocol === "http:") &&
    url.username === "" &&
    url.password === ""
  );
}

function isOrigin(value: string): boolean {
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@\s]+)$/.exec(value);
  if (!parts) return false;
  const url = URL.parse(value);
  if (url === null || url.hostname === "" || url.username !== "") return false;
  // A special scheme is normalised by the parser (case, default port), so an origin that is not exact differs.
  if (url.protocol === "https:" || url.protocol === "http:") return url.origin === value;
  return /^[a-z-]*extension$/.test(parts[1]!);
}
