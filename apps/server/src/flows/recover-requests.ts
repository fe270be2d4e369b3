import type { RouteMode } from "@modelfaucet/contract/values.ts";
import type { Database, Tx } from "../lib/db.ts";
import { type Usd, usdFromStore, zeroUsd } from "../lib/money.ts";
import { type Books, credits } from "../modules/books/books.ts";
import type { CloseItem, KeyClaim, Settlement } from "../modules/books/items.ts";

/** A hold whose lease ended: its process has died, or has lost the database for longer than we have. */
type Abandoned = {
  app_id: string;
  id: string;
  route_mode: RouteMode;
  provider: string;
  model: string;
  progress: { attempt?: number; sent?: boolean; output_tokens?: number; cost_usd?: string };
  idempotency_caller: string | null;
  idempotency_route: string | null;
  idempotency_key: string | null;
  age_ms: number;
};

export type Recovery = {
  start(): void;
  stop(): Promise<void>;
};

const pollMs = 1_000;
const graceSeconds = 15;
const mostAtOnce = 500;

/**
 * Closes what a crash left behind: leases that ended 15 s ago, as flagged, at no charge. It waits until its own polls
 * have succeeded for 15 s in a row, since after an outage of the database live gateways need that time to renew.
 */
export function createRecovery(options: {
  database: Database;
  books: Books;
  onRecovered: (errorCode: "never_sent" | "interrupted") => void;
  onError: (error: unknown) => void;
}): Recovery {
  let goodSince: number | null = null;
  let stopped = false;
  let loop: Promise<void> = Promise.resolve();
  let wake: () => void = () => {};

  const round = async (): Promise<void> => {
    const asked = performance.now();
    const abandoned = await options.database.read({ purpose: "recovery" }, findAbandoned);
    goodSince ??= asked;
    if (performance.now() - goodSince < graceSeconds * 1_000) return;
    await Promise.all(abandoned.map((hold) => closeAbandoned(hold, options)));
  };
  const run = async (): Promise<void> => {
    while (!stopped) {
      await round().catch((error) => {
        goodSince = null;
        options.onError(error);
      });
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, pollMs).unref();
      });
    }
  };
  return {
    start: () => {
      loop = run();
    },
    stop: async () => {
      stopped = true;
      wake();
      await loop;
    },
  };
}

/** Holds whose lease ended long enough ago; those that somebody is closing right now are left to them. */
export async function findAbandoned(tx: Tx): Promise<Abandoned[]> {
  return tx<Abandoned[]>`
    select app_id, id, route_mode, provider, model, progress, idempotency_caller, idempotency_route, idempotency_key,
      (extract(epoch from mf_now() - created_at) * 1000)::float8 as age_ms
    from holds where lease_until < mf_now() - make_interval(secs => ${graceSeconds})
    order by lease_until limit ${mostAtOnce}`;
}

/**
 * Closes every open hold the way recovery does, whatever its lease says: after a restore no process lives that could
 * renew one. Gives how many. @throws when one of them stays open
 */
export async function voidOpenHolds(options: { database: Database; books: Books }): Promise<number> {
  let closed = 0;
  for (;;) {
    const open = await options.database.read({ purpose: "recovery" }, findOpen);
    if (open.length === 0) return closed;
    const results = await Promise.all(open.map((hold) => options.books.close(closeOf(hold))));
    const stays = results.findIndex(({ outcome }) => outcome !== "settled");
    if (stays >= 0) throw new Error(`the hold of request ${open[stays]!.id} could not be released`);
    closed += open.length;
  }
}

async function findOpen(tx: Tx): Promise<Abandoned[]> {
  return tx<Abandoned[]>`
    select app_id, id, route_mode, provider, model, progress, idempotency_caller, idempotency_route, idempotency_key,
      (extract(epoch from mf_now() - created_at) * 1000)::float8 as age_ms
    from holds order by app_id, id limit ${mostAtOnce}`;
}

async function closeAbandoned(
  hold: Abandoned,
  options: { books: Books; onRecovered: (errorCode: "never_sent" | "interrupted") => void },
): Promise<void> {
  const result = await options.books.close({ ...closeOf(hold), onlyIfAbandoned: true });
  if (result.outcome === "settled" && !result.repeated) options.onRecovered(errorCodeOf(hold));
}

const errorCodeOf = (hold: Abandoned) => (hold.progress.sent ? "interrupted" : "never_sent");

function closeOf(hold: Abandoned): CloseItem {
  return {
    appId: hold.app_id,
    requestId: hold.id,
    settlement: flagged(hold, errorCodeOf(hold)),
    key: claimOf(hold),
  };
}

function flagged(hold: Abandoned, errorCode: string): Settlement {
  const cost: Usd = hold.progress.cost_usd ? usdFromStore(hold.progress.cost_usd) : zeroUsd;
  return {
    outcome: "flagged",
    errorCode,
    provider: hold.provider,
    model: hold.model,
    servedModel: hold.model,
    payer: { ...credits, routeMode: hold.route_mode },
    tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 },
    requests: 0,
    usageSource: "estimated",
    simulated: false,
    lines: [],
    pricing: { mode: "usage_markup", markup_percent: "0.00", developer_share_bps: 0 },
    costUsd: zeroUsd,
    chargeUsd: zeroUsd,
    feeUsd: zeroUsd,
    developerShareBps: 0,
    failedCostsUsd: cost > 0n ? [cost] : [],
    attempts: [],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: null,
    durationMs: Math.min(Math.round(hold.age_ms), 2_147_483_647),
  };
}

function claimOf(hold: Abandoned): { claim: KeyClaim; finish: "free" } | null {
  const { idempotency_caller: caller, idempotency_route: route, idempotency_key: key } = hold;
  if (caller === null || route === null || key === null) return null;
  return { claim: { caller, route, key, fingerprint: "" }, finish: "free" };
}
