/** What a suite does in CI, and what it does in `pnpm test:soak`, which sets `MODELFAUCET_SOAK`. */
export function sized<T>(sizes: { ci: T; soak: T }): T {
  return process.env.MODELFAUCET_SOAK ? sizes.soak : sizes.ci;
}

/** A seed for what a suite leaves to chance: the soak's, else this one, so that CI does the same every time. */
export function soakSeed(otherwise = 1): number {
  return Number(process.env.MODELFAUCET_SOAK_SEED ?? otherwise);
}

/** Numbers from 0 to below 1 that follow from a seed. Source: mulberry32, public domain, read November 2026. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
