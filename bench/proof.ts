import { setTimeout as delay } from "node:timers/promises";
import { openDatabase } from "@modelfaucet/server/lib/db.ts";
import { deepChecks, minuteChecks, runChecks } from "@modelfaucet/server/modules/books/books.ts";
import { chargesOf } from "./ground.ts";
import type { Rig } from "./rig.ts";
import type { Sent } from "./scenarios.ts";

/** What the books say after the load, beside what was sent. Speed that costs a cent is no speed. */
export type Proof = {
  ok: boolean;
  calls: number;
  charged_usd: string;
  expected_usd: string;
  open_holds: number;
  upstream_calls: number;
  failed_checks: string[];
};

const settledWithinMs = 10_000;

export async function proveBooks(rig: Rig, sent: Sent): Promise<Proof> {
  const deadline = performance.now() + settledWithinMs;
  while ((await openHolds(rig)) > 0 && performance.now() < deadline) await delay(50);
  const [sums] = await rig.sql<{ calls: number; charged: string }[]>`
    select count(*)::int as calls, coalesce(sum(charge_usd), 0)::numeric(20,8)::text as charged from usage_events`;
  const calls = sent.settled + sent.probed;
  const stats = (await (await fetch(new URL("/__stub/stats", rig.upstream))).json()) as {
    billableCalls: number;
  };
  const proof = {
    calls: sums!.calls,
    charged_usd: sums!.charged,
    expected_usd: chargesOf(calls),
    open_holds: await openHolds(rig),
    upstream_calls: stats.billableCalls,
    failed_checks: await failedChecks(rig),
  };
  const ok =
    proof.calls === calls &&
    proof.charged_usd === proof.expected_usd &&
    proof.open_holds === 0 &&
    proof.upstream_calls === sent.settled + sent.relayed &&
    proof.failed_checks.length === 0;
  return { ok, ...proof };
}

async function openHolds(rig: Rig): Promise<number> {
  const [row] = await rig.sql<{ count: number }[]>`select count(*)::int as count from holds`;
  return row!.count;
}

async function failedChecks(rig: Rig): Promise<string[]> {
  const database = openDatabase({
    url: rig.databaseUrl,
    poolMax: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 120_000,
    idleTransactionTimeoutMs: 120_000,
    applicationName: "modelfaucet bench",
  });
  try {
    const results = await database.read({ purpose: "operator" }, (tx) =>
      runChecks(tx, [...minuteChecks, ...deepChecks]),
    );
    return results.filter(({ ok }) => !ok).map(({ name, samples }) => `${name}: ${samples.join(", ")}`);
  } finally {
    await database.close();
  }
}
