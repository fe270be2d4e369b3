import { expect, it } from "vitest";
import { mixedTraffic } from "./traffic.ts";

const app = (name: string) => ({
  publicAppId: name,
  userIds: [],
  limits: 0,
  tokens: Array.from({ length: 250 }, (_, place) => `${name}-${place}`),
});

it("mixes wallets of all apps, few of them often and most of them seldom, alike in every run", () => {
  const apps = ["a", "b", "c", "d"].map(app);
  const traffic = mixedTraffic(apps, 250);
  expect(mixedTraffic(apps, 250)).toEqual(traffic);
  const calls = new Map<string, number>();
  for (const token of traffic.tokens) calls.set(token, (calls.get(token) ?? 0) + 1);
  const most = [...calls.values()].sort((a, b) => b - a);
  // 1/n over a thousand wallets: the first has a share of 1 in 7.5.
  expect(most[0]! / traffic.tokens.length).toBeGreaterThan(0.11);
  expect(most[0]! / traffic.tokens.length).toBeLessThan(0.16);
  expect(traffic.wallets).toBeGreaterThan(500);
  expect(new Set(traffic.tokens.map((token) => token[0]))).toEqual(new Set(["a", "b", "c", "d"]));
});
