import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { type AppsSearch, appStatuses } from "../search.ts";
import { AppTable } from "./app-table.tsx";
import { appsQuery, developerQuery } from "./tenants-query.ts";

const stateWords = {
  pending: "Pending",
  active: "Active",
  disabled: "Disabled",
  suspended: "Suspended",
} as const;

/** Every app of this deployment. */
export function AppsPage() {
  const search = useSearch({ from: "/console/operator/apps" });
  const navigate = useNavigate({ from: "/operator/apps" });
  const query = useQuery(appsQuery(search));
  const filter = (next: AppsSearch) => void navigate({ search: { ...search, cursor: undefined, ...next } });
  return (
    <>
      <title>Apps · ModelFaucet</title>
      <PageHead
        title="Apps"
        {...(search.developer === undefined ? {} : { note: <OfDeveloper id={search.developer} /> })}
      />
      <div className="mb-5 flex flex-wrap items-end gap-3">
        <TypedFilter
          label="Name or public app id"
          type="search"
          data-search=""
          className="w-64 max-sm:w-full"
          value={search.q ?? ""}
          accepts={(text) => text.length <= 256}
          apply={(q) => filter({ q: q || undefined })}
        />
        <SelectField
          label="State"
          className="w-36 max-sm:w-[calc(50%-6px)]"
          value={search.status ?? ""}
          onChange={({ target }) => filter({ status: appStatuses.find((status) => status === target.value) })}
        >
          <option value="">Any</option>
          {appStatuses.map((status) => (
            <option key={status} value={status}>
              {stateWords[status]}
            </option>
          ))}
        </SelectField>
        {search.developer !== undefined && (
          <Button look="quiet" onClick={() => filter({ developer: undefined })}>
            Of every developer
          </Button>
        )}
      </div>
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={6} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoApps search={search} clear={() => void navigate({ search: {} })} />
              ) : (
                <AppTable apps={items} label="Apps" />
              )}
              <Pages
                newest={search.cursor === undefined}
                next={next}
                toNewest={() => filter({})}
                older={(cursor) => void navigate({ search: { ...search, cursor } })}
              />
            </div>
          )}
        </Answer>
      </Card>
    </>
  );
}

function OfDeveloper({ id }: { id: string }) {
  const developer = useQuery(developerQuery(id));
  return (
    <>
      of{" "}
      <Link to="/operator/developers/$developerId" params={{ developerId: id }} className="link">
        {developer.data?.name ?? id}
      </Link>
    </>
  );
}

function NoApps({ search, clear }: { search: AppsSearch; clear: () => void }) {
  if (search.q === undefined && search.status === undefined && search.developer === undefined) {
    return (
      <Empty title="No app yet">
        Developers add their apps themselves. Add a developer first, and hand over the invitation.
      </Empty>
    );
  }
  return (
    <Empty title="No app is like that">
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  );
}
