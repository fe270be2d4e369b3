import { invalidConfig } from "./errors.ts";
import { isLoopbackHost } from "./local/place.ts";
import type { FaucetSessionAnswer } from "./wire.ts";

export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** A session as the server answered it, with the moment it ends on this device's clock. */
export type FaucetSession = FaucetSessionAnswer & { expiresAtMs: number; featureKey?: string };

/** Why a session is asked for. `signal` ends when it has taken too long. */
export type Ask = { feature?: string; reason: "first" | "expiring" | "refused"; signal: AbortSignal };

export interface FaucetOptions {
  publicAppId: string;
  /** Control API, without a path. Default: `http://127.0.0.1:3001`. */
  baseUrl?: string;
  /** Gateway, with `/v1`. Default: `http://127.0.0.1:3002/v1`. */
  gatewayBaseUrl?: string;
  /** The Local Bridge on the user's own computer. Default: `http://127.0.0.1:8787`. */
  localBridgeBaseUrl?: string;
  /** A session that the page was given. It is not renewed. */
  session?: FaucetSessionAnswer | FaucetSession;
  /** Asks the app's backend for a session (its answer of `POST /v1/sessions`). */
  fetchSession?: (ask: Ask) => Promise<FaucetSessionAnswer | FaucetSession>;
  /** Asks the app's backend for a signed user token. */
  fetchUserToken?: (ask: Ask) => Promise<string>;
  /** Proves nothing by itself: works for apps in identity mode `demo` only. */
  user?: { id: string; metadata?: Record<string, string> };
  /** Until the first byte of an answer. Default: API 30 s, models 150 s streamed, 930 s not. */
  timeoutMs?: number;
  /** Repeats after the first try. Default 2. */
  maxRetries?: number;
  /** Language of what the servers say, as in `accept-language`. */
  locale?: string;
  /** Where the token of the Local Bridge is kept: default the page's `localStorage`; null keeps it in memory alone. */
  storage?: FaucetStorage | null;
}

/** As much of `localStorage` as is used. */
export interface FaucetStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

/** Replaceable surroundings, for tests and for hosts that have their own fetch. */
export interface FaucetClientInternals {
  fetch?: FetchLike;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** 0 ≤ random < 1; spreads repeats. */
  random?: () => number;
  /** Carries the calls to the Local Bridge where no page can: through a browser extension or a desktop shell. */
  localFetch?: FetchLike;
}

export type Settings = {
  publicAppId: string;
  apiUrl: string;
  gatewayUrl: string;
  bridgeUrl: string;
  locale: string | undefined;
  storage: FaucetStorage | null | undefined;
  localFetch: FetchLike | undefined;
  identity: Identity;
  timeoutMs: number | undefined;
  maxRetries: number;
  fetch: FetchLike;
  now: () => number;
  random: () => number;
};

type Identity =
  | { kind: "session"; session: FaucetSessionAnswer | FaucetSession }
  | { kind: "fetchSession"; fetchSession: NonNullable<FaucetOptions["fetchSession"]> }
  | { kind: "fetchUserToken"; fetchUserToken: NonNullable<FaucetOptions["fetchUserToken"]> }
  | { kind: "user"; user: NonNullable<FaucetOptions["user"]> };

const optionNames = new Set<string>([
  "publicAppId",
  "baseUrl",
  "gatewayBaseUrl",
  "session",
  "fetchSession",
  "fetchUserToken",
  "user",
  "timeoutMs",
  "maxRetries",
  "localBridgeBaseUrl",
  "locale",
  "storage",
] satisfies (keyof FaucetOptions)[]);

