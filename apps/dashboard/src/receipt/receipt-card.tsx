import type { ReactNode } from "react";
import { showBps, showCount } from "../format/count.ts";
import { showPrice } from "../format/money.ts";
import { Card } from "../ui/card.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { Cross, Tick } from "../ui/icons.tsx";
import { FullMoment } from "../ui/moment.tsx";
import { ExactMoney } from "../ui/money.tsx";
import { Table, Td, Th } from "../ui/table.tsx";
import { addsUp, type Receipt, recompute, type Sum } from "./recompute.ts";

/** One receipt line by line: tokens × dated price = cost, + shares = charge, each sum computed again on this page. */
export function ReceiptCard({ receipt }: { receipt: Receipt }) {
  const sums = recompute(receipt);
  const { markup_percent: markup, developer_share_bps: bps } = receipt.pricing;
  return (
    <Card
      title="Receipt"
      note={`price version ${receipt.price_version}, manifest ${receipt.pricing_version}`}
      aside={<CopyButton text={receipt.receipt_id} label="Copy id" />}
    >
      <Table
        label="Receipt"
        head={
          <>
            <Th wide>Unit</Th>
            <Th right className="max-sm:hidden">
              Quantity
            </Th>
            <Th right className="max-sm:hidden">
              USD / million
            </Th>
            <Th right>Amount</Th>
          </>
        }
      >
        {sums.lines.map((line) => (
          <Line
            key={line.unit}
            name={unitWords[line.unit] ?? line.unit}
            quantity={showCount(line.quantity)}
            price={showPrice(line.priceUsd).slice(1)}
            sum={line}
            what="quantity times price"
          />
        ))}
        <Line
          name={sums.absorbedUsd ? "Cost covered" : "Upstream cost"}
          sum={sums.cost}
          what="sum of the lines"
          strong
        />
        {sums.absorbedUsd && (
          <Line name="· carried by the operator" sum={{ usd: sums.absorbedUsd, holds: true }} quiet />
        )}
        <Line
          name={sums.feeUsd ? "Markup and fee" : "Markup"}
          quantity={markup === undefined ? undefined : `${markup} %`}
          sum={sums.margin}
          what="charge less cost"
        />
        <Line
          name="· developer share"
          quantity={showBps(bps)}
          sum={sums.developer}
          what="its part of the margin"
          quiet
        />
        <Line
          name="· platform share"
          quantity="rest"
          sum={sums.platform}
          what="the rest of the margin"
          quiet
        />
        <Line name="Charge" sum={sums.charge} what="cost and shares" strong />
      </Table>
      <Verdict good={addsUp(sums)} />
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 border-t border-line px-4 py-3 text-sm">
        <Fact name="Paid from">{fundedWords(receipt)}</Fact>
        <Fact name="Issued">
          <FullMoment at={receipt.issued_at} />
        </Fact>
        <Fact name="Signature">not signed yet: signing comes with a later version</Fact>
      </dl>
    </Card>
  );
}

function Line({
  name,
  quantity,
  price,
  sum,
  what,
  strong = false,
  quiet = false,
}: {
  name: string;
  quantity?: string | undefined;
  price?: string;
  sum: Sum;
  what?: string;
  strong?: boolean;
  quiet?: boolean;
}) {
  return (
    <tr className={strong ? "font-semibold [&>td]:border-line-strong" : quiet ? "text-muted" : ""}>
      <Td className="max-sm:py-1.5">
        {name}
        {quantity !== undefined && (
          <span className="num block text-xs font-normal text-muted sm:hidden">
            {price === undefined ? quantity : `${quantity} × $${price} / M`}
          </span>
        )}
      </Td>
      <Td right className="max-sm:hidden">
        {quantity}
      </Td>
      <Td right className="max-sm:hidden">
        {price}
      </Td>
      <Td right>
        <span className="inline-flex items-center gap-2">
          <ExactMoney usd={sum.usd} />
          {what === undefined ? <span className="w-3.5" /> : <Mark holds={sum.holds} what={what} />}
        </span>
      </Td>
    </tr>
  );
}

function Mark({ holds, what }: { holds: boolean; what: string }) {
  return holds ? (
    <span className="text-good">
      <Tick label={`checked: ${what}`} />
    </span>
  ) : (
    <span className="text-bad">
      <Cross label={`wrong: ${what}`} />
    </span>
  );
}

function Verdict({ good }: { good: boolean }) {
  return (
    <p className={`border-t border-line px-4 py-3 text-sm font-medium ${good ? "text-good" : "text-bad"}`}>
      {good
        ? "Adds up: this page computed every sum again."
        : "Does not add up. Tell the operator, with the id of this receipt."}
    </p>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  );
}

function fundedWords({ funded }: Receipt): string {
  const parts = [
    [funded.paid_usd, "credits"],
    [funded.promo_usd, "promotional credit"],
    [funded.test_usd ?? "0", "test credit"],
  ].filter(([usd]) => /[1-9]/.test(usd!));
  if (parts.length === 0) return "nothing was charged";
  return parts.map(([usd, word]) => (parts.length === 1 ? word : `${word} ${usd}`)).join(", ");
}

const unitWords: Record<string, string> = {
  input: "Input",
  cached_input: "Cached input",
  cache_write: "Cache write",
  output: "Output",
  reasoning: "Reasoning",
  request: "Request",
};
