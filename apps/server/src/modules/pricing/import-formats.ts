import { CsvError, parse as readCsv } from "csv-parse/sync";
import { PriceIssues, type PriceList } from "./price-entry.ts";
import {
  finish,
  isRecord,
  type Located,
  maxFileCharacters,
  maxFileEntries,
  priceFieldNames,
  readEntry,
  readJson,
  WrittenNumber,
} from "./read-entry.ts";

const maxApiEntries = 5_000;

/**
 * Reads the `entries` of `POST /v1/admin/price-book/import`, in the shape that `GET /v1/admin/price-book` answers; the
 * version's own fields may be present and are not read. Prices are decimal strings.
 * @throws PriceListRefused with every fault, path by path
 */
export function parseEntries(list: unknown): PriceList {
  const issues = new PriceIssues();
  if (!Array.isArray(list) || list.length === 0 || list.length > maxApiEntries) {
    issues.add("entries", `must be a list of 1 to ${maxApiEntries} prices`);
    issues.refuseIfAny();
  }
  const found: Located[] = (list as unknown[]).map((item, index) => {
    const path = `entries[${index}]`;
    return readEntry(item, path, `${path}.per_million`, issues);
  });
  return finish(found, issues, []);
}

/** Reads a file of `apps/server/prices`: a header and the same entries. @throws PriceListRefused */
export function parseSnapshot(text: string): PriceList {
  const file = readJson(text);
  return parseEntries(isRecord(file) ? file.entries : undefined);
}

/**
 * Reads `provider,model,input_usd,…` with a header line; columns in any order, `capabilities` separated by spaces,
 * an empty field is an absent one. CSV has no tiers.
 * @throws PriceListRefused with every fault, line and column named
 */
export function parseCsv(text: string): PriceList {
  const issues = new PriceIssues();
  const rows = readRows(text, issues);
  issues.refuseIfAny();
  const [header, ...records] = rows;
  checkHeader(header?.cells ?? [], issues);
  if (records.length === 0) issues.add("line 2", "is missing: there is no price below the header");
  issues.refuseIfAny();
  const columns = header!.cells;
  const found = records.map(({ line, cells }): Located => {
    const path = `line ${line}`;
    if (cells.length !== columns.length) {
      issues.add(path, `has ${cells.length} fields where the header has ${columns.length}`);
      return { path, entry: null, unsaid: [] };
    }
    return readRecord(new Map(columns.map((name, i) => [name, cells[i]!])), path, issues);
  });
  return finish(found, issues, []);
}

type Row = { line: number; cells: string[] };

function readRows(text: string, issues: PriceIssues): Row[] {
  if (text.length > maxFileCharacters) {
    issues.add("file", `is longer than ${maxFileCharacters} characters`);
    return [];
  }
  try {
    const rows = readCsv(text, {
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
      to: maxFileEntries + 2,
    }) as unknown as { info: { lines: number }; record: string[] }[];
    if (rows.length > maxFileEntries + 1) issues.add("file", `has more than ${maxFileEntries} prices`);
    return rows.map(({ info, record }) => ({ line: info.lines, cells: record }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = (error as { lines?: unknown }).lines;
    issues.add(typeof line === "number" ? `line ${line}` : "file", "is not well-formed CSV");
    return [];
  }
}

const csvColumns = [
  "provider",
  "model",
  ...priceFieldNames,
  "context_length",
  "max_output_tokens",
  "capabilities",
];

function checkHeader(header: readonly string[], issues: PriceIssues): void {
  for (const [index, name] of header.entries()) {
    if (!csvColumns.includes(name))
      issues.add("line 1", `names an unknown column: ${JSON.stringify(name.slice(0, 64))}`);
    else if (header.indexOf(name) !== index) issues.add("line 1", `names the column ${name} twice`);
  }
  for (const name of ["provider", "model", "input_usd", "output_usd"]) {
    if (!header.includes(name)) issues.add("line 1", `lacks the column ${name}`);
  }
}

function readRecord(cells: ReadonlyMap<string, string>, path: string, issues: PriceIssues): Located {
  const perMillion = Object.fromEntries(priceFieldNames.map((field) => [field, cells.get(field) || null]));
  const words = (cells.get("capabilities") ?? "").split(/[\s|;]+/).filter((word) => word !== "");
  return readEntry(
    {
      provider: cells.get("provider"),
      model: cells.get("model"),
      per_million: perMillion,
      context_length: writtenNumber(cells.get("context_length")),
      max_output_tokens: writtenNumber(cells.get("max_output_tokens")),
      capabilities: words.length === 0 ? null : words,
    },
    path,
    path,
    issues,
  );
}

function writtenNumber(cell: string | undefined): WrittenNumber | undefined {
  return cell ? new WrittenNumber(cell) : undefined;
}
