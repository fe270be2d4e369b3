import {
  type Document,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from "yaml";
import type { ZodIssue } from "./schema.ts";
import { type BridgeFile, bridgeFileSchema } from "./schema.ts";

/** What is wrong with the file, and where. Lines and columns count from 1. */
export type Fault = { line: number; column: number; path: string; message: string };

export type ReadFile = {
  /** `null` when its form is wrong. */
  file: BridgeFile | null;
  /** As it was written, of whatever form. */
  content: unknown;
  faults: Fault[];
  placeOf(path: readonly PropertyKey[], wanted?: "value" | "key"): { line: number; column: number };
};

const fileBytesMax = 262_144;

/** Reads `bridge.yaml`. Every fault of its form is in the list, not the first alone. */
export function readBridgeFile(text: string): ReadFile {
  const nowhere = { file: null, content: null, placeOf: () => ({ line: 1, column: 1 }) };
  if (Buffer.byteLength(text) > fileBytesMax) {
    const message = `is larger than ${fileBytesMax} bytes`;
    return { ...nowhere, faults: [{ line: 1, column: 1, path: "", message }] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const unreadable = [...document.errors, ...document.warnings];
  if (unreadable.length > 0) {
    return {
      ...nowhere,
      faults: unreadable.map((error) => ({
        ...placeAt(error.pos[0]),
        path: "",
        message: oneLine(error.message),
      })),
    };
  }
  const placeOf: ReadFile["placeOf"] = (path, wanted = "value") => placeAt(offsetOf(document, path, wanted));
  const content = contentOf(document);
  const result = bridgeFileSchema.safeParse(content);
  const faults = result.error?.issues.flatMap((issue) => faultsOf(issue, placeOf)) ?? [];
  return { file: result.data ?? null, content, placeOf, faults };
}

export function sortedFaults(faults: readonly Fault[]): Fault[] {
  return [...faults].sort((a, b) => a.line - b.line || a.column - b.column);
}

/** `file:line:column path: message`, as an editor opens it. */
export function faultLine(file: string, fault: Fault): string {
  return `${file}:${fault.line}:${fault.column} ${fault.path === "" ? "" : `${fault.path}: `}${fault.message}`;
}

export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`,
    "",
  );
}

function faultsOf(issue: ZodIssue, placeOf: ReadFile["placeOf"]): Fault[] {
  if (issue.code !== "unrecognized_keys") {
    return [{ ...placeOf(issue.path), path: pathText(issue.path), message: oneLine(issue.message) }];
  }
  return issue.keys.map((key) => {
    const path = [...issue.path, key];
    return { ...placeOf(path, "key"), path: pathText(path), message: "is not a known key" };
  });
}

/** An alias that multiplies itself is an error of the library's; an empty file is an empty object. */
function contentOf(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 20 }) ?? {};
  } catch {
    return "too many aliases";
  }
}

/** Where the value at this path stands, else its key, else what it would stand in. */
function offsetOf(document: Document, path: readonly PropertyKey[], wanted: "value" | "key"): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [at, part] of path.entries()) {
    const pair = isMap(node) ? pairOf(node, part) : undefined;
    const next = pair === undefined ? childOf(node, part) : pair.value;
    const isKey =
      pair !== undefined && (wanted === "key" || startOf(next) === undefined) && at === path.length - 1;
    offset = startOf(isKey ? pair.key : next) ?? offset;
    if (next === undefined || next === null) return offset;
    node = next;
  }
  return offset;
}

function pairOf(map: YAMLMap, key: PropertyKey) {
  return map.items.find(
    (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
  );
}

function childOf(node: unknown, part: PropertyKey): unknown {
  const items = (node as { items?: unknown[] } | null)?.items;
  return typeof part === "number" && Array.isArray(items) ? items[part] : undefined;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").trim();
}
