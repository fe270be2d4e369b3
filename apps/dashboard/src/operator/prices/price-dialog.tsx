import { useQuery } from "@tanstack/react-query";
import { showCount } from "../../format/count.ts";
import { isZero } from "../../format/money.ts";
import { Answer } from "../../ui/answer.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Table, Td, Th } from "../../ui/table.tsx";
import { Price, type Unit, units, unitWords } from "./price-words.tsx";
import { type PriceItem, pricesQuery } from "./prices-queries.ts";

/** Everything that the book holds of one model at a time: each unit, its tiers, what the model can. */
export function PriceDialog({
  name,
  at,
  close,
}: {
  name: string;
  at: string | undefined;
  close: () => void;
}) {
  const cut = name.indexOf("/");
  const [provider, model] = [name.slice(0, cut), name.slice(cut + 1)];
  const query = useQuery(pricesQuery({ limit: 1, provider, model, at }));
  return (
    <Dialog title={model} close={close} wide>
      <Answer page query={query} skeleton={<Skeleton rows={6} />}>
        {({ items: [item] }) =>
          item?.model === model && item.provider === provider ? (
            <Prices item={item} />
          ) : query.isPlaceholderData ? (
            <Skeleton rows={6} />
          ) : (
            <Empty title="No price is in force for that">
              No version that had come into force by then names {name}.
            </Empty>
          )
        }
      </Answer>
    </Dialog>
  );
}

function Prices({ item }: { item: PriceItem }) {
  const tiers = item.tiers ?? [];
  const shown = units.filter((unit) => unit !== "request_usd" || hasRequestPrice(item));
  return (
    <>
      <div className="overflow-hidden rounded border border-line pt-1.5">
        <Table
          label={`Prices of ${item.model}`}
          head={
            <>
              <Th wide>USD per million</Th>
              <Th right>{tiers.length === 0 ? "Price" : "Any input"}</Th>
              {tiers.map(({ above_input_tokens: above }) => (
                <Th key={above} right>
                  Above {showCount(above)}
                </Th>
              ))}
            </>
          }
        >
          {shown.map((unit) => (
            <tr key={unit}>
              <Td wide>{unitWords[unit]}</Td>
              <Td right>
                <Price usd={item.per_million[unit]} />
              </Td>
              {tiers.map(({ above_input_tokens: above, per_million: prices }) => (
                <Td key={above} right>
                  <Price usd={prices[unit as Unit]} />
                </Td>
              ))}
            </tr>
          ))}
        </Table>
        <Facts flat items={factsOf(item)} />
      </div>
      <p className="text-xs text-muted">
        {tiers.length > 0 && "A longer input has its tier's prices for the whole request. "}
        Requests keep the version that they were charged by, whatever is published later.
      </p>
    </>
  );
}

function factsOf(item: PriceItem) {
  const count = (value: number | undefined) => (value === undefined ? "–" : showCount(value));
  return [
    { name: "Upstream", value: item.provider },
    { name: "Context length", value: <span className="num">{count(item.context_length)}</span> },
    { name: "Longest output", value: <span className="num">{count(item.max_output_tokens)}</span> },
    { name: "Version", value: <span className="num">{item.version}</span> },
    { name: "In force since", value: <FullMoment at={item.effective_at} /> },
    ...(item.effective_until === undefined
      ? []
      : [{ name: "Replaced", value: <FullMoment at={item.effective_until} /> }]),
    {
      name: "Can",
      wide: true,
      value:
        item.capabilities.length === 0 ? (
          <span className="text-muted">text only</span>
        ) : (
          <span className="flex flex-wrap gap-1.5">
            {item.capabilities.map((word) => (
              <Chip key={word}>{word.replaceAll("_", " ")}</Chip>
            ))}
          </span>
        ),
    },
  ];
}

function hasRequestPrice({ per_million: base, tiers = [] }: PriceItem): boolean {
  return [base, ...tiers.map(({ per_million: prices }) => prices)].some(
    ({ request_usd: usd }) => usd !== undefined && !isZero(usd),
  );
}
