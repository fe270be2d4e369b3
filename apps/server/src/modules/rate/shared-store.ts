import { Redis } from "ioredis";
import { type RateStore, slotLeaseMs, slotRetryMs } from "./claims.ts";

export type SharedStore = RateStore & { close(): void; ping(): Promise<void> };

/** A store that does not answer within this is away: a request does not wait for it. */
const commandTimeoutMs = 250;
const prefix = "modelfaucet:{rate}:";

/**
 * Counters that several instances share, in Redis or Valkey. One script looks at every claim of a request and takes all
 * of them or none; time is the store's own. @throws (from each call) when the store does not answer in time
 */
export function createSharedStore(url: string, onError: (error: unknown) => void): SharedStore {
  const redis = new Redis(url, {
    connectTimeout: 1_000,
    commandTimeout: commandTimeoutMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
    lazyConnect: false,
  });
  redis.on("error", onError);
  const run = async (script: string, keys: readonly string[], args: readonly (string | number)[]) =>
    redis.eval(script, keys.length, ...keys.map((key) => prefix + key), ...args.map(String));

  return {
    // The store tells how long a window still runs; that is laid over a clock of ours that is never set.
    nowMs: () => performance.now(),
    take: async (claims, slotId) => {
      const facts = claims.flatMap(({ measure, limit, windowMs, cost }) => [measure, limit, windowMs, cost]);
      const answer = (await run(
        takeScript,
        claims.map(({ key }) => key),
        [slotId, slotLeaseMs, slotRetryMs, ...facts],
      )) as number[];
      const [refused, ...rows] = answer;
      const counted = claims.map((_, index) => {
        const [remaining, resetMs, taken] = rows.slice(index * 3, index * 3 + 3);
        return { remaining: Math.max(0, remaining!), resetMs: resetMs!, taken: taken! };
      });
      return { refusedBy: refused! > 0 ? refused! - 1 : null, counted };
    },
    give: async (changes) => {
      if (changes.length === 0) return;
      const now = performance.now();
      const facts = changes.flatMap(({ amount, windowEndsAtMs }) => [
        amount,
        Math.round(windowEndsAtMs - now),
      ]);
      await run(
        giveScript,
        changes.map(({ key }) => key),
        facts,
      );
    },
    free: async (keys, slotId) => {
      if (keys.length > 0) await run(freeScript, keys, [slotId]);
    },
    keep: async (slots) => {
      for (const [slotId, keys] of slots) await run(keepScript, keys, [slotId, slotLeaseMs]);
    },
    ping: async () => {
      await redis.ping();
    },
    close: () => redis.disconnect(),
  };
}

/** Keys: one counter each. Arguments: slot, its lease, its retry, then measure, limit, window and cost of each. */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slot, lease, retry = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local refused = 0
local seen = {}
for i, key in ipairs(KEYS) do
  local measure, limit, window, cost = ARGV[i * 4], tonumber(ARGV[i * 4 + 1]), tonumber(ARGV[i * 4 + 2]), tonumber(ARGV[i * 4 + 3])
  local remaining, reset
  if measure == 'concurrency' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    remaining, reset = limit - redis.call('ZCARD', key), retry
  elseif measure == 'paced' then
    local pace = window / limit
    local left = math.max(0, redis.call('PTTL', key))
    remaining = limit - left / pace
    reset = math.max(1, (1 - remaining) * pace)
  else
    local left = redis.call('PTTL', key)
    remaining = limit - (tonumber(redis.call('GET', key)) or 0)
    reset = left > 0 and left or window
  end
  if refused == 0 and ((measure == 'requests' and remaining < cost) or (measure ~= 'requests' and remaining < 1)) then refused = i end
  seen[i] = {measure, remaining, reset, cost}
end
local answer = {refused}
for i, key in ipairs(KEYS) do
  local measure, remaining, reset, cost = unpack(seen[i])
  local taken = 0
  if refused == 0 and measure == 'concurrency' then
    taken = 1
    redis.call('ZADD', key, now + lease, slot)
    redis.call('PEXPIRE', key, lease)
  elseif refused == 0 and measure == 'paced' then
    taken = 1
    local pace = ARGV[i * 4 + 2] / ARGV[i * 4 + 1]
    redis.call('SET', key, 1, 'PX', math.ceil((ARGV[i * 4 + 1] - remaining + 1) * pace))
  elseif refused == 0 then
    taken = math.min(cost, remaining)
    if redis.call('EXISTS', key) == 1 then redis.call('INCRBY', key, taken) else redis.call('SET', key, taken, 'PX', reset) end
  end
  answer[#answer + 1] = math.floor(remaining - taken)
  answer[#answer + 1] = math.ceil(reset)
  answer[#answer + 1] = taken
end
return answer`;

/** Gives back only what was taken from the very window that still runs, and never more than is counted there. */
const giveScript = `
for i, key in ipairs(KEYS) do
  local amount, left = tonumber(ARGV[i * 2 - 1]), tonumber(ARGV[i * 2])
  local ttl = redis.call('PTTL', key)
  if ttl > 0 and math.abs(ttl - left) < 500 then
    local used = tonumber(redis.call('GET', key)) or 0
    redis.call('SET', key, math.max(0, used - amount), 'KEEPTTL')
  end
end
return 0`;

const freeScript = `for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end return 0`;

const keepScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, key in ipairs(KEYS) do
  if redis.call('ZSCORE', key, ARGV[1]) then
    redis.call('ZADD', key, now + ARGV[2], ARGV[1])
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
return 0`;
