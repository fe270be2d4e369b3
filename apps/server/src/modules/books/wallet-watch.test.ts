import { expect, it } from "vitest";
import type { Database } from "../../lib/db.ts";
import { parseUsd, type Usd } from "../../lib/money.ts";
import { createWalletWatch } from "./wallet-watch.ts";

const usd = (text: string): Usd => parseUsd(text)!;
const wallet = { appId: "app", id: "one" };
const staying = (): AbortSignal => new AbortController().signal;

/** Reads that give back a balance, count themselves and wait to be let through. */
function scripted(balance: { text: string }) {
  const reads: { asked: number; fails: boolean } = { asked: 0, fails: false };
  const database: Pick<Database, "read"> = {
    read: async <T>() => {
      reads.asked += 1;
      if (reads.fails) throw new Error("the database is away");
      return [{ app_id: "app", id: "one", balance_usd: balance.text }] as T;
    },
  };
  return { reads, database };
}

function watchOf(
  database: Pick<Database, "read">,
  change: Partial<Parameters<typeof createWalletWatch>[0]> = {},
) {
  return createWalletWatch({ database, pollMs: 5, onError: () => {}, ...change });
}

it("asks once a poll for all who wait, and nothing when nobody waits", async () => {
  const balance = { text: "1.00000000" };
  const { reads, database } = scripted(balance);
  const watch = watchOf(database, { pollMs: 250 });
  const waits = Array.from({ length: 15 }, () => watch.untilDiffers(wallet, usd("1"), 5_000, staying()));
  await expect.poll(() => reads.asked, { interval: 5 }).toBe(1);
  balance.text = "2.00000000";
  await Promise.all(waits);
  expect(reads.asked).toBe(2);
  expect(watch.waiting).toBe(0);
});

it("ends when the caller leaves, when its time is over, and when the watch stops", async () => {
  const { database } = scripted({ text: "1.00000000" });
  const watch = watchOf(database);
  const leaving = new AbortController();
  const left = watch.untilDiffers(wallet, usd("1"), 60_000, leaving.signal);
  leaving.abort();
  await left;
  await watch.untilDiffers(wallet, usd("1"), 20, staying());
  await watch.untilDiffers(wallet, usd("1"), 60_000, AbortSignal.abort());
  const stopped = watch.untilDiffers(wallet, usd("1"), 60_000, staying());
  watch.stop();
  await stopped;
  expect(watch.waiting).toBe(0);
});

it("refuses waiters beyond its bound, and lets a wallet's newest push out its oldest", async () => {
  const { database } = scripted({ text: "1.00000000" });
  const watch = watchOf(database, { mostWaiters: 3, mostWaitersPerWallet: 2 });
  const wait = (id: string) => watch.untilDiffers({ appId: "app", id }, usd("1"), 60_000, staying());
  const oldest = wait("one");
  const others = [wait("one"), wait("one")];
  await oldest;
  others.push(wait("two"));
  await expect(wait("three")).rejects.toMatchObject({ code: "service_unavailable" });
  watch.stop();
  await Promise.all(others);
});

it("goes on after a poll that failed", async () => {
  const balance = { text: "2.00000000" };
  const { reads, database } = scripted(balance);
  reads.fails = true;
  const watch = watchOf(database);
  const waiting = watch.untilDiffers(wallet, usd("1"), 60_000, staying());
  await expect.poll(() => reads.asked).toBeGreaterThan(1);
  reads.fails = false;
  await waiting;
});
