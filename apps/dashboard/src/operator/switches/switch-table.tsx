import { Link } from "@tanstack/react-router";
import { Button } from "../../ui/button.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { SwitchItem } from "./switches-query.ts";
import { instanceWords, rateWords, SwitchChip, targetWords } from "./words.tsx";

export function SwitchTable({
  items,
  mayWrite,
  lift,
}: {
  items: readonly SwitchItem[];
  mayWrite: boolean;
  lift: (item: SwitchItem) => void;
}) {
  return (
    <Table
      label="Switches"
      head={
        <>
          <Th wide>What</Th>
          <Th>State</Th>
          <Th className="max-lg:hidden">Reason</Th>
          <Th className="max-md:hidden">Until</Th>
          <Th className="max-xl:hidden">By</Th>
          <Th className="max-lg:hidden">Changed</Th>
          <Th right className="max-md:hidden">
            In force on
          </Th>
          {mayWrite && <Th />}
        </>
      }
    >
      {items.map((item) => (
        <Row key={keyOf(item)} id={keyOf(item)} className="appear">
          <Td wide className="max-lg:py-1.5">
            <Target item={item} />
            <span className="block truncate text-xs text-muted lg:hidden" title={item.reason}>
              {item.reason}
            </span>
          </Td>
          <Td>
            <SwitchChip item={item} />
            {item.throttle_rpm !== undefined && (
              <span className="num block text-xs text-muted">{rateWords(item.throttle_rpm)}</span>
            )}
          </Td>
          <Td className="max-w-56 truncate max-lg:hidden">
            <span title={item.reason}>{item.reason}</span>
          </Td>
          <Td className="max-md:hidden">
            {item.until ? <Moment at={item.until} /> : <span className="text-faint">–</span>}
          </Td>
          <Td className="max-w-40 truncate max-xl:hidden">
            <span title={item.changed_by}>{item.changed_by}</span>
          </Td>
          <Td className="max-lg:hidden">
            <Moment at={item.changed_at} />
          </Td>
          <Td right className="max-md:hidden">
            <span className={item.instances.acknowledged < item.instances.total ? "text-warn" : ""}>
              {instanceWords(item)}
            </span>
          </Td>
          {mayWrite && (
            <Td right>
              {item.state !== "on" && (
                <Button small onClick={() => lift(item)}>
                  Lift
                </Button>
              )}
            </Td>
          )}
        </Row>
      ))}
    </Table>
  );
}

function keyOf({ target_type: type, target_id: id }: SwitchItem): string {
  return `${type} ${id ?? ""}`;
}

/** The kind, and a way to what is switched where it has a screen. */
function Target({ item: { target_type: type, target_id: id } }: { item: SwitchItem }) {
  const look = "rounded-sm no-underline hover:text-accent";
  const label = <span className="font-mono text-xs">{id}</span>;
  return (
    <>
      <span className="font-medium">{targetWords[type].word}</span>
      {id !== undefined && <span className="text-faint"> · </span>}
      {id === undefined ? null : type === "developer" ? (
        <Link to="/operator/developers/$developerId" params={{ developerId: id }} className={look}>
          {label}
        </Link>
      ) : type === "app" || type === "feature" ? (
        <Link to="/operator/apps/$appId" params={{ appId: id.split("/")[0]! }} className={look}>
          {label}
        </Link>
      ) : type === "end_user" || type === "wallet" ? (
        <Link to="/operator/wallets/$walletId" params={{ walletId: id }} className={look}>
          {label}
        </Link>
      ) : type === "provider" ? (
        <Link to="/operator/providers/$provider" params={{ provider: id }} className={look}>
          {label}
        </Link>
      ) : (
        label
      )}
    </>
  );
}
