import type { Switches } from "@modelfaucet/server/modules/switch/switch.ts";

/** Nothing is switched off, and nothing ever will be: for tests below the wiring. */
export const nothingOff: Switches = {
  isOff: () => false,
  throttleOf: () => null,
  offFor: () => null,
  throttlesFor: () => [],
  onOff: () => {},
  reload: async () => {},
};
