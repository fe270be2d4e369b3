import { getNodeValue, type Node } from "jsonc-parser";
import { type JsonLines, lineOfPath } from "./json-lines.ts";
import type { PriceListText, SentEntry } from "./price-list.ts";

/** What the price book answers beside the price itself; it is of a version, so a new one does not take it. */
const ofVersion = ["version", "effective_at", "effective_until"];

/** Reads entries as the API takes them: a list, or a file or an answer that holds one as `entries` or `items`. */
export function readEntriesList(json: JsonLines): PriceListText {
  const nothing = { format: "entries", skippable: [], notes: [] } as const;
  const list = listIn(json.root);
  const items = list?.children ?? [];
  if (list === null || items.length === 0) {
    const message = list === null ? "holds no list of prices under entries" : "is a list without a price";
    return { ...nothing, entries: [], lineOf: () => 1, faults: [{ path: "", message, line: 1 }] };
  }
  return {
    ...nothing,
    entries: items.map((item) => withoutVersion(getNodeValue(item))),
    lineOf: (index, field) => {
      const item = items[index];
      const path =
        field === "" ? [] : field.split(".").map((step) => (/^\d+$/.test(step) ? Number(step) : step));
      return item === undefined ? 1 : lineOfPath(json, item, path);
    },
    faults: [],
  };
}

function listIn(root: Node): Node | null {
  if (root.type === "array") return root;
  for (const name of ["entries", "items"]) {
    const value = root.children?.find((property) => property.children?.[0]?.value === name)?.children?.[1];
    if (value?.type === "array") return value;
  }
  return null;
}

function withoutVersion(value: unknown): SentEntry {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value as SentEntry;
  const kept = Object.entries(value).filter(([name]) => !ofVersion.includes(name));
  return Object.fromEntries(kept) as SentEntry;
}
