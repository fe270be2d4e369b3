import { Link } from "@tanstack/react-router";
import { plural, showCount } from "../../format/count.ts";
import { Answer, type Asked } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { Checks } from "./books-queries.ts";
import { checkWords, placeOfSample } from "./check-words.ts";

type Check = Checks["items"][number];

/** Every invariant of the books: what it looked at, and what breaks it. Broken ones come first. */
export function ChecksCard({ query }: { query: Asked<Checks> }) {
  return (
    <Card
      title="Checks"
      note="all in one snapshot"
      aside={
        query.data && (
          <span className="text-sm text-muted">
            <FullMoment at={query.data.generated_at} />
          </span>
        )
      }
    >
      <Answer query={query} skeleton={<Skeleton rows={18} />}>
        {({ items }) => (
          <Table
            label="Checks"
            head={
              <>
                <Th wide>What must be true</Th>
                <Th right className="max-sm:hidden">
                  Looked at
                </Th>
                <Th>State</Th>
              </>
            }
          >
            {[...items]
              .sort((a, b) => Number(a.ok) - Number(b.ok))
              .map((check) => (
                <CheckRow key={check.name} check={check} />
              ))}
          </Table>
        )}
      </Answer>
    </Card>
  );
}

function CheckRow({ check }: { check: Check }) {
  const { says, looksAt } = checkWords(check.name);
  return (
    <Row id={check.name}>
      <Td wide className="py-1.5 whitespace-normal!">
        <span title={check.name}>{says}</span>
        {!check.ok && <Samples check={check} />}
      </Td>
      <Td right className="max-sm:hidden">
        {looksAt === null ? showCount(check.checked) : plural(check.checked, looksAt)}
      </Td>
      <Td>
        {check.ok ? (
          <Chip tone="good">Holds</Chip>
        ) : (
          <Chip tone="bad">{showCount(check.violations)} broken</Chip>
        )}
      </Td>
    </Row>
  );
}

function Samples({ check }: { check: Check }) {
  const more = check.violations - check.sample_ids.length;
  return (
    <span className="block text-xs text-muted">
      {check.sample_ids.map((id, index) => (
        <span key={id}>
          {index > 0 && ", "}
          <Sample id={id} />
        </span>
      ))}
      {more > 0 && ` and ${showCount(more)} more`}
    </span>
  );
}

function Sample({ id }: { id: string }) {
  const place = placeOfSample(id);
  const className = "link font-mono [overflow-wrap:anywhere]";
  if (place === null) return <code className="font-mono [overflow-wrap:anywhere]">{id}</code>;
  return "wallet" in place ? (
    <Link to="/operator/books/transactions" search={{ wallet: place.wallet }} className={className}>
      {id}
    </Link>
  ) : (
    <Link
      to="/operator/books/transactions/$transactionId"
      params={{ transactionId: place.transaction }}
      className={className}
    >
      {id}
    </Link>
  );
}
