import {
  findNodeAtLocation,
  type JSONPath,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import type { LineFault } from "../../ui/lined-text.tsx";

/** A JSON text whose values know their lines. */
export type JsonLines = { text: string; root: Node; lineAt: (offset: number) => number };

export function parseJson(text: string): JsonLines | { fault: LineFault } {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const lineAt = lineFinder(text);
  const [error] = errors;
  if (error) {
    const code = printParseErrorCode(error.error);
    const message = `${code.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase()} here`;
    return { fault: { path: "", message, line: lineAt(error.offset) } };
  }
  if (!root) return { fault: { path: "", message: "is empty", line: 1 } };
  return { text, root, lineAt };
}

/** The line at which a path stands below `from`; of what is missing, that of the nearest thing around it. */
export function lineOfPath({ lineAt }: JsonLines, from: Node, path: JSONPath): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(from, path.slice(0, length));
    if (node) return lineAt(startOf(node));
  }
  return lineAt(startOf(from));
}

/** A value with each number as the text that it was written in, so that none passes through a float. */
export function writtenValue(json: JsonLines, node: Node): unknown {
  if (node.type === "number") return json.text.slice(node.offset, node.offset + node.length);
  const children = node.children ?? [];
  if (node.type === "array") return children.map((child) => writtenValue(json, child));
  if (node.type === "object") {
    return Object.fromEntries(
      children.flatMap(({ children: pair }) =>
        pair?.length === 2 ? [[pair[0]!.value as string, writtenValue(json, pair[1]!)]] : [],
      ),
    );
  }
  return node.value;
}

/** A property's line is that of its name. */
function startOf(node: Node): number {
  return node.parent?.type === "property" ? node.parent.offset : node.offset;
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
