import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { importPrices, type PriceDeps, type PriceVersionChange, publishPrices } from "../flows/prices.ts";
import { ApiError } from "../lib/errors.ts";
import { formatUsd } from "../lib/money.ts";
import {
  changeToWire,
  type DatedPrice,
  defaultMaxChangePercent,
  entryToWire,
  faultLines,
  formatOfFile,
  listPrices,
  type PriceFileFormat,
  type PriceList,
  parsePriceFile,
  renderDiff,
} from "../modules/pricing/pricing.ts";

export const pricesHelp = `usage: pnpm prices:import <file> [--format csv|litellm|entries] [--effective-from <time>] [--max-change 50]
                         [--yes] [--dry-run] [--leave-out-faulty] [--reason <sentence>] [--json]
       pnpm prices:list [--provider <name>] [--model <name>] [--at <time>] [--json]
Shows what a price list would change, then makes a new version of the price book and publishes it; or lists the prices in
force. A change beyond the bound, to 0 or from 0 needs --yes. Times are RFC 3339, such as 2026-01-31T12:00:00Z.`;

const actor = { actorScope: "bootstrap", actorName: "bootstrap" } as const;

/** `prices import|list`: 0 when it is done, 1 and a sentence when it is refused, 2 on wrong usage. */
export async function runPrices(args: readonly string[], deps: PriceDeps): Promise<number> {
  const [word, ...rest] = args;
  const run = word === "import" ? runImport : word === "list" ? runList : null;
  if (run === null || rest.includes("--help")) {
    (run === null ? console.error : console.log)(pricesHelp);
    return run === null ? 2 : 0;
  }
  try {
    return await run(rest, deps);
  } catch (error) {
    if (error instanceof UsageFault || isArgumentFault(error)) {
      console.error((error as Error).message);
      return 2;
    }
    const lines = faultLines(error) ?? (error instanceof ApiError ? [error.message] : null);
    if (lines === null) throw error;
    for (const line of lines) console.error(line);
    return 1;
  }
}

/** Wrong usage: one sentence that says what is wanted. */
class UsageFault extends Error {}

function isArgumentFault(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && code.startsWith("ERR_PARSE_ARGS");
}

type ImportArgs = {
  file: string;
  format: PriceFileFormat | null;
  effectiveAt: Date | undefined;
  maxChangePercent: number;
  yes: boolean;
  dryRun: boolean;
  leaveOutFaulty: boolean;
  reason: string;
  json: boolean;
};

async function runImport(args: readonly string[], deps: PriceDeps): Promise<number> {
  const wanted = readImportArgs(args);
  const { format, list } = await readList(wanted);
  const { effectiveAt, maxChangePercent, reason } = wanted;
  const input = { source: format, list, effectiveAt, maxChangePercent, reason };
  const preview = await importPrices(deps, actor, { ...input, dryRun: true });
  if (!wanted.json) showChange(preview);
  if (wanted.dryRun) {
    if (wanted.json) printJson(preview);
    else console.log("dry run: nothing was written");
    return 0;
  }
  const beyond = preview.diff.beyondBound.length;
  if (beyond > 0 && !wanted.yes) {
    if (wanted.json) printJson(preview);
    console.error(
      `${beyond} prices change by more than ${maxChangePercent} %, to 0 or from 0: look at them, then repeat with --yes`,
    );
    return 1;
  }
  const draft = await importPrices(deps, actor, input);
  const published = await publishPrices(deps, actor, {
    version: draft.version!,
    acceptLargeChanges: wanted.yes,
    maxChangePercent,
    reason,
  });
  const change = { ...published, warnings: preview.warnings };
  if (wanted.json) printJson(change);
  else console.log(`version ${change.version}: ${change.status}`);
  return 0;
}

function readImportArgs(args: readonly string[]): ImportArgs {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      format: { type: "string" },
      "effective-from": { type: "string" },
      "max-change": { type: "string" },
      yes: { type: "boolean" },
      "dry-run": { type: "boolean" },
      "leave-out-faulty": { type: "boolean" },
      reason: { type: "string" },
      json: { type: "boolean" },
    },
  });
  const file = oneFile(positionals);
  const effectiveFrom = values["effective-from"];
  return {
    file,
    format: formatNamed(values.format),
    effectiveAt: effectiveFrom === undefined ? undefined : timeOf(effectiveFrom, "--effective-from"),
    maxChangePercent: percentOf(values["max-change"]),
    yes: values.yes === true,
    dryRun: values["dry-run"] === true,
    leaveOutFaulty: values["leave-out-faulty"] === true,
    reason: values.reason ?? `prices:import ${basename(file)}`,
    json: values.json === true,
  };
}

