import type { readTrialBalance } from "@modelfaucet/contract/routes/admin-books.ts";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { readKept } from "../../api/read.ts";
import { periodOf } from "../../format/period.ts";
import { Answer } from "../../ui/answer.tsx";
import { classNames } from "../../ui/class-names.ts";
import { useNow } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { SkeletonFigure } from "../../ui/skeleton.tsx";
import { leftForPlatform, type TrialBalance } from "../books/add-up.ts";

const tiles: readonly (readonly [label: string, of: (income: Income) => string])[] = [
  ["Charged, last 24 hours", (income) => income.charge_usd],
  ["Upstream cost", (income) => income.provider_cost_usd],
  ["Developers' share", (income) => income.developer_share_usd],
  ["Left for the platform", leftForPlatform],
];

type Income = TrialBalance["income"];

/** What the last 24 hours brought; each figure leads to the books of that time. */
export function Numbers() {
  const { from, to } = periodOf({ range: "24h" }, useNow());
  const query = useQuery(readKept<typeof readTrialBalance>("/v1/admin/books", { query: { from, to } }));
  return (
    <section aria-label="Numbers" className="overflow-hidden rounded border border-line bg-surface">
      <Answer query={query} skeleton={<Tiles />}>
        {({ income }) => <Tiles income={income} />}
      </Answer>
    </section>
  );
}

function Tiles({ income }: { income?: Income }) {
  return (
    <div className="grid grid-cols-4 max-lg:grid-cols-2 max-[400px]:grid-cols-1">
      {tiles.map(([label, of]) => (
        <div key={label} className="-mt-px -ml-px min-w-0 border-t border-l border-line px-4 py-3">
          <p className="min-h-4 text-xs font-medium text-muted">{label}</p>
          {income === undefined ? (
            <SkeletonFigure className="my-1 h-7 w-28" />
          ) : (
            <Link
              to="/operator/books"
              search={{ range: "24h" }}
              className={classNames(
                "num rounded-sm text-2xl font-semibold tracking-tight no-underline hover:text-accent",
                of(income).startsWith("-") && "text-bad",
              )}
            >
              <Money usd={of(income)} />
            </Link>
          )}
        </div>
      ))}
    </div>
  );
}