/** Checks everything at once that can be checked without the network. @throws FaucetConfigError */
export function readOptions(options: FaucetOptions, internals: FaucetClientInternals = {}): Settings {
  const { storage: _storage, ...read } = options;
  refuseSecrets(read, "options");
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name)) {
      throw invalidConfig(`createFaucet has no option "${name}" in this version.`, name);
    }
  }
  if (!/^[a-zA-Z0-9_:-]{1,128}$/.test(options.publicAppId ?? "")) {
    throw invalidConfig(
      "publicAppId is the public id of your app: 1 to 128 of a-z, A-Z, 0-9, _, : and -.",
      "publicAppId",
    );
  }
  return {
    publicAppId: options.publicAppId,
    apiUrl: address(options.baseUrl ?? "http://127.0.0.1:3001", "baseUrl"),
    gatewayUrl: address(options.gatewayBaseUrl ?? "http://127.0.0.1:3002/v1", "gatewayBaseUrl"),
    bridgeUrl: bridgeAddress(options.localBridgeBaseUrl ?? "http://127.0.0.1:8787"),
    locale: localeOf(options.locale),
    storage: options.storage,
    localFetch: internals.localFetch,
    identity: identityOf(options),
    timeoutMs: wholeNumber(options.timeoutMs, "timeoutMs", 1, 3_600_000),
    maxRetries: wholeNumber(options.maxRetries, "maxRetries", 0, 10) ?? 2,
    fetch: internals.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    now: internals.now ?? Date.now,
    random: internals.random ?? Math.random,
  };
}

// Prefixes of tokens that belong on a server. Sources, read 2026-11-25: the vendors' own key pages (OpenAI and Anthropic
// `sk-`, Google `AIza`, Groq `gsk_`, xAI `xai-`, Hugging Face `hf_`, Perplexity `pplx-`, Stripe `sk_live_`/`rk_live_`).
const secretValue =
  /^(?:Bearer\s+)?(?:mf_dev_|mf_admin_|mf_idsec_|whsec_|sk-|sk_live_|sk_test_|rk_live_|AIza[\w-]{20}|gsk_|xai-|hf_\w{20}|pplx-)/;
const secretName = /^(?:.*api_?key|.*provider_?key|developer_?token|admin_?token|identity_?secret|secret)$/i;

/**
 * A page's source and memory are readable by its user, so a key that pays for everybody must never be in them.
 * @throws FaucetConfigError that names the field and never its value
 */
export function refuseSecrets(value: unknown, path: string, depth = 0): void {
  if (typeof value === "string") {
    if (secretValue.test(value.trim())) {
      throw invalidConfig(
        `${path} looks like a secret key. Keys belong on a server; a page is given a session.`,
        path,
      );
    }
    return;
  }
  if (typeof value !== "object" || value === null || depth > 4) return;
  for (const [name, inner] of Object.entries(value).slice(0, 200)) {
    if (typeof inner === "string" && secretName.test(name)) {
      throw invalidConfig(
        `${path}.${name} would hold a key. Keys belong on a server; a page is given a session.`,
        name,
      );
    }
    refuseSecrets(inner, `${path}.${name}`, depth + 1);
  }
}

function identityOf(options: FaucetOptions): Identity {
  if (options.session) return { kind: "session", session: options.session };
  if (options.fetchSession) return { kind: "fetchSession", fetchSession: options.fetchSession };
  if (options.fetchUserToken) return { kind: "fetchUserToken", fetchUserToken: options.fetchUserToken };
  if (options.user?.id) return { kind: "user", user: options.user };
  throw invalidConfig("Say who the user is: session, fetchSession, fetchUserToken or user.", "user");
}

function address(value: string, name: string): string {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw invalidConfig(
      `${name} must be an http or https address without credentials, query or fragment.`,
      name,
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** A prompt that is promised to stay on the device goes to no other address. */
function bridgeAddress(value: string): string {
  const url = address(value, "localBridgeBaseUrl");
  if (isLoopbackHost(new URL(url).hostname)) return url;
  throw invalidConfig(
    "localBridgeBaseUrl must be on this computer: 127.0.0.1, localhost or [::1].",
    "localBridgeBaseUrl",
  );
}

function localeOf(locale: string | undefined): string | undefined {
  try {
    return locale && Intl.getCanonicalLocales(locale)[0];
  } catch {
    throw invalidConfig("locale must be a language tag such as en or zh-CN.", "locale");
  }
}

function wholeNumber(
  value: number | undefined,
  name: string,
  least: number,
  most: number,
): number | undefined {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalidConfig(`${name} must be a whole number from ${least} to ${most}.`, name);
  }
  return value;
}
