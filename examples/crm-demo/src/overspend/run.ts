import { faucet, featureKey } from "../faucet.ts";
import { toExact, toUnits } from "../money/amount.ts";
import { runRequest } from "../requests/run-request.ts";
import { createStore } from "../store.ts";
import { walletView } from "../wallet/follow-wallet.ts";
import type { OverspendPlan } from "./plan.ts";

export type OverspendReport = {
  plan: OverspendPlan;
  admitted: number;
  /** Why the others were refused, each reason with its number. */
  refusals: { note: string; count: number }[];
  failed: number;
  chargedUsd: string;
  /** The lowest balance less holds of all samples, as a decimal string; negative if it ever was. */
  lowestUsd: string;
  samples: number;
};

export const overspend = createStore<{ running: boolean; report: OverspendReport | null }>({
  running: false,
  report: null,
});

export const overspendPrompt = "Say in one sentence that you are one of several answers asked for at once.";
// The simulated answers last long enough to be watched and are short enough to stay cheap.
const answerMs = 3_000;
const answerTokens = 24;

/** Sends all requests of the plan in the same moment and watches the wallet until the last one has ended. */
export async function runOverspend(plan: OverspendPlan, simulated: boolean): Promise<void> {
  if (overspend.get().running) return;
  overspend.set((state) => ({ ...state, running: true }));
  const watch = watchLowest();
  const outcomes = await Promise.all(
    Array.from({ length: plan.requests }, (_, index) =>
      runRequest(`Try ${index + 1} of ${plan.requests}`, {
        feature: featureKey,
        model: plan.model,
        input: overspendPrompt,
        maxOutputTokens: plan.maxOutputTokens,
        body: {
          n: plan.choices,
          ...(simulated ? { simulate: { duration_ms: answerMs, output_tokens: answerTokens } } : {}),
        },
      }),
    ),
  );
  const { lowest, samples } = await watch.end();
  const settled = outcomes.filter((outcome) => outcome.kind === "settled");
  const notes = outcomes.flatMap((outcome) => (outcome.kind === "refused" ? [outcome.note] : []));
  const charged = settled.reduce((sum, { result }) => sum + toUnits(result.modelfaucet.charge_usd), 0n);
  overspend.set(() => ({
    running: false,
    report: {
      plan,
      admitted: settled.length,
      refusals: [...new Set(notes)].map((note) => ({
        note,
        count: notes.filter((other) => other === note).length,
      })),
      failed: outcomes.filter((outcome) => outcome.kind === "failed" || outcome.kind === "stopped").length,
      chargedUsd: toExact(charged),
      lowestUsd: toExact(lowest),
      samples,
    },
  }));
}

/** Balance less holds is computed here from each sample: `available_usd` is cut at 0 and could not tell. */
function watchLowest() {
  const first = walletView.get().wallet;
  let lowest = first ? toUnits(first.balance_usd) - toUnits(first.held_usd) : null;
  let samples = first ? 1 : 0;
  const sample = (balanceUsd: string, heldUsd: string) => {
    const left = toUnits(balanceUsd) - toUnits(heldUsd);
    if (lowest === null || left < lowest) lowest = left;
    samples += 1;
  };
  let last = first;
  const stop = walletView.subscribe(() => {
    const { wallet } = walletView.get();
    if (!wallet || wallet === last) return;
    last = wallet;
    sample(wallet.balance_usd, wallet.held_usd);
  });
  return {
    async end() {
      stop();
      const wallet = await faucet.wallet();
      sample(wallet.balance_usd, wallet.held_usd);
      walletView.set(() => ({ wallet, error: null, readAtMs: Date.now() }));
      return { lowest: lowest ?? 0n, samples };
    },
  };
}
