import { createRateLimiter } from "@modelfaucet/server/modules/rate/rate.ts";
import { nothingOff } from "./switches.ts";

/** A limiter of this process, with the environment's limit on credentials off: a test calls as often as it likes. */
export const withoutCredentialRate = {
  rates: createRateLimiter({ redisUrl: null, now: Date.now, onError: (error) => console.error(error) }),
  credentialRate: { maxRequests: 0, windowMs: 60_000 },
  switches: nothingOff,
  nowMs: Date.now,
};
