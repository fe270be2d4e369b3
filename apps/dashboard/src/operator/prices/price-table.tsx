import { Link } from "@tanstack/react-router";
import { showAbout } from "../../format/count.ts";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { Price, type Unit } from "./price-words.tsx";
import type { PriceItem } from "./prices-queries.ts";
import type { PricesSearch } from "./search.ts";

/** Prices by provider and model; a row opens all of one model's. */
export function PriceTable({ items, search }: { items: readonly PriceItem[]; search: PricesSearch }) {
  return (
    <Table
      label="Prices"
      head={
        <>
          <Th wide>Model · upstream</Th>
          <Th right className="max-sm:hidden">
            Input
          </Th>
          <Th right className="max-md:hidden">
            Cached
          </Th>
          <Th right className="max-xl:hidden">
            Cache write
          </Th>
          <Th right className="max-sm:hidden">
            Output
          </Th>
          <Th right className="max-xl:hidden">
            Reasoning
          </Th>
          <Th right className="max-lg:hidden">
            Context
          </Th>
          <Th right className="max-md:hidden">
            Version
          </Th>
        </>
      }
    >
      {items.map((item) => (
        <PriceRow key={`${item.provider}/${item.model}`} item={item} search={search} />
      ))}
    </Table>
  );
}

function PriceRow({ item, search }: { item: PriceItem; search: PricesSearch }) {
  const name = `${item.provider}/${item.model}`;
  const prices = item.per_million;
  const follows = (unit: Unit, other: "input_usd" | "output_usd") => prices[unit] === prices[other];
  return (
    <Row id={name} current={search.open === name}>
      <Td wide className="max-sm:py-2">
        <Link
          to="/operator/prices"
          search={{ ...search, open: name }}
          resetScroll={false}
          title={name}
          className="rounded-sm no-underline hover:text-accent"
        >
          {item.model}
        </Link>
        <span className="text-faint"> · {item.provider}</span>
        {item.tiers && <span className="text-xs text-muted"> · more for long inputs</span>}
        <span className="block text-xs text-muted sm:hidden">
          input <Price usd={prices.input_usd} /> · output <Price usd={prices.output_usd} />
        </span>
      </Td>
      <Td right className="max-sm:hidden">
        <Price usd={prices.input_usd} />
      </Td>
      <Td right className="max-md:hidden">
        <Price usd={prices.cached_input_usd} faint={follows("cached_input_usd", "input_usd")} />
      </Td>
      <Td right className="max-xl:hidden">
        <Price usd={prices.cache_write_usd} faint={follows("cache_write_usd", "input_usd")} />
      </Td>
      <Td right className="max-sm:hidden">
        <Price usd={prices.output_usd} />
      </Td>
      <Td right className="max-xl:hidden">
        <Price usd={prices.reasoning_usd} faint={follows("reasoning_usd", "output_usd")} />
      </Td>
      <Td right className="max-lg:hidden">
        {item.context_length === undefined ? "–" : showAbout(item.context_length)}
      </Td>
      <Td right className="text-muted max-md:hidden">
        {item.version}
      </Td>
    </Row>
  );
}
