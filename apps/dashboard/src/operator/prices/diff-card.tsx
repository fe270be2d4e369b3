import { useState } from "react";
import { plural, showCount } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Table, Td, Th } from "../../ui/table.tsx";
import { byWeight, type DiffRow, isLarge } from "./diff-order.ts";
import type { SentEntry } from "./price-list.ts";
import { changeWords, Price, rowUnitWords } from "./price-words.tsx";
import type { PriceChange } from "./prices-queries.ts";

const atFirst = 100;
const kinds = { changed: "Changed", removed: "No longer named", added: "Added" } as const;
type Kind = keyof typeof kinds;

/** What a list would change of the prices in force, the largest changes first. */
export function DiffCard({
  change,
  entries,
  notes,
}: {
  change: PriceChange;
  entries: readonly SentEntry[];
  notes: readonly string[];
}) {
  const [kind, setKind] = useState<Kind | "">("");
  const [all, setAll] = useState(false);
  const rows = byWeight(change.diff.filter((row) => kind === "" || row.kind === kind));
  const shown = all ? rows : rows.slice(0, atFirst);
  const nothing = change.added + change.changed + change.removed === 0;
  return (
    <Card title="What it would change" note={nothing ? "nothing" : countWords(change)}>
      {[...change.warnings, ...notes].length > 0 && (
        <ul className="grid gap-1 border-t border-line bg-warn-weak px-4 py-2.5 text-sm">
          {[...change.warnings, ...notes].map((warning) => (
            <li key={warning} className="[overflow-wrap:anywhere]">
              {warning}
            </li>
          ))}
        </ul>
      )}
      {nothing ? (
        <Empty title="Every price of this list is in force already">
          A draft of it would change nothing.
        </Empty>
      ) : (
        <>
          <div className="border-t border-line px-4 py-3">
            <SelectField
              label="Show"
              className="w-44"
              value={kind}
              onChange={(event) => setKind(event.target.value as Kind | "")}
            >
              <option value="">Everything</option>
              {(Object.keys(kinds) as Kind[]).map((each) => (
                <option key={each} value={each}>
                  {kinds[each]}
                </option>
              ))}
            </SelectField>
          </div>
          <DiffTable rows={shown} entries={entries} />
          {shown.length < rows.length && (
            <div className="border-t border-line px-4 py-2.5">
              <Button small onClick={() => setAll(true)}>
                Show {showCount(rows.length - shown.length)} more
              </Button>
            </div>
          )}
        </>
      )}
    </Card>
  );
}

function countWords({ added, changed, removed }: PriceChange): string {
  return [
    changed > 0 && `${plural(changed, "model")} changed`,
    added > 0 && `${showCount(added)} added`,
    removed > 0 && `${showCount(removed)} no longer named`,
  ]
    .filter(Boolean)
    .join(" · ");
}

function DiffTable({ rows, entries }: { rows: readonly DiffRow[]; entries: readonly SentEntry[] }) {
  const sent = new Map(entries.map((entry) => [`${entry.provider}/${entry.model}`, entry]));
  return (
    <Table
      label="Differences"
      head={
        <>
          <Th>What</Th>
          <Th wide>Model · upstream</Th>
          <Th className="max-md:hidden">Price</Th>
          <Th right className="max-sm:hidden">
            Before
          </Th>
          <Th right>After</Th>
          <Th right>Change</Th>
        </>
      }
    >
      {rows.map((row) => (
        <DiffLine
          key={`${row.kind} ${row.provider}/${row.model} ${row.unit ?? ""}`}
          row={row}
          entry={sent.get(`${row.provider}/${row.model}`)}
        />
      ))}
    </Table>
  );
}

const chips = {
  added: { tone: "good", word: "Added" },
  changed: { tone: "live", word: "Changed" },
  removed: { tone: "plain", word: "Not named" },
} as const;

function DiffLine({ row, entry }: { row: DiffRow; entry: SentEntry | undefined }) {
  const { tone, word } = chips[row.kind];
  const large = isLarge(row);
  const unit = row.unit === undefined ? "" : rowUnitWords(row.unit);
  return (
    <tr className="hover:bg-sunken">
      <Td>
        <Chip tone={large ? "warn" : tone} {...(large ? { title: "more than half, to 0 or from 0" } : {})}>
          {word}
        </Chip>
      </Td>
      <Td wide>
        <span title={`${row.provider}/${row.model}`}>{row.model}</span>
        <span className="text-faint"> · {row.provider}</span>
        {unit !== "" && <span className="block text-xs text-muted md:hidden">{unit}</span>}
      </Td>
      <Td className="text-muted max-md:hidden">{row.kind === "added" ? "Input · output" : unit}</Td>
      <Td right className="max-sm:hidden">
        {row.before_usd !== undefined && <Price usd={row.before_usd} />}
      </Td>
      <Td right>
        {row.after_usd !== undefined && <Price usd={row.after_usd} />}
        {row.kind === "added" && entry && (
          <>
            <Price usd={entry.per_million.input_usd} /> <span className="text-faint">·</span>{" "}
            <Price usd={entry.per_million.output_usd} />
          </>
        )}
      </Td>
      <Td right className={large ? "font-semibold text-warn" : ""}>
        {row.kind === "removed" ? <span className="text-muted">stays</span> : changeWords(row)}
      </Td>
    </tr>
  );
}
