// Preloaded with `--import` into one instance: its own clock is off by MODELFAUCET_TEST_CLOCK_MS, the database's is not.
const shift = Number(process.env.MODELFAUCET_TEST_CLOCK_MS ?? 0);
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + shift);
    else super(...args);
  }

  static now() {
    return RealDate.now() + shift;
  }
};
