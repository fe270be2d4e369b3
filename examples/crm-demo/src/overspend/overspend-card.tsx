import type { FaucetWallet } from "@modelfaucet/sdk";
import { showUsd, toExact } from "../money/amount.ts";
import { CrossIcon, TickIcon } from "../page/icons.tsx";
import { isSimulated, type Model } from "../requests/models.ts";
import { useStore } from "../store.ts";
import { type OverspendPlan, planOverspend, requestsAtOnce } from "./plan.ts";
import { type OverspendReport, overspend, overspendPrompt, runOverspend } from "./run.ts";

/** Says beforehand what will happen, then does it and counts, and says at the end what did. */
export function OverspendCard({
  models,
  wallet,
}: {
  models: readonly Model[] | undefined;
  wallet: FaucetWallet | null;
}) {
  const { running, report } = useStore(overspend);
  // The whole body counts as input; beside its text it has about 250 bytes.
  const bytes = new TextEncoder().encode(overspendPrompt).length + 250;
  const next = models && wallet ? planOverspend(models, wallet.spendable_usd, bytes) : null;
  const plan = running && report ? report.plan : next;
  const simulated = isSimulated(models ?? []);
  return (
    <section className="card try" aria-labelledby="try-title" aria-busy={running}>
      <h2 id="try-title">Try to overspend</h2>
      <p className="forecast">{plan ? `${plan.requests} requests, money for ${plan.admitted}` : "\u00a0"}</p>
      <p className="promise">
        {running ? runningText : promise(plan, models !== undefined && wallet !== null, simulated)}
      </p>
      <button
        type="button"
        className="primary"
        disabled={plan === null || running}
        onClick={() => plan && wallet && void runOverspend(plan, wallet, simulated)}
      >
        {running ? "Running…" : `Send ${requestsAtOnce} at once`}
      </button>
      {report && <Report report={report} running={running} />}
      <p className="visually-hidden" aria-live="polite">
        {report && !running ? spoken(report) : ""}
      </p>
    </section>
  );
}

const runningText =
  "All of them are on their way. Watch the held part grow: what it covers cannot be spent a second time.";

function promise(plan: OverspendPlan | null, known: boolean, simulated: boolean): string {
  if (!plan) {
    return known
      ? "There is not enough money left for even one short answer, so nothing can be sent."
      : "Sends several requests in the same moment that together need more money than there is.";
  }
  const hold = showUsd(plan.holdUnits, { decimals: plan.holdUnits > 1_000_000n ? 2 : 4 });
  const each = `Each holds about ${hold}, a good quarter of what is left,`;
  const real = simulated ? "" : " The answers are short but real, and are charged.";
  if (plan.admitted >= plan.requests) {
    return `${each} but all of them fit: no model here could hold more.${real}`;
  }
  return `${each} so ${plan.admitted} of ${plan.requests} fit. The others must be refused, and what is left must never go below zero.${real}`;
}

function Report({ report, running }: { report: OverspendReport; running: boolean }) {
  const { plan, admitted, refusals, failed, charged, lowest, samples } = report;
  const refused = refusals.reduce((sum, { count }) => sum + count, 0);
  return (
    <ul className="report" data-testid="report" data-running={running}>
      <li>
        <Mark holds={running ? null : admitted === plan.admitted} />
        <span>
          <b data-testid="admitted">{admitted}</b> admitted
          {running ? "" : admitted === plan.admitted ? ", as forecast" : `, forecast was ${plan.admitted}`}
        </span>
        <span className="num">{showUsd(charged)} charged</span>
      </li>
      <li>
        <Mark holds={running ? null : refused + admitted === plan.requests} />
        <span>
          <b data-testid="refused">{refused}</b> refused
          {refusals.length > 0 ? `: ${refusals.map(({ note }) => note).join(", ")}` : ""}
        </span>
        <span className="num">$0.00</span>
      </li>
      {failed > 0 && (
        <li>
          <Mark holds={false} />
          <span>
            <b>{failed}</b> failed
          </span>
          <span className="num">not charged</span>
        </li>
      )}
      <li>
        <Mark holds={running ? null : lowest >= 0n} />
        <span>
          {lowest < 0n
            ? "Went below zero; lowest left"
            : running
              ? "Lowest left so far"
              : "Never below zero; lowest left"}
        </span>
        <span className="num" data-testid="lowest" title={`${toExact(lowest)}, of ${samples} readings`}>
          {showUsd(lowest, { round: "down" })}
        </span>
      </li>
    </ul>
  );
}

function Mark({ holds }: { holds: boolean | null }) {
  if (holds === null) return <i />;
  return holds ? <TickIcon label="as it must be" /> : <CrossIcon label="not as it must be" />;
}

function spoken({ plan, admitted, refusals, lowest }: OverspendReport): string {
  const reasons = refusals.map(({ count, note }) => `${count} refused because ${note}`).join(", ");
  const below = lowest >= 0n ? "The balance never went below zero." : "The balance went below zero.";
  return `${admitted} of ${plan.requests} admitted. ${reasons}. ${below}`;
}
