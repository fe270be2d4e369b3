import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { createKeySets, type KeySetSource, type StoredKeySet } from "./key-sets.ts";

const minute = 60_000;
const publicKey = (kid: string) => ({
  ...generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" }),
  kid,
});
const keys = { old: publicKey("old"), new: publicKey("new") };
const source: KeySetSource = {
  appId: "a",
  developerId: "d",
  url: "https://keys.example/jwks.json",
  lastGood: null,
};

/** A URL that serves what a test says, and a clock that a test moves. */
function served() {
  const state = {
    now: 1_700_000_000_000,
    fetches: 0,
    keys: [keys.old],
    isAway: false,
    kept: [] as StoredKeySet[],
  };
  const sets = createKeySets({
    fetch: async () => {
      state.fetches += 1;
      // Whoever asks meanwhile waits for the same answer.
      await new Promise((resolve) => setImmediate(resolve));
      if (state.isAway) throw new Error("away");
      return JSON.stringify({ keys: state.keys });
    },
    keep: async (_source, stored) => {
      state.kept.push(stored);
    },
    nowMs: () => state.now,
    onError: (error) => {
      throw error;
    },
  });
  const find = async (kid: string, of = source) => {
    const found = await sets.find(of, kid);
    return found === null || found === "unavailable" ? found : "found";
  };
  return { state, find };
}

test("many at once fetch once, and for ten minutes nobody does again", async () => {
  const { state, find } = served();
  expect(await Promise.all(Array.from({ length: 50 }, () => find("old")))).toEqual(Array(50).fill("found"));
  state.now += 10 * minute - 1;
  expect(await find("old")).toBe("found");
  expect(state.fetches).toBe(1);
  state.now += 1;
  state.keys = [keys.new];
  expect([await find("old"), await find("new")]).toEqual([null, "found"]);
});

test("an unknown kid fetches once a minute, whoever asks", async () => {
  const { state, find } = served();
  await find("old");
  state.now += 2_000;
  state.keys = [keys.old, keys.new];
  expect(await find("new")).toBe("found");
  expect(state.fetches).toBe(2);
  for (let at = 0; at < 20; at++) expect(await find(`guess-${at}`)).toBeNull();
  expect(state.fetches).toBe(2);
  state.now += minute;
  for (let at = 0; at < 20; at++) expect(await find(`guess-${at}`)).toBeNull();
  expect(state.fetches).toBe(3);
});

test("while the URL is away its last good set serves a day, and it is asked for every ten seconds", async () => {
  const { state, find } = served();
  await find("old");
  state.isAway = true;
  state.now += 10 * minute;
  for (let at = 0; at < 10; at++) expect(await find("old")).toBe("found");
  expect(state.fetches).toBe(2);
  expect(await find("new")).toBe("unavailable");
  state.now += 24 * 60 * minute;
  expect(await find("old")).toBe("unavailable");
  state.isAway = false;
  state.now += 10_000;
  expect(await find("old")).toBe("found");
});

test("what was kept serves after a restart, of the same URL and for the rest of its day", async () => {
  const before = served();
  await before.find("old");
  expect(before.state.kept).toHaveLength(1);
  const after = served();
  after.state.isAway = true;
  const kept = { ...source, lastGood: before.state.kept[0]! };
  after.state.now += 23 * 60 * minute;
  expect(await after.find("old", kept)).toBe("found");
  expect(await after.find("old", { ...kept, appId: "b", url: "https://keys.example/other.json" })).toBe(
    "unavailable",
  );
  after.state.now += 61 * minute;
  expect(await after.find("old", kept)).toBe("unavailable");
});

test("what is no key set is as if the URL were away", async () => {
  const { state, find } = served();
  state.keys = "nonsense" as never;
  expect(await find("old")).toBe("unavailable");
  expect(state.kept).toEqual([]);
});

test("one app's set is none of another's, even behind one URL", async () => {
  const { state, find } = served();
  await find("old");
  state.now += 2_000;
  await find("guess");
  state.keys = [keys.old, keys.new];
  // The first app has used its look for this minute.
  expect(await find("new")).toBeNull();
  expect(await find("new", { ...source, appId: "b" })).toBe("found");
});
