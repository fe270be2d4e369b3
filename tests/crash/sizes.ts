/** What a suite does in CI, and what it does in `pnpm test:soak`, which sets `MODELFAUCET_SOAK`. */
export function sized<T>(sizes: { ci: T; soak: T }): T {
  return process.env.MODELFAUCET_SOAK ? sizes.soak : sizes.ci;
}
