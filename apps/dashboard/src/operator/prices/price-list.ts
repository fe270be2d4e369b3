import type { SentOf } from "@modelfaucet/contract/route.ts";
import type { importPrices } from "@modelfaucet/contract/routes/platform.ts";
import type { LineFault } from "../../ui/lined-text.tsx";
import { readCsvList } from "./csv-list.ts";
import { readEntriesList } from "./entries-list.ts";
import { parseJson } from "./json-lines.ts";
import { looksLikeLitellm, readLitellmList } from "./litellm-list.ts";

export type SentEntry = NonNullable<SentOf<typeof importPrices>["entries"]>[number];
export type ListFormat = "csv" | "litellm" | "entries";

/**
 * A list as somebody pasted it, in the shape that the API takes. Only its form is read here: what a price may be, the
 * server judges, and `lineOf` brings its faults back to the line that they are of.
 */
export type PriceListText = {
  format: ListFormat;
  entries: readonly SentEntry[];
  /** The line of an entry, or of a field of it, such as `per_million.input_usd`. */
  lineOf: (index: number, field: string) => number;
  /** What keeps the text from being sent. */
  faults: readonly LineFault[];
  /** Faults of single models that the list can go without. */
  skippable: readonly LineFault[];
  /** What the list holds and the price book does not. */
  notes: readonly string[];
};

/** As many as the API takes at once. */
const mostEntries = 5000;

/** Reads a price list, whichever of the three forms it has. `leaveOutFaulty`: LiteLLM's list without its faulty models. */
export function readPriceList(text: string, { leaveOutFaulty = false } = {}): PriceListText {
  const list = readAny(text, leaveOutFaulty);
  if (list.faults.length > 0 || list.entries.length <= mostEntries) return list;
  const message = `has ${list.entries.length} prices; one import takes ${mostEntries}, so split it`;
  return { ...list, faults: [{ path: "", message, line: 1 }] };
}

/** The server's faults, which name `entries.3.per_million.input_usd`, at the lines of the text. */
export function faultsAtLines(
  issues: readonly { param: string; message: string }[],
  list: Pick<PriceListText, "lineOf">,
): LineFault[] | null {
  const faults = issues.map(({ param, message }) => {
    const match = /^entries(?:\.|\[)(\d+)\]?\.?(.*)$/.exec(param);
    if (!match) return null;
    const field = match[2]!.replaceAll(/\[(\d+)\]/g, ".$1");
    return {
      path: field.replace(/^per_million\./, ""),
      // One fault can name another entry: a second price for the same model.
      message: message.replaceAll(
        /entries\[(\d+)\]/g,
        (_, index: string) => `line ${list.lineOf(Number(index), "")}`,
      ),
      line: list.lineOf(Number(match[1]), field),
    };
  });
  return faults.every((fault) => fault !== null) ? faults : null;
}

function readAny(text: string, leaveOutFaulty: boolean): PriceListText {
  if (!/^[\s\uFEFF]*[[{]/.test(text)) return readCsvList(text);
  const json = parseJson(text);
  if ("fault" in json) {
    const nothing = { entries: [], lineOf: () => 1, skippable: [], notes: [] };
    return { format: "entries", ...nothing, faults: [json.fault] };
  }
  return looksLikeLitellm(json.root) ? readLitellmList(json, { leaveOutFaulty }) : readEntriesList(json);
}
