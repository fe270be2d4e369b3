import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button, buttonClass } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { providersQuery } from "../providers/providers-queries.ts";
import { PriceDialog } from "./price-dialog.tsx";
import { PriceTable } from "./price-table.tsx";
import { pricesQuery } from "./prices-queries.ts";
import type { PricesSearch } from "./search.ts";
import { VersionsCard } from "./versions-card.tsx";

const perPage = 50;

/** The prices in force, now or at a time, and the versions that they come from. */
export function PricesPage() {
  const { session } = useRouteContext({ from: "/console" });
  const search = useSearch({ from: "/console/operator/prices" });
  const navigate = useNavigate({ from: "/operator/prices" });
  const at = search.time === undefined ? undefined : new Date(search.time).toISOString();
  const { q, provider, cursor } = search;
  const query = useQuery(pricesQuery({ limit: perPage, q, provider, cursor, at }));
  const go = (next: PricesSearch) => void navigate({ search: { ...search, ...next }, resetScroll: false });
  const clear = () => void navigate({ search: {}, resetScroll: false });
  const mayWrite = may(session, "operator:platform");
  return (
    <>
      <title>Price book · ModelFaucet</title>
      <PageHead title="Price book" note="USD per million tokens. A model without a price is never called.">
        {mayWrite && (
          <Link to="/operator/prices/import" className={buttonClass("primary")}>
            Import prices
          </Link>
        )}
      </PageHead>
      <div className="grid gap-5">
        <VersionsCard mayWrite={mayWrite} limit={4} />
        <Card
          title={at === undefined ? "In force now" : "In force then"}
          {...(query.isPlaceholderData ? { note: "reading…" } : {})}
        >
          <Filters search={search} filter={(next) => go({ cursor: undefined, ...next })} clear={clear} />
          <Answer query={query} skeleton={<Skeleton rows={12} />}>
            {({ items, next_cursor: next }) => (
              <div className={classNames(query.isPlaceholderData && "opacity-60")}>
                {items.length === 0 ? (
                  <NoPrices
                    narrowed={q !== undefined || provider !== undefined || at !== undefined}
                    clear={clear}
                  />
                ) : (
                  <PriceTable items={items} search={search} />
                )}
                <PageTurner first={cursor === undefined} next={next} go={(place) => go({ cursor: place })} />
              </div>
            )}
          </Answer>
        </Card>
      </div>
      {search.open !== undefined && (
        <PriceDialog name={search.open} at={at} close={() => go({ open: undefined })} />
      )}
    </>
  );
}

function Filters({
  search,
  filter,
  clear,
}: {
  search: PricesSearch;
  filter: (next: PricesSearch) => void;
  clear: () => void;
}) {
  const providers = useQuery(providersQuery());
  const names = providers.data?.items.map(({ provider }) => provider) ?? [];
  const { q, provider, time } = search;
  return (
    <div className="flex flex-wrap items-end gap-3 px-4 pb-4">
      <TypedFilter
        label="Provider or model"
        type="search"
        data-search=""
        placeholder="gpt-5"
        value={q ?? ""}
        accepts={(text) => text.length <= 256}
        apply={(text) => filter({ q: text || undefined })}
        className="w-56 max-sm:w-full"
      />
      <SelectField
        label="Upstream"
        className="w-40 max-sm:w-[calc(50%-6px)]"
        value={provider ?? ""}
        onChange={(event) => filter({ provider: event.target.value || undefined })}
      >
        <option value="">Any</option>
        {provider !== undefined && !names.includes(provider) && <option value={provider}>{provider}</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </SelectField>
      <TextField
        label="At, your time"
        type="datetime-local"
        className="w-52 max-sm:w-full"
        value={time ?? ""}
        onChange={(event) => filter({ time: event.target.value.slice(0, 16) || undefined })}
      />
      {(q ?? provider ?? time) !== undefined && (
        <Button look="quiet" onClick={clear}>
          Clear
        </Button>
      )}
    </div>
  );
}

function NoPrices({ narrowed, clear }: { narrowed: boolean; clear: () => void }) {
  return narrowed ? (
    <Empty title="No price is in force for that">
      <p className="mb-3">The name may be written otherwise, or no version had come into force by then.</p>
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  ) : (
    <Empty title="No price yet">
      Import a price list and publish it: until then no model can be called, because nobody would know what it
      costs.
    </Empty>
  );
}

/** The list goes by name, so there is a first page and a next one. */
function PageTurner({
  first,
  next,
  go,
}: {
  first: boolean;
  next: string | null;
  go: (cursor: string | undefined) => void;
}) {
  if (first && next === null) return null;
  return (
    <nav aria-label="Pages" className="flex justify-end gap-2 border-t border-line px-4 py-2.5">
      {!first && (
        <Button small onClick={() => go(undefined)}>
          First page
        </Button>
      )}
      <Button small disabled={next === null} onClick={() => next !== null && go(next)}>
        Next page
      </Button>
    </nav>
  );
}
