import type { Api } from "../api.ts";
import type { Sessions } from "../sessions.ts";
import type { Bridge } from "./bridge.ts";
import type { FaucetLocalUsageFlushResult, FaucetLocalUsageReport } from "./wire.ts";

/** Brings the counts of local answers to the API; what cannot be delivered waits in the bridge, else in this page. */
export type UsageReports = {
  /** `sent`: the API has it. */
  deliver(report: FaucetLocalUsageReport): Promise<"sent" | "queued">;
  pending(): FaucetLocalUsageReport[];
  flush(signal?: AbortSignal): Promise<FaucetLocalUsageFlushResult>;
};

type Own = (report: FaucetLocalUsageReport) => boolean;
type Item = { request_id: string; status: "accepted" | "duplicate" | "rejected" };

const path = "/v1/local/usage-reports";
/** An answer waits for its report that long at most. */
const deliveryMs = 4_000;
const batchSize = 100;
/** As many as a bridge keeps at most. */
const mostBatches = 100;
const mostInMemory = 1_000;

export function createUsageReports(
  api: Api,
  bridge: Bridge,
  sessions: Sessions,
  appId: string,
): UsageReports {
  let inMemory: FaucetLocalUsageReport[] = [];
  /** The bridge may hold reports of an earlier page, so the first delivery looks there. */
  let bridgeMayHold = true;
  let flushing: Promise<FaucetLocalUsageFlushResult> | undefined;

  /** Ids of the reports that the API has judged: nothing more is to be done about them. */
  async function post(
    reports: readonly FaucetLocalUsageReport[],
    signal: AbortSignal | undefined,
  ): Promise<string[]> {
    const extra = { feature: reports[0]!.feature_key, signal, timeoutMs: deliveryMs, once: true };
    const { items } = await api.write<{ items: Item[] }>("POST", path, { reports }, extra);
    return items.map(({ request_id }) => request_id);
  }

  async function hand(report: FaucetLocalUsageReport): Promise<void> {
    try {
      const call = { method: "POST", body: JSON.stringify(report), gesture: false } as const;
      await bridge.ask("/usage/report", { ...call, timeoutMs: deliveryMs });
      bridgeMayHold = true;
    } catch {
      inMemory = [...inMemory, report].slice(-mostInMemory);
    }
  }

  async function flushMemory(own: Own, signal: AbortSignal | undefined): Promise<number> {
    let flushed = 0;
    for (;;) {
      const batch = inMemory.filter(own).slice(0, batchSize);
      if (batch.length === 0) return flushed;
      const judged = new Set(await post(batch, signal));
      const waiting = inMemory.length;
      inMemory = inMemory.filter(({ request_id }) => !judged.has(request_id));
      if (inMemory.length === waiting) return flushed;
      flushed += waiting - inMemory.length;
    }
  }

  async function flushBridge(
    own: Own,
    signal: AbortSignal | undefined,
  ): Promise<FaucetLocalUsageFlushResult> {
    const asking = { gesture: false, signal };
    let flushed = 0;
    let pending = 0;
    for (let batch = 0; batch < mostBatches && bridge.token.read() !== undefined; batch++) {
      const { items } = await bridge.ask<{ items: FaucetLocalUsageReport[] }>("/usage/report", asking);
      pending = items.length;
      const reports = items.filter(own).slice(0, batchSize);
      const ids = reports.length > 0 ? await post(reports, signal) : [];
      if (ids.length === 0) break;
      const call = { method: "POST", body: JSON.stringify({ request_ids: ids }), ...asking } as const;
      const acknowledged = await bridge.ask<{ removed: number; pending: number }>("/usage/ack", call);
      pending = acknowledged.pending;
      if (acknowledged.removed === 0) break;
      flushed += acknowledged.removed;
    }
    return { flushed, pending };
  }

  async function flush(signal: AbortSignal | undefined): Promise<FaucetLocalUsageFlushResult> {
    bridgeMayHold = false;
    // One browser may serve several people, and the API counts a report for whom the session belongs to.
    const { end_user_id_hash } = await sessions.current(undefined, signal);
    const own: Own = (report) => report.app_id === appId && report.end_user_id_hash === end_user_id_hash;
    const fromMemory = await flushMemory(own, signal);
    const { flushed, pending } = await flushBridge(own, signal);
    return { flushed: fromMemory + flushed, pending: inMemory.length + pending };
  }

  function flushOnce(signal?: AbortSignal): Promise<FaucetLocalUsageFlushResult> {
    flushing ??= flush(signal).finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  return {
    async deliver(report) {
      try {
        await post([report], AbortSignal.timeout(deliveryMs));
      } catch {
        await hand(report);
        return "queued";
      }
      // Whatever else waits goes along now that the API answers; nobody waits for it, and a failure leaves it waiting.
      if (inMemory.length > 0 || bridgeMayHold) flushOnce().catch(() => {});
      return "sent";
    },
    pending: () => inMemory.map((report) => ({ ...report })),
    flush: flushOnce,
  };
}
