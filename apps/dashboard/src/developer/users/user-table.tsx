import { Link } from "@tanstack/react-router";
import { showCount } from "../../format/count.ts";
import { Chip } from "../../ui/chip.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { type AppUser, shortHash } from "./users-queries.ts";

export function UserTable({ appId, items }: { appId: string; items: readonly AppUser[] }) {
  return (
    <Table
      label="End users"
      head={
        <>
          <Th wide>User</Th>
          <Th>State</Th>
          <Th right>Spent</Th>
          <Th right className="max-md:hidden">
            Balance
          </Th>
          <Th right className="max-md:hidden">
            Requests
          </Th>
          <Th className="max-sm:hidden">Last seen</Th>
          <Th className="max-lg:hidden">Since</Th>
        </>
      }
    >
      {items.map((item) => (
        <Row key={item.id} id={item.id} className="appear">
          <Td wide>
            <Link
              to="/apps/$appId/users/$userId"
              params={{ appId, userId: item.id }}
              className="rounded-sm font-mono text-xs no-underline hover:text-accent"
              title={item.end_user_id_hash}
            >
              {shortHash(item)}
            </Link>
            {item.own && <span className="text-faint"> · your own</span>}
          </Td>
          <Td>
            <UserStatusChip status={item.status} />
          </Td>
          <Td right>
            <Link
              to="/requests"
              search={{ app: appId, user: item.id }}
              className="rounded-sm no-underline hover:text-accent"
            >
              <Money usd={item.spent_month_usd} column />
            </Link>
          </Td>
          <Td right className="max-md:hidden">
            <Money usd={item.balance_usd} left />
          </Td>
          <Td right className="max-md:hidden">
            {showCount(item.requests_month)}
          </Td>
          <Td className="max-sm:hidden">
            {item.last_seen_at ? (
              <Moment at={item.last_seen_at} />
            ) : (
              <span className="text-faint">never</span>
            )}
          </Td>
          <Td className="max-lg:hidden">
            <Moment at={item.created_at} />
          </Td>
        </Row>
      ))}
    </Table>
  );
}

export function UserStatusChip({ status }: { status: AppUser["status"] }) {
  return status === "active" ? (
    <Chip tone="good" title="sessions open, requests are served">
      Active
    </Chip>
  ) : (
    <Chip tone="bad" title="no session opens and no request is served">
      Suspended
    </Chip>
  );
}
