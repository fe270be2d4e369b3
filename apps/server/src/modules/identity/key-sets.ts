import { type KeySet, type KeySetDocument, readKeySet, type VerificationKey } from "./key-set.ts";

/** The last set that a URL answered with, as its app's row keeps it. */
export type StoredKeySet = { url: string; keys: KeySetDocument["keys"]; fetchedAtMs: number };

export type KeySetSource = {
  appId: string;
  developerId: string;
  url: string;
  /** Of this or an earlier URL; only what this one answered counts. */
  lastGood: StoredKeySet | null;
};

export type KeySets = {
  /**
   * The key with that `kid` of the set behind an app's URL: out of memory for ten minutes, then fetched again. An unknown
   * `kid` fetches once a minute at most. While the URL is away its last good set serves for a day. `null`: the set has no
   * such key; `unavailable`: no set is there to be asked. Never call it while a transaction is open.
   */
  find(source: KeySetSource, kid: string): Promise<VerificationKey | null | "unavailable">;
};

const freshMs = 10 * 60_000;
const lastGoodMs = 24 * 3_600_000;
const unknownKidEveryMs = 60_000;
/** A URL that is away is tried again after so long, whoever asks. */
const retryMs = 10_000;
/** The kept set is written anew this often even if it is the same. */
const keepEveryMs = 3_600_000;
const mostSets = 1_000;
const mostFetches = 32;

type Entry = {
  set: KeySet | null;
  fetchedAtMs: number;
  keptText: string;
  keptAtMs: number;
  triedAtMs: number;
  unknownTriedAtMs: number;
  failed: boolean;
  fetching: Promise<void> | null;
};

/**
 * `fetch` gives the text of a URL's answer, bounded in size and time, or throws. `keep` stores a set; that it fails takes
 * nothing from whoever waits. `nowMs` is the database's clock.
 */
export function createKeySets(deps: {
  fetch(url: string): Promise<string>;
  keep(source: KeySetSource, stored: StoredKeySet): Promise<void>;
  nowMs(): number;
  onError(error: unknown): void;
}): KeySets {
  const entries = new Map<string, Entry>();
  let fetches = 0;

  const entryOf = (source: KeySetSource): Entry => {
    const key = `${source.appId} ${source.url}`;
    const entry = entries.get(key) ?? entryFrom(source);
    // To the end: the set that was asked for least lately goes first.
    entries.delete(key);
    while (entries.size >= mostSets) entries.delete(entries.keys().next().value!);
    entries.set(key, entry);
    return entry;
  };
  const fetchInto = async (entry: Entry, source: KeySetSource): Promise<void> => {
    entry.triedAtMs = deps.nowMs();
    entry.failed = true;
    if (fetches >= mostFetches) return;
    fetches += 1;
    try {
      const document = JSON.parse(await deps.fetch(source.url)) as KeySetDocument;
      const set = readKeySet(document);
      if (set === null) return;
      Object.assign(entry, { set, fetchedAtMs: deps.nowMs(), failed: false });
      keepWhatIsNew(entry, source, document);
    } catch {
      // Away, or no key set: which of both is its owner's to find out, and the set before it serves on.
    } finally {
      fetches -= 1;
    }
  };
  const keepWhatIsNew = (entry: Entry, source: KeySetSource, { keys }: KeySetDocument): void => {
    const text = JSON.stringify(keys);
    const { fetchedAtMs } = entry;
    if (text === entry.keptText && fetchedAtMs - entry.keptAtMs < keepEveryMs) return;
    Object.assign(entry, { keptText: text, keptAtMs: fetchedAtMs });
    void deps.keep(source, { url: source.url, keys, fetchedAtMs }).catch(deps.onError);
  };
  /** Together with all who ask for the same set. */
  const fetchOnce = (entry: Entry, source: KeySetSource): Promise<void> => {
    entry.fetching ??= fetchInto(entry, source).finally(() => {
      entry.fetching = null;
    });
    return entry.fetching;
  };

  return {
    find: async (source, kid) => {
      const entry = entryOf(source);
      const isOld = entry.set === null || deps.nowMs() - entry.fetchedAtMs >= freshMs;
      const isDue = entry.fetching !== null || deps.nowMs() - entry.triedAtMs >= retryMs;
      if (isOld && isDue) await fetchOnce(entry, source);
      const known = keyIn(entry, kid, deps.nowMs());
      if (known !== null) return known;
      // A set that was fetched for this very call is as new as one can be.
      if (!(isOld && isDue) && deps.nowMs() - entry.unknownTriedAtMs >= unknownKidEveryMs) {
        entry.unknownTriedAtMs = deps.nowMs();
        await fetchOnce(entry, source);
      }
      return keyIn(entry, kid, deps.nowMs()) ?? (entry.failed ? "unavailable" : null);
    },
  };
}

function keyIn(entry: Entry, kid: string, nowMs: number): VerificationKey | "unavailable" | null {
  if (entry.set === null || nowMs - entry.fetchedAtMs >= lastGoodMs) return "unavailable";
  return entry.set.get(kid) ?? null;
}

function entryFrom({ url, lastGood }: KeySetSource): Entry {
  const stored = lastGood?.url === url ? lastGood : null;
  const never = Number.NEGATIVE_INFINITY;
  return {
    set: stored && readKeySet(stored),
    fetchedAtMs: stored?.fetchedAtMs ?? never,
    keptText: stored ? JSON.stringify(stored.keys) : "",
    keptAtMs: stored?.fetchedAtMs ?? never,
    triedAtMs: never,
    unknownTriedAtMs: never,
    failed: false,
    fetching: null,
  };
}
