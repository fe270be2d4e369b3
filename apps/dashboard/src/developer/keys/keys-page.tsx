import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { appsQuery } from "../apps/apps-query.ts";
import { AddKeyDialog } from "./add-key-dialog.tsx";
import { KeyTable } from "./key-table.tsx";
import { keysQuery } from "./keys-queries.ts";

/** Keys of vendors that serve the developer's apps: sealed, shown masked, with what was last known of them. */
export function KeysPage() {
  const search = useSearch({ from: "/console/keys" });
  const navigate = useNavigate({ from: "/keys" });
  const { session } = useRouteContext({ from: "/console" });
  const [adding, setAdding] = useState(false);
  const query = useQuery(keysQuery(search));
  const apps = useQuery({ ...appsQuery(), enabled: may(session, "developer:apps:read") });
  const mayWrite = may(session, "developer:provider_keys:write");
  return (
    <>
      <title>Provider keys · ModelFaucet</title>
      <PageHead
        title="Provider keys"
        note="You pay the vendor; what it cost comes back from your users' credits."
      >
        <SelectField
          label="App"
          className="w-52 max-sm:w-full"
          value={search.app ?? ""}
          onChange={({ target }) => void navigate({ search: { app: target.value || undefined } })}
        >
          <option value="">All apps</option>
          {apps.data?.items.map(({ public_app_id: id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </SelectField>
        {mayWrite && (
          <Button look="primary" className="self-end" onClick={() => setAdding(true)}>
            Add key
          </Button>
        )}
      </PageHead>
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <Empty title="No provider key yet">
                  Add the key of a vendor to pay upstream yourself: features whose route preference names
                  developer_key use it. It is sealed at once and never shown again.
                </Empty>
              ) : (
                <KeyTable items={items} />
              )}
              <Pages
                newest={search.cursor === undefined}
                next={next}
                toNewest={() => void navigate({ search: { app: search.app } })}
                older={(cursor) => void navigate({ search: { ...search, cursor } })}
              />
            </div>
          )}
        </Answer>
      </Card>
      {adding && (
        <AddKeyDialog
          app={search.app}
          close={() => setAdding(false)}
          done={({ id }) => void navigate({ to: "/keys/$keyId", params: { keyId: id } })}
        />
      )}
    </>
  );
}
