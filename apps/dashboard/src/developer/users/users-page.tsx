import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
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
import { AppPath } from "../apps/app-path.tsx";
import { type UsersSearch, userSorts, userStatuses } from "./search.ts";
import { UserTable } from "./user-table.tsx";
import { usersQuery } from "./users-queries.ts";

/** The end users of one app: known by hash, found by the name that the app calls them. */
export function UsersPage() {
  const { appId } = useParams({ from: "/console/apps/$appId/users" });
  const search = useSearch({ from: "/console/apps/$appId/users" });
  const navigate = useNavigate({ from: "/apps/$appId/users" });
  const query = useQuery(usersQuery(appId, search));
  const filter = (next: UsersSearch) => void navigate({ search: { ...search, cursor: undefined, ...next } });
  const clear = () => void navigate({ search: {} });
  const narrowed = search.user !== undefined || search.status !== undefined;
  return (
    <>
      <title>End users · ModelFaucet</title>
      <AppPath appId={appId} here="End users" />
      <PageHead title="End users" note="Spending and requests are of this month, by the app's time zone." />
      <div className="mb-5 flex flex-wrap items-start gap-3">
        <TypedFilter
          label="Your own id of the user"
          data-search=""
          className="w-72 max-sm:w-full"
          maxLength={512}
          value={search.user ?? ""}
          accepts={(text) => text.length <= 512}
          apply={(text) => filter({ user: text || undefined })}
        />
        <SelectField
          label="State"
          className="w-36 max-sm:w-[calc(50%-6px)]"
          value={search.status ?? ""}
          onChange={({ target }) => filter({ status: userStatuses.find((each) => each === target.value) })}
        >
          <option value="">Any</option>
          <option value="active">Active</option>
          <option value="suspended">Suspended</option>
        </SelectField>
        <SelectField
          label="Order"
          className="w-40 max-sm:w-[calc(50%-6px)]"
          value={search.sort ?? ""}
          onChange={({ target }) => filter({ sort: userSorts.find((each) => each === target.value) })}
        >
          <option value="">Newest first</option>
          <option value="last_seen">Last seen first</option>
          <option value="spent">Most spent first</option>
        </SelectField>
        {narrowed && (
          <Button look="quiet" className="mt-5" onClick={clear}>
            Clear filters
          </Button>
        )}
      </div>
      <Card title="End users" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={8} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoUsers clear={narrowed ? clear : null} />
              ) : (
                <UserTable appId={appId} items={items} />
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

function NoUsers({ clear }: { clear: (() => void) | null }) {
  return clear ? (
    <Empty title="No user is like that">
      <p className="mb-3">The id has to be exactly the one that your backend names.</p>
      <Button onClick={clear}>Show every user</Button>
    </Empty>
  ) : (
    <Empty title="No end user yet">
      One appears with the first session that your app opens. ModelFaucet keeps a hash of your id, never a
      name.
    </Empty>
  );
}
