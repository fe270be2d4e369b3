import type { readTrialBalance } from "@modelfaucet/contract/routes/admin-books.ts";
import { useQuery } from "@tanstack/react-query";
import { readKept } from "../../api/read.ts";
import { periodOf } from "../../format/period.ts";
import { scopeWords } from "../../ledger/entries-card.tsx";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { Facts } from "../../ui/facts.tsx";
import { Cross, Tick } from "../../ui/icons.tsx";
import { useNow } from "../../ui/moment.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { PeriodPicker } from "../../ui/period-picker.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Table, Td, Th } from "../../ui/table.tsx";
import { addUp, leftForPlatform, type TrialBalance } from "./add-up.ts";
import type { BooksSearch } from "./search.ts";

/** Every account of the ledger over a period, both sides, added up again by this page. */
export function TrialBalanceCard({
  search,
  change,
}: {
  search: BooksSearch;
  change: (next: BooksSearch) => void;
}) {
  const now = useNow();
  const whole = search.range === undefined && search.from === undefined;
  const period = whole ? null : periodOf(search, now);
  const query = useQuery(
    readKept<typeof readTrialBalance>("/v1/admin/books", {
      query: period === null ? {} : { from: period.from, to: period.to },
    }),
  );
  return (
    <Card title="Trial balance" note={period === null ? "since the beginning" : period.label}>
      <div className="flex flex-wrap items-end gap-3 px-4 pb-4">
        <PeriodPicker search={search} change={change} anyTime />
      </div>
      <Answer query={query} skeleton={<Skeleton rows={7} />}>
        {(balance) => (
          <div className={classNames(query.isPlaceholderData && "opacity-60")}>
            {balance.scopes.length === 0 ? (
              <Empty title="Nothing has moved yet">
                Every settlement, credit and adjustment is booked here on both sides as soon as it happens.
              </Empty>
            ) : (
              <Balance balance={balance} />
            )}
          </div>
        )}
      </Answer>
    </Card>
  );
}

function Balance({ balance }: { balance: TrialBalance }) {
  const sums = addUp(balance.scopes);
  const agrees = sums.agrees && balance.sums_to_zero;
  return (
    <>
      <Table
        label="Trial balance"
        head={
          <>
            <Th wide>Account</Th>
            <Th className="max-md:hidden">Side</Th>
            <Th right className="max-md:hidden">
              Opening
            </Th>
            <Th right className="max-sm:hidden">
              Debits
            </Th>
            <Th right className="max-sm:hidden">
              Credits
            </Th>
            <Th right>Closing</Th>
          </>
        }
      >
        {balance.scopes.map((row) => (
          <tr key={row.scope} className={classNames(sums.wrong.includes(row.scope) && "bg-bad-weak")}>
            <Td wide className="max-sm:py-2">
              {scopeWords[row.scope]}
              <Movements debits={row.debits_usd} credits={row.credits_usd} />
            </Td>
            <Td className="text-muted max-md:hidden">{row.side}</Td>
            <Td right className="max-md:hidden">
              <ExactMoney usd={row.opening_usd} />
            </Td>
            <Td right className="max-sm:hidden">
              <ExactMoney usd={row.debits_usd} />
            </Td>
            <Td right className="max-sm:hidden">
              <ExactMoney usd={row.credits_usd} />
            </Td>
            <Td right>
              <ExactMoney usd={row.closing_usd} />
            </Td>
          </tr>
        ))}
        <tr className="font-semibold [&>td]:border-line-strong">
          <Td wide className="max-sm:py-2">
            <span className="inline-flex items-center gap-2">
              {agrees ? "Adds up" : "Does not add up"}
              <span className={agrees ? "text-good" : "text-bad"}>
                {agrees ? (
                  <Tick label="checked: debits are credits, and all balances sum to zero" />
                ) : (
                  <Cross label="wrong: the sides differ" />
                )}
              </span>
            </span>
            <Movements debits={sums.debits} credits={sums.credits} />
          </Td>
          <Td className="max-md:hidden" />
          <Td right className="max-md:hidden">
            <ExactMoney usd={sums.opening} />
          </Td>
          <Td right className="max-sm:hidden">
            <ExactMoney usd={sums.debits} />
          </Td>
          <Td right className="max-sm:hidden">
            <ExactMoney usd={sums.credits} />
          </Td>
          <Td right>
            <ExactMoney usd={sums.closing} />
          </Td>
        </tr>
      </Table>
      <p className="border-t border-line px-4 py-2.5 text-xs text-muted">
        In USD. The last line is computed by this page: what is owed on the credit side less what is owed on
        the debit side is zero.
      </p>
      <Income income={balance.income} />
    </>
  );
}

/** Both sides below the account, where there is no room for columns. */
function Movements({ debits, credits }: { debits: string; credits: string }) {
  return (
    <span className="block text-xs font-normal text-muted sm:hidden">
      <span className="block">
        debits <ExactMoney usd={debits} />
      </span>
      <span className="block">
        credits <ExactMoney usd={credits} />
      </span>
    </span>
  );
}

function Income({ income }: { income: TrialBalance["income"] }) {
  const fact = (name: string, usd: string, strong = false) => ({
    name,
    value: (
      <span className={strong ? "font-semibold" : ""}>
        <ExactMoney usd={usd} currency />
      </span>
    ),
  });
  return (
    <Facts
      flat
      items={[
        fact("Charged", income.charge_usd),
        fact("Provider cost", income.provider_cost_usd),
        fact("Developers' share", income.developer_share_usd),
        fact("Platform's share", income.platform_share_usd),
        fact("Absorbed cost", income.absorbed_cost_usd),
        fact("Left for the platform", leftForPlatform(income), true),
      ]}
    />
  );
}
