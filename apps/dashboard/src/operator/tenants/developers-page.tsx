import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { showCount } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { type DevelopersSearch, developerStatuses } from "../search.ts";
import { NewDeveloperDialog } from "./new-developer-dialog.tsx";
import { type DeveloperItem, developersQuery } from "./tenants-query.ts";
import { DeveloperStatusChip, developerWords } from "./words.tsx";

/** Who builds on this deployment, and what each is owed. */
export function DevelopersPage() {
  const search = useSearch({ from: "/console/operator/developers" });
  const navigate = useNavigate({ from: "/operator/developers" });
  const { session } = useRouteContext({ from: "/console" });
  const [adding, setAdding] = useState(false);
  const query = useQuery(developersQuery(search));
  const filter = (next: DevelopersSearch) =>
    void navigate({ search: { ...search, cursor: undefined, ...next } });
  return (
    <>
      <title>Developers · ModelFaucet</title>
      <PageHead title="Developers">
        {may(session, "operator:tenants") && (
          <Button look="primary" onClick={() => setAdding(true)}>
            Add developer
          </Button>
        )}
      </PageHead>
      <div className="mb-5 flex flex-wrap items-end gap-3">
        <TypedFilter
          label="Name or e-mail"
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
          onChange={({ target }) =>
            filter({ status: developerStatuses.find((status) => status === target.value) })
          }
        >
          <option value="">Any</option>
          {developerStatuses.map((status) => (
            <option key={status} value={status}>
              {developerWords[status].word}
            </option>
          ))}
        </SelectField>
      </div>
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={6} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoDevelopers search={search} clear={() => void navigate({ search: {} })} />
              ) : (
                <DeveloperTable developers={items} />
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
      {adding && <NewDeveloperDialog close={() => setAdding(false)} />}
    </>
  );
}

function DeveloperTable({ developers }: { developers: readonly DeveloperItem[] }) {
  return (
    <Table
      label="Developers"
      head={
        <>
          <Th wide>Name · e-mail</Th>
          <Th>State</Th>
          <Th right className="max-sm:hidden">
            Apps
          </Th>
          <Th right>Payable</Th>
          <Th right className="max-md:hidden">
            Debt
          </Th>
          <Th className="max-lg:hidden">Since</Th>
        </>
      }
    >
      {developers.map((developer) => (
        <Row key={developer.id} id={developer.id}>
          <Td wide>
            <Link
              to="/operator/developers/$developerId"
              params={{ developerId: developer.id }}
              className="rounded-sm font-medium no-underline hover:text-accent"
            >
              {developer.name}
            </Link>{" "}
            <span className="text-muted">{developer.email}</span>
          </Td>
          <Td>
            <DeveloperStatusChip status={developer.status} />
          </Td>
          <Td right className="max-sm:hidden">
            <Link
              to="/operator/apps"
              search={{ developer: developer.id }}
              className="rounded-sm no-underline hover:text-accent"
            >
              {showCount(developer.apps)}
            </Link>
          </Td>
          <Td right>
            <WalletLink id={developer.id} usd={developer.payable_usd} />
          </Td>
          <Td right className="max-md:hidden">
            <WalletLink id={developer.id} usd={developer.debt_usd} />
          </Td>
          <Td className="max-lg:hidden">
            <Moment at={developer.created_at} />
          </Td>
        </Row>
      ))}
    </Table>
  );
}

/** A wallet has the id of its owner. */
function WalletLink({ id, usd }: { id: string; usd: string }) {
  return (
    <Link
      to="/operator/wallets/$walletId"
      params={{ walletId: id }}
      className="rounded-sm no-underline hover:text-accent"
    >
      <Money usd={usd} column />
    </Link>
  );
}

function NoDevelopers({ search, clear }: { search: DevelopersSearch; clear: () => void }) {
  if (search.q === undefined && search.status === undefined) {
    return (
      <Empty title="No developer yet">
        A developer owns apps and earns the share of what their users are charged. Add one, then hand over the
        invitation.
      </Empty>
    );
  }
  return (
    <Empty title="No developer is like that">
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  );
}