function oneFile(positionals: readonly string[]): string {
  const [file, ...more] = positionals;
  if (file === undefined) {
    throw new UsageFault(
      "Name a file: refreshing prices from their source comes with package 4 and is not available yet.",
    );
  }
  if (more.length > 0) throw new UsageFault("Name one file.");
  if (/^[a-z]+:\/\//i.test(file)) {
    throw new UsageFault(
      "Prices from an address come with package 4 and are not available yet; name a file.",
    );
  }
  return file;
}

function formatNamed(text: string | undefined): PriceFileFormat | null {
  if (text === undefined || text === "csv" || text === "litellm" || text === "entries") return text ?? null;
  if (text === "openrouter") {
    throw new UsageFault("--format openrouter comes with package 4 and is not available yet.");
  }
  throw new UsageFault("--format takes csv, litellm or entries.");
}

function timeOf(text: string, flag: string): Date {
  const form = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;
  const time = new Date(text);
  if (!form.test(text) || Number.isNaN(time.getTime())) {
    throw new UsageFault(`${flag} wants an RFC 3339 time, such as 2026-01-31T12:00:00Z.`);
  }
  return time;
}

function percentOf(text: string | undefined): number {
  if (text === undefined) return defaultMaxChangePercent;
  if (!/^\d{1,6}(\.\d{1,2})?$/.test(text)) {
    throw new UsageFault("--max-change wants a percentage of 0 or above with at most 2 decimals.");
  }
  return Number(text);
}

const mostFileBytes = 64 * 1024 * 1024;

async function readList(wanted: ImportArgs): Promise<{ format: PriceFileFormat; list: PriceList }> {
  let text: string;
  try {
    if ((await stat(wanted.file)).size > mostFileBytes) {
      throw new UsageFault(`${wanted.file} is larger than ${mostFileBytes} bytes.`);
    }
    text = await readFile(wanted.file, "utf8");
  } catch (error) {
    if (error instanceof UsageFault) throw error;
    throw new UsageFault(
      `${wanted.file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? "unknown"}.`,
    );
  }
  const format = wanted.format ?? formatOfFile(wanted.file, text);
  if (wanted.leaveOutFaulty && format !== "litellm") {
    throw new UsageFault("--leave-out-faulty is for LiteLLM's list; correct the prices of this one.");
  }
  return { format, list: parsePriceFile(text, format, wanted) };
}

function showChange(change: PriceVersionChange): void {
  console.log(renderDiff(change.diff).trimEnd());
  for (const warning of change.warnings) console.log(`note: ${warning}`);
}

function printJson(change: PriceVersionChange): void {
  const { version, status } = change;
  console.log(JSON.stringify({ ...(version === null ? {} : { version }), status, ...changeToWire(change) }));
}

const pageRows = 1_000;

async function runList(args: readonly string[], { database }: PriceDeps): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      provider: { type: "string" },
      model: { type: "string" },
      at: { type: "string" },
      json: { type: "boolean" },
    },
  });
  const at = values.at === undefined ? undefined : timeOf(values.at, "--at").toISOString();
  const { provider, model } = values;
  const rows = await database.read({ purpose: "operator" }, async (tx) => {
    const all: DatedPrice[] = [];
    for (;;) {
      const page = await listPrices(tx, { provider, model, at, after: all.at(-1), limit: pageRows });
      all.push(...page);
      if (page.length < pageRows) return all;
    }
  });
  if (values.json) console.log(JSON.stringify({ items: rows.map(listedPrice) }));
  else for (const line of priceLines(rows)) console.log(line);
  return 0;
}

function listedPrice(row: DatedPrice) {
  return {
    ...entryToWire(row),
    effective_at: row.effectiveAt.toISOString(),
    ...(row.effectiveUntil === null ? {} : { effective_until: row.effectiveUntil.toISOString() }),
    version: row.version,
  };
}

function priceLines(rows: readonly DatedPrice[]): string[] {
  if (rows.length === 0) return ["No price is in force for that."];
  const title = [
    "provider",
    "model",
    "input",
    "cached",
    "cache write",
    "output",
    "reasoning",
    "context",
    "version",
  ];
  const table = [title, ...rows.flatMap(cellsOf)];
  const widths = title.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return [...table.map(line), `${rows.length} models; USD per million tokens`];
}

function cellsOf(row: DatedPrice): string[][] {
  const prices = [{ aboveInputTokens: 0, perMillion: row.perMillion }, ...row.tiers];
  return prices.map(({ aboveInputTokens, perMillion: p }) => [
    row.provider,
    aboveInputTokens === 0 ? row.model : `  above ${aboveInputTokens} input tokens`,
    ...[p.input, p.cachedInput, p.cacheWrite, p.output, p.reasoning].map(formatUsd),
    String(row.contextLength),
    String(row.version),
  ]);
}
