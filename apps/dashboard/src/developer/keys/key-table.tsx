import { Link } from "@tanstack/react-router";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { ProviderKey } from "./keys-queries.ts";
import { KeyStatusChip, LastCheck, vendorName } from "./words.tsx";

export function KeyTable({ items }: { items: readonly ProviderKey[] }) {
  return (
    <Table
      label="Provider keys"
      head={
        <>
          <Th wide>Key</Th>
          <Th>State</Th>
          <Th className="max-lg:hidden">App</Th>
          <Th className="max-sm:hidden">Last check</Th>
          <Th className="max-md:hidden">Last used</Th>
          <Th right className="max-md:hidden">
            Used of its budget
          </Th>
        </>
      }
    >
      {items.map((item) => (
        <Row key={item.id} id={item.id} className="appear">
          <Td wide>
            <Link
              to="/keys/$keyId"
              params={{ keyId: item.id }}
              className="rounded-sm font-medium no-underline hover:text-accent"
            >
              {item.name ?? vendorName(item.provider)}
            </Link>{" "}
            <span className="text-faint">
              {item.name !== undefined && vendorName(item.provider)}{" "}
              <span className="font-mono text-xs">{item.masked}</span>
            </span>
          </Td>
          <Td>
            <KeyStatusChip item={item} />
          </Td>
          <Td className="max-w-48 truncate max-lg:hidden">
            <span className="font-mono text-xs" title={item.public_app_id}>
              {item.public_app_id}
            </span>
          </Td>
          <Td className="max-sm:hidden">
            <LastCheck item={item} />
          </Td>
          <Td className="max-md:hidden">
            {item.last_used_at ? (
              <Moment at={item.last_used_at} />
            ) : (
              <span className="text-faint">never</span>
            )}
          </Td>
          <Td right className="max-md:hidden">
            <Budget item={item} />
          </Td>
        </Row>
      ))}
    </Table>
  );
}

/** What its calls cost upstream so far, held ones included, and the most that they may. */
export function Budget({ item }: { item: ProviderKey }) {
  return (
    <>
      <Money usd={item.budget_used_usd} />
      {item.budget_limit_usd === undefined ? (
        <span className="text-faint"> · no limit</span>
      ) : (
        <>
          <span className="text-faint"> of </span>
          <Money usd={item.budget_limit_usd} />
        </>
      )}
    </>
  );
}
