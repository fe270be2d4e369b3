import type { GroundApp } from "./ground.ts";

/** Whose calls are sent, one token for each in the order in which they go out, again from the first after the last. */
export type Traffic = {
  name: "hot" | "spread" | "mixed" | "limited";
  tokens: readonly string[];
  wallets: number;
  apps: number;
  /** How many limits each call meets. */
  limits: number;
};

/** One wallet pays for everything: every open and close wants the same row. */
export function hotTraffic(app: GroundApp): Traffic {
  return { name: "hot", tokens: app.tokens.slice(0, 1), wallets: 1, apps: 1, limits: 0 };
}

/** Every wallet of one app as often as every other. */
export function spreadTraffic(app: GroundApp): Traffic {
  const { tokens, limits } = app;
  return { name: limits === 0 ? "spread" : "limited", tokens, wallets: tokens.length, apps: 1, limits };
}

const mixedCalls = 4_096;

/**
 * The wallets of several apps as people use them: the nth of them 1/n as often as the first, in an order that is drawn
 * once and so the same in every run.
 */
export function mixedTraffic(apps: readonly GroundApp[], walletsPerApp: number): Traffic {
  const wallets = Array.from({ length: walletsPerApp }, (_, place) =>
    apps.map((app) => app.tokens[place]!),
  ).flat();
  const shares = wallets.map((_, place) => 1 / (place + 1));
  const whole = shares.reduce((sum, share) => sum + share, 0);
  const draw = drawing();
  const tokens = Array.from({ length: mixedCalls }, () => {
    let left = draw() * whole;
    const place = shares.findIndex((share) => {
      left -= share;
      return left <= 0;
    });
    return wallets.at(place)!;
  });
  return { name: "mixed", tokens, wallets: new Set(tokens).size, apps: apps.length, limits: 0 };
}

/** Numbers from 0 to 1, always the same ones. Source: the xorshift of Marsaglia, "Xorshift RNGs", 2003. */
function drawing(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
