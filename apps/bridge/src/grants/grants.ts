import { timingSafeEqual } from "node:crypto";
import { matchesAny } from "../glob.ts";
import { sharedFile } from "../home/shared-file.ts";
import { hashSecret, isGrantToken, newGrantToken, uuidV7 } from "../ids.ts";
import { isObject, parseJson } from "../json.ts";

/** Who may use the bridge: a page by its origin, or a program without one by the name that the user gave it. */
export type Grant = {
  id: string;
  origin: string | null;
  /** Of a program without an origin. */
  native: string | null;
  token_hash: string;
  models: string[];
  created_at: string;
  last_used_at: string | null;
  expire_after_days: number;
  /** Kept a while, so that its page is told `invalid_grant` and not that it never was paired. */
  revoked_at: string | null;
  tokens_today: { day: string; input: number; output: number } | null;
};

export type GrantStore = {
  /** Those that are neither revoked nor expired. */
  active(): Grant[];
  isPaired(origin: string): boolean;
  /** The active grant of this token, whoever's it is. */
  byToken(token: string): Grant | null;
  /** Whether a token was once this origin's. */
  wasOf(token: string, origin: string): boolean;
  isActive(id: string): boolean;
  /** A new grant; the one that the same origin or name had ends. The token is in no other answer. */
  add(
    owner: { origin: string } | { native: string },
    terms: { models: string[]; expireAfterDays: number },
  ): { grant: Grant; token: string };
  /** Ends grants by id or origin, or all; gives those that ended. */
  revoke(which: { id: string } | { origin: string } | "all"): Grant[];
  /** Notes a use; written to disk at most every few seconds. */
  used(id: string): void;
  counted(id: string, input: number, output: number): void;
  /** Writes what was noted; what cannot be written is tried again at the next use. */
  flush(): void;
};

type GrantFile = { version: 1; grants: Grant[] };

const dayMs = 86_400_000;
const flushMs = 5000;
const grantsMax = 500;
const endedMax = 100;
const endedDays = 90;

export function openGrants(
  path: string,
  onUnwritten: (error: unknown) => void = () => {},
  now: () => number = Date.now,
): GrantStore {
  const file = sharedFile<GrantFile>(path, parseGrants);
  const noted = new Map<string, { lastUsedMs: number; input: number; output: number }>();
  let flushTimer: NodeJS.Timeout | undefined;

  const isLive = (grant: Grant): boolean =>
    grant.revoked_at === null && now() < expiresAtMs(grant, noted.get(grant.id)?.lastUsedMs);
  const active = (): Grant[] => file.read().grants.filter(isLive);
  const withHash = (token: string): Grant | undefined => {
    if (!isGrantToken(token)) return undefined;
    const hash = hashSecret(token);
    return file.read().grants.find((grant) => sameHash(grant.token_hash, hash));
  };
  const note = (id: string, input: number, output: number): void => {
    const sum = noted.get(id) ?? { lastUsedMs: 0, input: 0, output: 0 };
    noted.set(id, { lastUsedMs: now(), input: sum.input + input, output: sum.output + output });
    flushTimer ??= setTimeout(flush, flushMs).unref();
  };
  function flush(): void {
    clearTimeout(flushTimer);
    flushTimer = undefined;
    if (noted.size === 0) return;
    try {
      file.change(({ grants }) => ({
        content: { version: 1, grants: grants.map((grant) => withUse(grant, noted.get(grant.id), now())) },
        result: undefined,
      }));
      noted.clear();
    } catch (error) {
      onUnwritten(error);
    }
  }

  return {
    active,
    isPaired: (origin) => active().some((grant) => grant.origin === origin),
    byToken(token) {
      const grant = withHash(token);
      return grant !== undefined && isLive(grant) ? grant : null;
    },
    wasOf: (token, origin) => withHash(token)?.origin === origin,
    isActive: (id) => active().some((grant) => grant.id === id),
    add(owner, terms) {
      const token = newGrantToken();
      const grant: Grant = {
        id: `grant_${uuidV7(now())}`,
        origin: "origin" in owner ? owner.origin : null,
        native: "native" in owner ? owner.native : null,
        token_hash: hashSecret(token),
        models: terms.models,
        created_at: iso(now()),
        last_used_at: null,
        expire_after_days: terms.expireAfterDays,
        revoked_at: null,
        tokens_today: null,
      };
      file.change(({ grants }) => {
        const ended = grants.map((old) => (sameOwner(old, grant) ? end(old, now()) : old));
        return { content: { version: 1, grants: trimmed([...ended, grant], now()) }, result: undefined };
      });
      return { grant, token };
    },
    revoke(which) {
      return file.change(({ grants }) => {
        const isMeant = (grant: Grant): boolean =>
          grant.revoked_at === null &&
          (which === "all" || ("id" in which ? grant.id === which.id : grant.origin === which.origin));
        const ended = grants.filter(isMeant);
        if (ended.length === 0) return { content: null, result: [] };
        const left = grants.map((grant) => (isMeant(grant) ? end(grant, now()) : grant));
        return { content: { version: 1, grants: trimmed(left, now()) }, result: ended };
      });
    },
    used: (id) => note(id, 0, 0),
    counted: note,
    flush,
  };
}

