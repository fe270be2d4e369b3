import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
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
import { ownerScopes, type WalletsSearch, walletStatuses, walletsSearch } from "../search.ts";
import { type WalletItem, walletsQuery } from "./wallets-query.ts";
import { ownerName, scopeWords, WalletStatusChip, walletWords } from "./words.tsx";

/** Everybody's wallets. */
export function WalletsPage() {
  const search = useSearch({ from: "/console/operator/wallets" });
  const navigate = useNavigate({ from: "/operator/wallets" });
  const query = useQuery(walletsQuery(search));
  const filter = (next: WalletsSearch) =>
    void navigate({ search: { ...search, cursor: undefined, ...next } });
  return (
    <>
      <title>Wallets · ModelFaucet</title>
      <PageHead title="Wallets" />
      <WalletFilters search={search} filter={filter} clear={() => void navigate({ search: {} })} />
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={8} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoWallets search={search} clear={() => void navigate({ search: {} })} />
              ) : (
                <WalletTable wallets={items} />
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

function WalletFilters({
  search,
  filter,
  clear,
}: {
  search: WalletsSearch;
  filter: (next: WalletsSearch) => void;
  clear: () => void;
}) {
  const typed = (name: "owner" | "app", label: string, className: string) => (
    <TypedFilter
      label={label}
      className={className}
      value={search[name] ?? ""}
      accepts={(text) => text === "" || walletsSearch({ [name]: text })[name] !== undefined}
      apply={(text) => filter({ [name]: text || undefined })}
      {...(name === "owner" ? { "data-search": "" } : {})}
    />
  );
  return (
    <div className="mb-5 flex flex-wrap items-start gap-3">
      {typed("owner", "Owner or wallet id", "w-72 max-sm:w-full")}
      <SelectField
        label="Owner is"
        className="w-36 max-sm:w-[calc(50%-6px)]"
        value={search.scope ?? ""}
        onChange={({ target }) => filter({ scope: ownerScopes.find((scope) => scope === target.value) })}
      >
        <option value="">Anybody</option>
        {ownerScopes.map((scope) => (
          <option key={scope} value={scope}>
            {scopeWords[scope]}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="State"
        className="w-32 max-sm:w-[calc(50%-6px)]"
        value={search.status ?? ""}
        onChange={({ target }) =>
          filter({ status: walletStatuses.find((status) => status === target.value) })
        }
      >
        <option value="">Any</option>
        {walletStatuses.map((status) => (
          <option key={status} value={status}>
            {walletWords[status].word}
          </option>
        ))}
      </SelectField>
      {typed("app", "Public app id", "w-48 max-sm:w-full")}
      {isNarrowed(search) && (
        <Button look="quiet" className="mt-5" onClick={clear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}

function WalletTable({ wallets }: { wallets: readonly WalletItem[] }) {
  return (
    <Table
      label="Wallets"
      head={
        <>
          <Th wide>Owner</Th>
          <Th>State</Th>
          <Th right className="max-md:hidden">
            Held
          </Th>
          <Th right className="max-md:hidden">
            Spendable
          </Th>
          <Th right>Balance</Th>
          <Th className="max-lg:hidden">Changed</Th>
        </>
      }
    >
      {wallets.map((wallet) => (
        <WalletRow key={wallet.id} wallet={wallet} />
      ))}
    </Table>
  );
}

function WalletRow({ wallet }: { wallet: WalletItem }) {
  const link = { to: "/operator/wallets/$walletId", params: { walletId: wallet.id } } as const;
  return (
    <Row id={wallet.id}>
      <Td wide>
        <Link
          {...link}
          title={wallet.owner_name}
          className="rounded-sm font-medium no-underline hover:text-accent"
        >
          {ownerName(wallet)}
        </Link>
        {wallet.owner_scope !== "end_user" && (
          <span className="text-muted"> · {scopeWords[wallet.owner_scope].toLowerCase()}</span>
        )}{" "}
        <span className="font-mono text-xs text-faint">{wallet.id}</span>
      </Td>
      <Td>
        <WalletStatusChip status={wallet.status} />
      </Td>
      <Td right className="max-md:hidden">
        <Money usd={wallet.held_usd} column />
      </Td>
      <Td right className="max-md:hidden">
        <Money usd={wallet.spendable_usd} column left />
      </Td>
      <Td right>
        <Link {...link} tabIndex={-1} className="no-underline hover:text-accent">
          <Money usd={wallet.balance_usd} column left />
        </Link>
      </Td>
      <Td className="max-lg:hidden">
        <Moment at={wallet.updated_at} />
      </Td>
    </Row>
  );
}

function NoWallets({ search, clear }: { search: WalletsSearch; clear: () => void }) {
  if (!isNarrowed(search)) {
    return (
      <Empty title="No wallet yet">
        Every end user has one from the first session on, every developer from the beginning.
      </Empty>
    );
  }
  return (
    <Empty title="No wallet is like that">
      <Button onClick={clear}>Clear filters</Button>
    </Empty>
  );
}

function isNarrowed({ scope, status, app, owner }: WalletsSearch): boolean {
  return [scope, status, app, owner].some((value) => value !== undefined);
}
