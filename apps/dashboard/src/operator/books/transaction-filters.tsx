import { kindWords } from "../../ledger/entries-card.tsx";
import { Button } from "../../ui/button.tsx";
import { SelectField } from "../../ui/field.tsx";
import { PeriodPicker } from "../../ui/period-picker.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import {
  ledgerKinds,
  type TransactionsSearch,
  transactionFilterCount,
  transactionsSearch,
} from "./search.ts";

/** What is chosen takes effect at once, what is typed by Enter or by leaving the field. */
export function TransactionFilters({
  search,
  filter,
  clear,
}: {
  search: TransactionsSearch;
  filter: (next: TransactionsSearch) => void;
  clear: () => void;
}) {
  const set = transactionFilterCount(search);
  const typed = (name: "wallet" | "source" | "request", label: string, placeholder?: string) => ({
    label,
    placeholder,
    value: search[name] ?? "",
    accepts: (text: string) => text === "" || transactionsSearch({ [name]: text })[name] !== undefined,
    apply: (text: string) => filter({ [name]: text || undefined }),
  });
  return (
    <div className="mb-5 flex flex-wrap items-start gap-3">
      <TypedFilter
        {...typed("request", "Request id", "req_…")}
        type="search"
        data-search=""
        className="w-56 max-sm:w-full"
      />
      <PeriodPicker search={search} change={filter} anyTime />
      <SelectField
        label="Kind"
        className="w-44 max-sm:w-[calc(50%-6px)]"
        value={search.kind ?? ""}
        onChange={(event) => filter({ kind: ledgerKinds.find((kind) => kind === event.target.value) })}
      >
        <option value="">Any</option>
        {ledgerKinds.map((kind) => (
          <option key={kind} value={kind}>
            {kindWords[kind]}
          </option>
        ))}
      </SelectField>
      <TypedFilter {...typed("wallet", "Wallet id")} className="w-52 max-sm:w-[calc(50%-6px)]" />
      <TypedFilter {...typed("source", "Source id")} className="w-44 max-sm:w-[calc(50%-6px)]" />
      {set > 0 && (
        <Button look="quiet" className="mt-5" onClick={clear}>
          Clear {set === 1 ? "filter" : `${set} filters`}
        </Button>
      )}
    </div>
  );
}
