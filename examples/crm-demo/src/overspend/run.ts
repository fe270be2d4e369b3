import type { FaucetWallet } from "@modelfaucet/sdk";
import { featureKey } from "../faucet.ts";
import { toUnits } from "../money/amount.ts";
import { runRequest } from "../requests/run-request.ts";
import { createStore } from "../store.ts";
import { readWalletNow, walletView } from "../wallet/wallet-view.ts";
import type { OverspendPlan } from "./plan.ts";

export type OverspendReport = {
  plan: OverspendPlan;
  admitted: number;
  /** Why the others were refused, each reason with its number. */
  refusals: readonly { note: string; count: number }[];
  failed: number;
  /** In 1e-8 USD. */
  charged: bigint;
  /** The lowest balance less holds of all samples, in 1e-8 USD; negative if it ever was. */
  lowest: bigint;
  samples: number;
};

/** The report is filled in while the run goes on, and stays after it. */
export const overspend = createStore<{ running: boolean; report: OverspendReport | null }>({
  running: false,
  report: null,
});

export const overspendPrompt = "Say in one sentence that you are one of several answers asked for at once.";
// The simulated answers last long enough to be watched and are short enough to stay cheap.
const answerMs = 3_000;
const answerTokens = 24;

/** Sends all requests of the plan in the same moment and watches the wallet until the last one has ended. */
export async function runOverspend(
  plan: OverspendPlan,
  wallet: FaucetWallet,
  simulated: boolean,
): Promise<void> {
  if (overspend.get().running) return;
  const nothing = { admitted: 0, refusals: [], failed: 0, charged: 0n, samples: 1 };
  overspend.set(() => ({ running: true, report: { plan, ...nothing, lowest: leftOf(wallet) } }));
  const stopWatching = watchWallet();
  await Promise.all(Array.from({ length: plan.requests }, (_, index) => runOne(plan, index, simulated)));
  stopWatching();
  const last = await readWalletNow().catch(() => null);
  if (last) addSample(last);
  overspend.set((state) => ({ ...state, running: false }));
}

async function runOne(plan: OverspendPlan, index: number, simulated: boolean): Promise<void> {
  const outcome = await runRequest(
    `Try ${index + 1} of ${plan.requests}`,
    {
      feature: featureKey,
      model: plan.model,
      // Only credits can be overspent, whoever pays for replies at the moment.
      routeMode: "platform",
      input: overspendPrompt,
      maxOutputTokens: plan.maxOutputTokens,
      body: {
        n: plan.choices,
        ...(simulated ? { simulate: { duration_ms: answerMs, output_tokens: answerTokens } } : {}),
      },
    },
    { onStart: () => changeReport(({ admitted }) => ({ admitted: admitted + 1 })) },
  );
  switch (outcome.kind) {
    case "settled": {
      const charge = toUnits(outcome.result.modelfaucet.charge_usd);
      changeReport(({ charged }) => ({ charged: charged + charge }));
      return;
    }
    case "refused":
      changeReport(({ refusals }) => ({ refusals: countOne(refusals, outcome.note) }));
      return;
    default:
      changeReport(({ failed }) => ({ failed: failed + 1 }));
  }
}

/** Every reading of the wallet while the requests run. */
function watchWallet(): () => void {
  let last = walletView.get();
  return walletView.subscribe(() => {
    const wallet = walletView.get();
    if (wallet && wallet !== last) addSample(wallet);
    last = wallet;
  });
}

function addSample(wallet: FaucetWallet): void {
  const left = leftOf(wallet);
  changeReport(({ lowest, samples }) => ({ lowest: least(left, lowest), samples: samples + 1 }));
}

/** Balance less holds, computed here: `available_usd` is cut at 0 and could not tell. */
function leftOf(wallet: FaucetWallet): bigint {
  return toUnits(wallet.balance_usd) - toUnits(wallet.held_usd);
}

function least(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function countOne(refusals: OverspendReport["refusals"], note: string): OverspendReport["refusals"] {
  const known = refusals.find((refusal) => refusal.note === note);
  if (!known) return [...refusals, { note, count: 1 }];
  return refusals.map((refusal) => (refusal === known ? { note, count: known.count + 1 } : refusal));
}

function changeReport(change: (report: OverspendReport) => Partial<OverspendReport>): void {
  overspend.set((state) =>
    state.report ? { ...state, report: { ...state.report, ...change(state.report) } } : state,
  );
}
