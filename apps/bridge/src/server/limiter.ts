/** At most so many events per key within a minute. Bounded in keys, too: the longest unused one is forgotten. */
export type Limiter = {
  /** 0 when there is room, which is taken; else the seconds to wait. */
  take(key: string): number;
  forget(key: string): void;
};

const windowMs = 60_000;
const keysMax = 1000;

export function createLimiter(perMinute: number, now: () => number = Date.now): Limiter {
  const events = new Map<string, number[]>();
  return {
    take(key) {
      const recent = (events.get(key) ?? []).filter((at) => now() - at < windowMs);
      events.delete(key);
      if (recent.length >= perMinute) {
        events.set(key, recent);
        return Math.max(1, Math.ceil((recent[0]! + windowMs - now()) / 1000));
      }
      events.set(key, [...recent, now()]);
      if (events.size > keysMax) events.delete(events.keys().next().value!);
      return 0;
    },
    forget: (key) => void events.delete(key),
  };
}
