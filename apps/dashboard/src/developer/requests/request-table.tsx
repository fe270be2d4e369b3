import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listRequests } from "@modelfaucet/contract/routes/developer.ts";
import { Link } from "@tanstack/react-router";
import { showCount, showDuration } from "../../format/count.ts";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { PayerChip, StatusChip } from "./words.tsx";

export type RequestItem = AnswerOf<typeof listRequests>["items"][number];

/** Requests, newest first. `brief`: without payer, tokens and time, beside other things. */
export function RequestTable({
  items,
  label,
  chosen,
  choose,
  brief = false,
}: {
  items: readonly RequestItem[];
  label: string;
  chosen?: string | undefined;
  choose?: (requestId: string) => void;
  brief?: boolean;
}) {
  return (
    <Table
      label={label}
      head={
        <>
          <Th className="max-sm:hidden">When</Th>
          <Th wide className="max-sm:pl-4">
            Feature · model · app
          </Th>
          <Th>State</Th>
          {!brief && (
            <>
              <Th className="max-md:hidden">Payer</Th>
              <Th right className="max-md:hidden">
                Tokens
              </Th>
              <Th right className="max-md:hidden">
                Took
              </Th>
            </>
          )}
          <Th right>Charge</Th>
        </>
      }
    >
      {items.map((item) => (
        <RequestRow
          key={item.request_id}
          item={item}
          brief={brief}
          current={item.request_id === chosen}
          choose={choose}
        />
      ))}
    </Table>
  );
}

function RequestRow({
  item,
  brief,
  current,
  choose,
}: {
  item: RequestItem;
  brief: boolean;
  current: boolean;
  choose: ((requestId: string) => void) | undefined;
}) {
  const link = { to: "/requests/$requestId", params: { requestId: item.request_id } } as const;
  return (
    <Row id={item.request_id} current={current} onFocus={() => choose?.(item.request_id)} className="appear">
      <Td className="max-sm:hidden">
        <Link {...link} tabIndex={-1} className="rounded-sm no-underline hover:text-accent">
          <Moment at={item.created_at} />
        </Link>
      </Td>
      <Td wide className="max-sm:py-2 max-sm:pl-4">
        <Link {...link} className="rounded-sm no-underline hover:text-accent">
          {item.feature_key}
        </Link>
        <span className="text-muted" title={`${item.provider} / ${item.model}`}>
          {" "}
          · {item.model}
        </span>
        <span className="text-faint"> · {item.public_app_id}</span>
        <span className="block text-xs text-muted sm:hidden">
          <Moment at={item.created_at} />
        </span>
      </Td>
      <Td>
        <StatusChip status={item.status} />
      </Td>
      {!brief && (
        <>
          <Td className="max-md:hidden">
            <PayerChip mode={item.route_mode} />
          </Td>
          <Td right className="max-md:hidden">
            <span title="in, out">
              {showCount(item.input_tokens + item.cached_input_tokens + item.cache_write_tokens)}
              <span className="text-faint"> → </span>
              {showCount(item.output_tokens + item.reasoning_tokens)}
            </span>
          </Td>
          <Td right className="max-md:hidden">
            {item.duration_ms === undefined ? "–" : showDuration(item.duration_ms)}
          </Td>
        </>
      )}
      <Td right>
        <Link {...link} tabIndex={-1} className="no-underline hover:text-accent">
          <Money usd={item.charge_usd} column />
        </Link>
      </Td>
    </Row>
  );
}
