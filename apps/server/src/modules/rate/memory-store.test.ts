import { expect, it } from "vitest";
import type { RateClaim } from "./claims.ts";
import { createMemoryStore } from "./memory-store.ts";

const claim = (change: Partial<RateClaim>): RateClaim => ({
  key: "requests:app:a:app",
  measure: "requests",
  level: "app",
  limit: 2,
  windowMs: 1_000,
  cost: 1,
  ...change,
});

function storeAt(start = 0) {
  const clock = { now: start };
  return { clock, store: createMemoryStore(() => clock.now) };
}

it("takes every claim of a request or none", async () => {
  const { store } = storeAt();
  const wide = claim({ key: "wide", limit: 10 });
  const narrow = claim({ key: "narrow", limit: 1 });
  expect((await store.take([wide, narrow], "1")).refusedBy).toBeNull();
  expect(await store.take([wide, narrow], "2")).toMatchObject({
    refusedBy: 1,
    counted: [{ remaining: 9, taken: 0 }, {}],
  });
  expect((await store.take([wide], "3")).counted[0]!.remaining).toBe(8);
});

it("a window begins with its first request and ends after its length, whatever was refused meanwhile", async () => {
  const { store, clock } = storeAt(5_000);
  const one = claim({ limit: 1 });
  await store.take([one], "1");
  clock.now += 999;
  expect((await store.take([one], "2")).counted[0]).toMatchObject({ remaining: 0, resetMs: 1 });
  clock.now += 1;
  expect((await store.take([one], "3")).refusedBy).toBeNull();
});

it("tokens are taken as far as they go, and given back only to the window that they came from", async () => {
  const { store, clock } = storeAt();
  const tokens = claim({ key: "t", measure: "tokens", limit: 100, cost: 4_096 });
  const first = (await store.take([tokens], "1")).counted[0]!;
  expect([first.taken, first.remaining]).toEqual([100, 0]);
  expect((await store.take([tokens], "2")).refusedBy).toBe(0);
  const windowEndsAtMs = store.nowMs() + first.resetMs;
  await store.give([{ key: "t", measure: "tokens", amount: 60, windowEndsAtMs }]);
  expect((await store.take([{ ...tokens, cost: 10 }], "3")).counted[0]).toMatchObject({
    taken: 10,
    remaining: 50,
  });
  clock.now += 1_000;
  await store.take([{ ...tokens, cost: 10 }], "4");
  await store.give([{ key: "t", measure: "tokens", amount: 60, windowEndsAtMs }]);
  expect((await store.take([{ ...tokens, cost: 10 }], "5")).counted[0]!.remaining).toBe(80);
});

it("a place among those at a time is free when it is given back, or when nobody keeps it", async () => {
  const { store, clock } = storeAt();
  const places = claim({ key: "c", measure: "concurrency", limit: 1 });
  await store.take([places], "1");
  expect((await store.take([places], "2")).refusedBy).toBe(0);
  clock.now += 59_000;
  await store.keep(new Map([["1", ["c"]]]));
  clock.now += 59_000;
  expect((await store.take([places], "2")).refusedBy).toBe(0);
  clock.now += 2_000;
  expect((await store.take([places], "2")).refusedBy).toBeNull();
  await store.free(["c"], "2");
  expect((await store.take([places], "3")).refusedBy).toBeNull();
});

it("a paced limit grows back evenly: a burst of it, and then one in each step", async () => {
  const { store, clock } = storeAt(7_000);
  const paced = claim({ key: "p", measure: "paced", limit: 10, windowMs: 60_000 });
  for (let call = 0; call < 10; call++) expect((await store.take([paced], "1")).refusedBy).toBeNull();
  expect(await store.take([paced], "1")).toMatchObject({
    refusedBy: 0,
    counted: [{ remaining: 0, resetMs: 6_000 }],
  });
  clock.now += 5_999;
  expect((await store.take([paced], "1")).refusedBy).toBe(0);
  clock.now += 1;
  expect((await store.take([paced], "1")).refusedBy).toBeNull();
  expect((await store.take([paced], "1")).refusedBy).toBe(0);
  clock.now += 60_000;
  for (let call = 0; call < 10; call++) expect((await store.take([paced], "1")).refusedBy).toBeNull();
});
