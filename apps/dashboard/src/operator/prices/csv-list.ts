import type { LineFault } from "../../ui/lined-text.tsx";
import type { PriceListText, SentEntry } from "./price-list.ts";

const priceColumns = [
  "input_usd",
  "cached_input_usd",
  "cache_write_usd",
  "output_usd",
  "reasoning_usd",
  "request_usd",
];
const countColumns = ["context_length", "max_output_tokens"];
const columns = ["provider", "model", ...priceColumns, ...countColumns, "capabilities"];
const required = ["provider", "model", "input_usd", "output_usd"];

/**
 * Reads `provider,model,input_usd,output_usd,…` with a header line: columns in any order, `capabilities` separated by
 * spaces, an empty field is an absent one.
 */
export function readCsvList(text: string): PriceListText {
  const { rows, fault } = readRows(text);
  const nothing = { format: "csv", skippable: [], notes: [] } as const;
  const [header, ...records] = rows;
  const names = header?.cells ?? [];
  const faults = fault ? [fault] : [...headerFaults(names), ...recordFaults(records, names.length)];
  if (faults.length > 0) return { ...nothing, entries: [], lineOf: () => 1, faults };
  return {
    ...nothing,
    entries: records.map(({ cells }) => entryOf(new Map(names.map((name, index) => [name, cells[index]!])))),
    lineOf: (index) => records[index]?.line ?? 1,
    faults: [],
  };
}

type Row = { line: number; cells: string[] };

/** Fields may be quoted, a quote within one is doubled, lines end in any of the usual ways; empty ones are passed by. */
function readRows(text: string): { rows: Row[]; fault?: LineFault } {
  const rows: Row[] = [];
  // One field with what ends it, from where the last one ended.
  const field = /(?:[ \t]*"((?:[^"]|"")*)"[ \t]*|([^",\r\n]*))(,|\r\n|\n|\r|$)/y;
  field.lastIndex = text.startsWith("\uFEFF") ? 1 : 0;
  let line = 1;
  let row: Row = { line, cells: [] };
  while (field.lastIndex < text.length || row.cells.length > 0) {
    const match = field.exec(text);
    if (!match)
      return { rows, fault: { path: "", message: "has a quote that is not closed or not doubled", line } };
    const [whole, quoted, plain, end] = match;
    row.cells.push((quoted === undefined ? plain! : quoted.replaceAll('""', '"')).trim());
    line += whole.match(/\r\n|\n|\r/g)?.length ?? 0;
    if (end === ",") continue;
    if (row.cells.some((cell) => cell !== "")) rows.push(row);
    row = { line, cells: [] };
  }
  return { rows };
}

function headerFaults(names: readonly string[]): LineFault[] {
  const faults: LineFault[] = [];
  const add = (path: string, message: string) => faults.push({ path, message, line: 1 });
  for (const [index, name] of names.entries()) {
    if (!columns.includes(name)) add(name.slice(0, 64), "is no column of a price list");
    else if (names.indexOf(name) !== index) add(name, "is named twice");
  }
  for (const name of required) if (!names.includes(name)) add(name, "is missing among the columns");
  return faults;
}

function recordFaults(records: readonly Row[], width: number): LineFault[] {
  if (records.length === 0) return [{ path: "", message: "there is no price below the header", line: 2 }];
  return records
    .filter(({ cells }) => cells.length !== width)
    .map(({ line, cells }) => ({
      path: "",
      message: `has ${cells.length} fields where the header has ${width}`,
      line,
    }));
}

function entryOf(cells: ReadonlyMap<string, string>): SentEntry {
  const given = (names: readonly string[]) =>
    names.flatMap((name) => (cells.get(name) ? [[name, cells.get(name)!] as const] : []));
  const words = (cells.get("capabilities") ?? "").split(/[\s|;]+/).filter((word) => word !== "");
  return {
    provider: cells.get("provider"),
    model: cells.get("model"),
    per_million: Object.fromEntries(given(priceColumns)),
    // What is no number goes as it is: the server says what is wrong.
    ...Object.fromEntries(given(countColumns).map(([name, text]) => [name, countOf(text)])),
    ...(words.length === 0 ? {} : { capabilities: words }),
  } as unknown as SentEntry;
}

function countOf(text: string): number | string {
  return /^\d{1,10}$/.test(text) ? Number(text) : text;
}
