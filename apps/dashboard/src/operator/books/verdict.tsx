import { showCount } from "../../format/count.ts";
import { isZero, sumUsd } from "../../format/money.ts";
import { Answer, type Asked } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { SkeletonFigure } from "../../ui/skeleton.tsx";
import type { Checks, Reconciliation } from "./books-queries.ts";

/** By how much stored balances and the ledger differ, in big letters: 0. */
export function Verdict({ wallets, checks }: { wallets: Asked<Reconciliation>; checks: Asked<Checks> }) {
  const again = () => {
    void wallets.refetch();
    void checks.refetch();
  };
  const busy = wallets.isFetching || checks.isFetching;
  return (
    <section aria-label="Drift" className="mb-5 overflow-hidden rounded border border-line bg-surface">
      <div className="flex flex-wrap items-end gap-x-6 gap-y-3 px-4 py-4">
        <div className="min-w-0">
          <h2 className="text-xs font-medium text-muted">Drift between balances and ledger, USD</h2>
          <Answer query={wallets} skeleton={<SkeletonFigure className="mt-1 h-10 w-16" />} page>
            {(found) => <Drift found={found} />}
          </Answer>
        </div>
        <Button className="ml-auto" disabled={busy} onClick={again}>
          {busy ? "Checking…" : "Check again"}
        </Button>
      </div>
      {wallets.data && checks.data && <Summary wallets={wallets.data} checks={checks.data} />}
    </section>
  );
}

function Drift({ found }: { found: Reconciliation }) {
  const { mismatch_count: count } = found.summary;
  const drift = sumUsd(found.items.map(({ delta_usd: usd }) => usd));
  return (
    <p
      className={classNames("text-3xl font-semibold tracking-tight", count === 0 ? "text-good" : "text-bad")}
    >
      {found.next_cursor !== null && <span>at least </span>}
      {isZero(drift) ? <span data-usd={drift}>0</span> : <ExactMoney usd={drift} />}
    </p>
  );
}

function Summary({ wallets, checks }: { wallets: Reconciliation; checks: Checks }) {
  const { wallet_count: all, mismatch_count: wrong } = wallets.summary;
  const failing = checks.items.filter(({ ok }) => !ok).length;
  const leases = checks.items.find(({ name }) => name === "no_hold_outlives_its_lease");
  return (
    <Facts
      flat
      items={[
        {
          name: "Wallets",
          value:
            wrong === 0 ? (
              `all ${showCount(all)} agree`
            ) : (
              <b className="text-bad">
                {showCount(wrong)} of {showCount(all)} do not agree
              </b>
            ),
        },
        {
          name: "Checks",
          value:
            failing === 0 ? (
              `all ${checks.items.length} hold`
            ) : (
              <b className="text-bad">
                {failing} of {checks.items.length} broken
              </b>
            ),
        },
        ...(leases
          ? [
              {
                name: "Open holds",
                value: (
                  <>
                    {showCount(leases.checked)}
                    {leases.violations > 0 ? (
                      <b className="text-bad">, {showCount(leases.violations)} overdue</b>
                    ) : (
                      <span className="text-muted">, none overdue</span>
                    )}
                  </>
                ),
              },
            ]
          : []),
        { name: "Checked", value: <FullMoment at={checks.generated_at} /> },
      ]}
    />
  );
}
