import type { FaucetWallet } from "@modelfaucet/sdk";
import { showUsd, toUnits } from "../money/amount.ts";
import { CrossIcon, TickIcon } from "../page/icons.tsx";
import { isSimulated, type Model } from "../requests/models.ts";
import { useStore } from "../store.ts";
import { type OverspendPlan, planOverspend, requestsAtOnce } from "./plan.ts";
import { type OverspendReport, overspend, overspendPrompt, runOverspend } from "./run.ts";

/** Says beforehand what will happen, then does it, then says what did. */
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
  const plan = models && wallet ? planOverspend(models, wallet.spendable_usd, bytes) : null;
  const simulated = isSimulated(models ?? []);
  return (
    <section className="card try" aria-labelledby="try-title" aria-busy={running}>
      <h2 id="try-title">Try to overspend</h2>
      {plan && !running && (
        <p className="forecast">
          {plan.requests} requests, money for {plan.admitted}
        </p>
      )}
      <p>{running ? runningText : promise(plan, models !== undefined && wallet !== null, simulated)}</p>

      <button
        type="button"
        className="primary"
        disabled={plan === null || running}
        onClick={() => plan && void runOverspend(plan, simulated)}
      >
        {running ? "Running…" : `Send ${requestsAtOnce} at once`}
      </button>

      <div aria-live="polite">{report && !running && <Report report={report} />}</div>
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
  const each = `Each holds about ${showUsd(plan.holdUnits, { decimals: plan.holdUnits > 1_000_000n ? 2 : 4 })}, a good quarter of what is left,`;
  const real = simulated ? "" : " The answers are short but real, and are charged.";
  if (plan.admitted >= plan.requests)
    return `${each} but all of them fit: no model here could hold more.${real}`;
  return `${each} so ${plan.admitted} of ${plan.requests} fit. The others must be refused, and what is left must never go below zero.${real}`;
}

function Report({ report }: { report: OverspendReport }) {
  const neverNegative = toUnits(report.lowestUsd) >= 0n;
  const asForecast = report.admitted === report.plan.admitted;
  return (
    <ul className="report" data-testid="report">
      <li>
        <Mark holds={asForecast} />
        <span>
          <b data-testid="admitted">{report.admitted}</b> admitted
          {asForecast ? ", as forecast" : `, forecast was ${report.plan.admitted}`}
        </span>
        <span className="num">{showUsd(report.chargedUsd)} charged</span>
      </li>
      {report.refusals.map(({ note, count }) => (
        <li key={note}>
          <Mark holds />
          <span>
            <b>{count}</b> refused: {note}
          </span>
          <span className="num">$0.00</span>
        </li>
      ))}
      {report.failed > 0 && (
        <li>
          <Mark holds={false} />
          <span>
            <b>{report.failed}</b> failed, not charged
          </span>
          <span className="num">$0.00</span>
        </li>
      )}
      <li>
        <Mark holds={neverNegative} />
        <span>{neverNegative ? "Never below zero" : "Went below zero"}; lowest left</span>
        <span
          className="num"
          data-testid="lowest"
          title={`${report.lowestUsd}, of ${report.samples} readings`}
        >
          {showUsd(report.lowestUsd, { round: "down" })}
        </span>
      </li>
    </ul>
  );
}

function Mark({ holds }: { holds: boolean }) {
  return holds ? <TickIcon label="as it must be" /> : <CrossIcon label="not as it must be" />;
}
