import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { hashToken, isWellFormedToken } from "../../lib/ids.ts";
import type { MissLimiter } from "./miss-limiter.ts";
import type { SessionContext, SessionLookup } from "./session-context.ts";
import { readSessionByTokenHash } from "./session-store.ts";

export type SessionCache = {
  /**
   * The session of a token. A token without a right checksum costs no query, a known one none, any other one read.
   * @throws ApiError rate_limited after too many unknown tokens from one address
   */
  find(token: string, address: string): Promise<SessionLookup>;
  size(): number;
};

const mostSessions = 50_000;
const unknown: SessionLookup = { state: "unknown" };

type Reading = { promise: Promise<SessionContext | null>; outdated: boolean };

/** Sessions in memory by the hash of their token, forgotten the moment the change feed names them. */
export function createSessionCache(deps: {
  database: Pick<Database, "read">;
  feed: Pick<ChangeFeed, "on" | "now">;
  misses: MissLimiter;
  maxSessions?: number;
}): SessionCache {
  const maxSessions = deps.maxSessions ?? mostSessions;
  const sessions = new Map<string, SessionContext>();
  /** Token hashes by the session, end user and app that they belong to: what one change has to forget. */
  const groups = new Map<string, Set<string>>();
  const readings = new Map<string, Reading>();

  const forget = (hash: string): void => {
    const session = sessions.get(hash);
    if (!session) return;
    sessions.delete(hash);
    for (const group of groupsOf(session)) {
      const members = groups.get(group);
      members?.delete(hash);
      if (members?.size === 0) groups.delete(group);
    }
  };
  const forgetGroup = (group: string): void => {
    for (const hash of groups.get(group) ?? []) forget(hash);
    // A read on its way may have seen the time before this change: whoever asks from now on reads again.
    for (const [hash, reading] of readings) {
      reading.outdated = true;
      readings.delete(hash);
    }
  };
  const remember = (hash: string, session: SessionContext): void => {
    forget(hash);
    while (sessions.size >= maxSessions) forget(sessions.keys().next().value!);
    sessions.set(hash, session);
    for (const group of groupsOf(session)) {
      const members = groups.get(group);
      if (members) members.add(hash);
      else groups.set(group, new Set([hash]));
    }
  };
  // The limiter stands inside: who waits for a turn to read waits together with all who ask for the same session.
  const read = (hash: string, address: string): Promise<SessionContext | null> => {
    const running = readings.get(hash);
    if (running) return running.promise;
    const reading: Reading = { promise: Promise.resolve(null), outdated: false };
    reading.promise = deps.misses
      .run(address, () => deps.database.read({ purpose: "cache" }, (tx) => readSessionByTokenHash(tx, hash)))
      .then((session) => {
        if (session && !reading.outdated) remember(hash, session);
        return session;
      })
      .finally(() => {
        if (readings.get(hash) === reading) readings.delete(hash);
      });
    readings.set(hash, reading);
    return reading.promise;
  };

  deps.feed.on("session", (id) => forgetGroup(`session ${id}`));
  deps.feed.on("end_user", (id) => forgetGroup(`end_user ${id}`));
  // A wallet has the id of its end user.
  deps.feed.on("wallet", (id) => forgetGroup(`end_user ${id}`));
  deps.feed.on("app", (id) => forgetGroup(`app ${id}`));

  return {
    find: async (token, address) => {
      const hash = hashToken(token);
      const known = sessions.get(hash);
      if (known) {
        sessions.delete(hash);
        sessions.set(hash, known);
        return lookup(known, deps.feed.now());
      }
      // Only what is not known is looked at more closely: a mistyped token costs no query.
      if (!isWellFormedToken(token, "mf_sess_")) return unknown;
      const session = await read(hash, address);
      return session ? lookup(session, deps.feed.now()) : unknown;
    },
    size: () => sessions.size,
  };
}

function groupsOf(session: SessionContext): string[] {
  return [`session ${session.sessionId}`, `end_user ${session.endUserId}`, `app ${session.appId}`];
}

function lookup(session: SessionContext, nowMs: number): SessionLookup {
  return { state: nowMs < session.expiresAtMs ? "live" : "expired", session };
}
