import type { EndpointSettings } from "../config/settings.ts";
import { BridgeError } from "../errors.ts";

/** Calls under way: so many per endpoint, and one per idempotency key. */
export type Slots = {
  /** @throws BridgeError rate_limited */
  enter(endpoint: EndpointSettings): () => void;
  /** @throws BridgeError idempotency_in_progress */
  claim(owner: string, key: string): () => void;
};

export function createSlots(): Slots {
  const running = new Map<string, number>();
  const claimed = new Set<string>();
  return {
    enter({ id, maxConcurrency }) {
      const count = running.get(id) ?? 0;
      if (count >= maxConcurrency) {
        throw new BridgeError(
          "rate_limited",
          "This model server is busy with other requests; try again in a moment.",
          {
            details: { endpoint_id: id, limit: maxConcurrency },
            headers: { "retry-after": "1" },
          },
        );
      }
      running.set(id, count + 1);
      return once(() => running.set(id, (running.get(id) ?? 1) - 1));
    },
    claim(owner, key) {
      const claim = JSON.stringify([owner, key]);
      if (claimed.has(claim)) {
        throw new BridgeError(
          "idempotency_in_progress",
          "A request with this Idempotency-Key is still running; wait for its answer.",
          {
            headers: { "retry-after": "1" },
          },
        );
      }
      claimed.add(claim);
      return once(() => claimed.delete(claim));
    },
  };
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