/** Epoch milliseconds; a grant that is used lives on. */
function expiresAtMs(grant: Grant, usedMs = 0): number {
  const last = Math.max(Date.parse(grant.last_used_at ?? grant.created_at), usedMs);
  return last + grant.expire_after_days * dayMs;
}

export function expiresAt(grant: Grant): string {
  return iso(expiresAtMs(grant));
}

/** Whose usage reports these are, and what is shown: the origin, or `native:<name>`. */
export function ownerOf(grant: Grant): string {
  return grant.origin ?? `native:${grant.native}`;
}

export function mayUse(grant: Grant, modelId: string): boolean {
  return matchesAny(grant.models, modelId);
}

function end(grant: Grant, nowMs: number): Grant {
  return grant.revoked_at === null ? { ...grant, revoked_at: iso(nowMs) } : grant;
}

function sameOwner(one: Grant, other: Grant): boolean {
  return one.origin === other.origin && one.native === other.native;
}

function withUse(
  grant: Grant,
  use: { lastUsedMs: number; input: number; output: number } | undefined,
  nowMs: number,
): Grant {
  if (use === undefined) return grant;
  const day = iso(nowMs).slice(0, 10);
  const today = grant.tokens_today?.day === day ? grant.tokens_today : { day, input: 0, output: 0 };
  return {
    ...grant,
    last_used_at: iso(use.lastUsedMs),
    tokens_today: { day, input: today.input + use.input, output: today.output + use.output },
  };
}

/** Bounded: ended grants go after a time, and of too many the least used. */
function trimmed(grants: readonly Grant[], nowMs: number): Grant[] {
  const byUse = (one: Grant, other: Grant): number => expiresAtMs(other) - expiresAtMs(one);
  const live = grants.filter(({ revoked_at }) => revoked_at === null);
  const ended = grants.filter(
    ({ revoked_at }) => revoked_at !== null && nowMs - Date.parse(revoked_at) < endedDays * dayMs,
  );
  return [...live.sort(byUse).slice(0, grantsMax), ...ended.sort(byUse).slice(0, endedMax)];
}

function parseGrants(text: string | null): GrantFile {
  if (text === null) return { version: 1, grants: [] };
  const content = parseJson(text);
  // Nothing that cannot be read opens a door.
  if (!isObject(content) || content.version !== 1 || !Array.isArray(content.grants)) {
    throw new Error("grants.json cannot be read; move it away and pair again");
  }
  return content as unknown as GrantFile;
}

function sameHash(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

const iso = (ms: number): string => new Date(ms).toISOString();
