import {
  applyEdits,
  findNodeAtLocation,
  getNodeValue,
  type JSONPath,
  modify,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { LineFault } from "../../ui/lined-text.tsx";

/**
 * The manifest as the text that stands in the editor. The form edits this text too, so there is one truth, and what
 * somebody has laid out by hand keeps its form.
 */

export type Manifest = { policy: Record<string, unknown>; pricing: Record<string, unknown> };

/** A fault of the text or of the manifest; `path` is empty for faults of the text. */
export type Fault = LineFault;

export type ReadText = { manifest: Manifest; faults: [] } | { manifest: null; faults: Fault[] };

const formatting = { insertSpaces: true, tabSize: 2, eol: "\n" };

export function textOf(manifest: { policy: unknown; pricing: unknown }): string {
  return JSON.stringify({ policy: manifest.policy, pricing: manifest.pricing }, null, 2);
}

/** The manifest, or what keeps the text from being one. */
export function readText(text: string): ReadText {
  const { root, errors } = parsed(text);
  const [error] = errors;
  if (error) {
    const message = `${spaced(printParseErrorCode(error.error))} here`;
    return { manifest: null, faults: [{ path: "", message, line: lineAt(text, error.offset) }] };
  }
  const value: unknown = root && getNodeValue(root);
  if (!isObject(value))
    return { manifest: null, faults: [{ path: "", message: "must be an object", line: 1 }] };
  const { policy = {}, pricing = {}, ...rest } = value;
  const [foreign] = Object.keys(rest);
  if (foreign !== undefined) {
    const message = `${foreign} is no part of a manifest; only policy and pricing are`;
    return { manifest: null, faults: [{ path: foreign, message, line: lineOf(text, foreign) }] };
  }
  for (const [name, part] of Object.entries({ policy, pricing })) {
    if (!isObject(part)) {
      return {
        manifest: null,
        faults: [{ path: name, message: "must be an object", line: lineOf(text, name) }],
      };
    }
  }
  return { manifest: { policy, pricing } as Manifest, faults: [] };
}

/** The text with one value changed, or taken out where `value` is undefined. A text that is no JSON stays as it is. */
export function withValue(text: string, path: JSONPath, value: unknown): string {
  if (readText(text).manifest === null) return text;
  return applyEdits(text, modify(text, path, value, { formattingOptions: formatting }));
}

/** The line, from 1, at which a dotted path stands; of what is missing, the nearest thing around it. */
export function lineOf(text: string, dotted: string): number {
  const { root } = parsed(text);
  if (!root) return 1;
  const path = dotted.split(".").map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  for (let length = path.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, path.slice(0, length));
    if (node) return lineAt(text, startOf(node));
  }
  return 1;
}

/** A property's line is that of its name. */
function startOf(node: Node): number {
  return node.parent?.type === "property" ? node.parent.offset : node.offset;
}

function parsed(text: string): { root: Node | undefined; errors: ParseError[] } {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  return { root, errors };
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `CommaExpected` → `comma expected`. */
function spaced(code: string): string {
  return code.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}
