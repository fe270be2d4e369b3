import { parseCsv, parseSnapshot } from "./import-formats.ts";
import { parseLitellm } from "./import-litellm.ts";
import { type PriceList, PriceListRefused } from "./price-entry.ts";

export type PriceFileFormat = "csv" | "litellm" | "entries";

/**
 * What a file is, by the ending of its name, then by what stands in it: a JSON object with a list `entries` is ours, any
 * other is LiteLLM's cost map.
 */
export function formatOfFile(name: string, text: string): PriceFileFormat {
  if (/\.csv$/i.test(name)) return "csv";
  if (!/\.json$/i.test(name) && !/^\s*\{/.test(text)) return "csv";
  try {
    const file = JSON.parse(text) as { entries?: unknown } | null;
    return Array.isArray(file?.entries) ? "entries" : "litellm";
  } catch {
    // The reader of JSON tells what is wrong with it.
    return "litellm";
  }
}

/** @throws PriceListRefused with every fault */
export function parsePriceFile(
  text: string,
  format: PriceFileFormat,
  { leaveOutFaulty = false }: { leaveOutFaulty?: boolean } = {},
): PriceList {
  if (format === "csv") return parseCsv(text);
  if (format === "entries") return parseSnapshot(text);
  return parseLitellm(text, { faulty: leaveOutFaulty ? "leave_out" : "refuse" });
}

/** A refused list line by line, for a terminal. `null` for any other failure. */
export function faultLines(error: unknown): string[] | null {
  if (!(error instanceof PriceListRefused)) return null;
  const more = (error.details as { more?: boolean }).more === true ? ["… and more"] : [];
  return [...error.issues.map(({ path, message }) => `${path} ${message}`), ...more];
}
