import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { PeriodPicker } from "../../ui/period-picker.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { appsQuery } from "../apps/apps-query.ts";
import { filterCount, type RequestsSearch, requestsSearch, routeModes, usageStatuses } from "../search.ts";
import { payerWords, statusWords } from "./words.tsx";

/** The filters of the list. What is chosen takes effect at once, what is typed by Enter or by leaving the field. */
export function RequestFilters({
  search,
  filter,
  clear,
}: {
  search: RequestsSearch;
  filter: (next: RequestsSearch) => void;
  clear: () => void;
}) {
  const [more, setMore] = useState(rareCount(search) > 0);
  const set = filterCount(search);
  return (
    <div className="mb-5 grid gap-3">
      <div className="flex flex-wrap items-end gap-3">
        <RequestIdField />
        <PeriodPicker search={search} change={filter} anyTime />
        <AppField search={search} filter={filter} />
        <SelectField
          label="State"
          className="w-32 max-sm:w-[calc(50%-6px)]"
          value={search.status ?? ""}
          onChange={(event) =>
            filter({ status: usageStatuses.find((status) => status === event.target.value) })
          }
        >
          <option value="">Any</option>
          {usageStatuses.map((status) => (
            <option key={status} value={status}>
              {statusWords[status].word}
            </option>
          ))}
        </SelectField>
        <Button look="quiet" aria-expanded={more} onClick={() => setMore(!more)}>
          {more ? "Fewer filters" : "More filters"}
        </Button>
        {set > 0 && (
          <Button look="quiet" onClick={clear}>
            Clear {set === 1 ? "filter" : `${set} filters`}
          </Button>
        )}
      </div>
      {more && <RareFilters search={search} filter={filter} />}
    </div>
  );
}

function AppField({ search, filter }: { search: RequestsSearch; filter: (next: RequestsSearch) => void }) {
  const apps = useQuery(appsQuery());
  return (
    <SelectField
      label="App"
      className="w-44 max-sm:w-[calc(50%-6px)]"
      value={search.app ?? ""}
      onChange={(event) => filter({ app: event.target.value || undefined })}
    >
      <option value="">All apps</option>
      {search.app !== undefined && !apps.data?.items.some((app) => app.public_app_id === search.app) && (
        <option value={search.app}>{search.app}</option>
      )}
      {apps.data?.items.map((app) => (
        <option key={app.public_app_id} value={app.public_app_id}>
          {app.name}
        </option>
      ))}
    </SelectField>
  );
}

function RareFilters({ search, filter }: { search: RequestsSearch; filter: (next: RequestsSearch) => void }) {
  const field = (name: "feature" | "provider" | "model" | "user" | "min", label: string, width: string) => (
    <TypedFilter
      key={name}
      label={label}
      className={width}
      value={search[name] ?? ""}
      accepts={(text) => text === "" || requestsSearch({ [name]: text })[name] !== undefined}
      apply={(text) => filter({ [name]: text || undefined })}
    />
  );
  return (
    <div className="flex flex-wrap items-start gap-3">
      {field("feature", "Feature key", "w-44")}
      {field("provider", "Provider", "w-32")}
      {field("model", "Model", "w-44")}
      <SelectField
        label="Payer"
        className="w-40 max-sm:w-[calc(50%-6px)]"
        value={search.mode ?? ""}
        onChange={(event) => filter({ mode: routeModes.find((mode) => mode === event.target.value) })}
      >
        <option value="">Any</option>
        {routeModes.map((mode) => (
          <option key={mode} value={mode}>
            {payerWords[mode]}
          </option>
        ))}
      </SelectField>
      {field("user", "End user id", "w-52")}
      {field("min", "Charge at least, USD", "w-36")}
    </div>
  );
}

/** Opens one request by its id, its receipt's id, or the bare UUID. */
function RequestIdField() {
  const navigate = useNavigate();
  const [fault, setFault] = useState<string>();
  const open = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("id")).trim();
    const match = /(?:^|_)(local_)?([0-9a-f-]{36})$/.exec(text);
    if (!match) return setFault("a request id looks like req_0199f3c2-…");
    void navigate({ to: "/requests/$requestId", params: { requestId: `req_${match[1] ?? ""}${match[2]}` } });
  };
  return (
    <form onSubmit={open} className="w-56 max-sm:w-full">
      <TextField
        label="Request id"
        name="id"
        type="search"
        placeholder="req_…"
        autoComplete="off"
        spellCheck={false}
        data-search=""
        fault={fault}
        onChange={() => setFault(undefined)}
      />
    </form>
  );
}

function rareCount({ feature, provider, model, mode, user, min }: RequestsSearch): number {
  return [feature, provider, model, mode, user, min].filter((value) => value !== undefined).length;
}
