// A page of the documentation, as `docs:check` reads it: its headings, links, and code blocks with what they ask for.
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What is done with a block, by the words behind its language: nothing said means that it is checked. */
export type BlockUse =
  | { kind: "check" }
  /** Cannot run here, and says why. */
  | { kind: "leave"; reason: string }
  /** Goes on running for all pages that follow; it is there when it has printed these words. */
  | { kind: "start"; ready: string }
  /** Is written into that file first. */
  | { kind: "file"; path: string };

export type Block = { line: number; language: string; text: string; use: BlockUse };
export type Link = { line: number; target: string };
export type Page = {
  path: string;
  /** The page says `<!-- docs-check: platform -->`: its blocks talk to a running platform. */
  wantsPlatform: boolean;
  blocks: Block[];
  links: Link[];
  /** Code between single backticks. */
  inlineCode: { line: number; text: string }[];
  /** The anchors of its headings. */
  anchors: Set<string>;
};

export function readPage(root: string, path: string): Page {
  return parsePage(path, readFileSync(join(root, path), "utf8"));
}

export function parsePage(path: string, text: string): Page {
  const page: Page = {
    path,
    wantsPlatform: /^<!-- docs-check: platform -->$/m.test(text),
    blocks: [],
    links: [],
    inlineCode: [],
    anchors: new Set(),
  };
  let open: { block: Block; fence: string; indent: number } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^( *)(`{3,})(.*)$/.exec(line);
    if (open) {
      if (fence && fence[2] === open.fence && fence[3]!.trim() === "") {
        page.blocks.push(open.block);
        open = null;
      } else {
        open.block.text += `${line.slice(Math.min(open.indent, line.search(/\S|$/)))}\n`;
      }
    } else if (fence) {
      const { language, use } = readInfo(fence[3]!.trim());
      open = {
        block: { line: index + 1, language, text: "", use },
        fence: fence[2]!,
        indent: fence[1]!.length,
      };
    } else {
      readLine(page, line, index + 1);
    }
  }
  return page;
}

/** `sh no-run: needs Docker`, `sh start: ready in`, `ts file: my-app/ask.ts`. */
export function readInfo(info: string): { language: string; use: BlockUse } {
  const [, language = "", mark, words = ""] = /^(\S*)(?:\s+([a-z-]+):\s*(.*))?$/.exec(info) ?? [];
  const use: BlockUse =
    mark === "no-run"
      ? { kind: "leave", reason: words }
      : mark === "start"
        ? { kind: "start", ready: words }
        : mark === "file"
          ? { kind: "file", path: words }
          : { kind: "check" };
  return { language: language || (info === "" ? "" : info), use };
}

function readLine(page: Page, line: string, number: number): void {
  const heading = /^#{1,6}\s+(.+)$/.exec(line);
  if (heading) page.anchors.add(anchorOf(heading[1]!));
  for (const match of line.matchAll(/`([^`]+)`/g)) page.inlineCode.push({ line: number, text: match[1]! });
  const withoutCode = line.replaceAll(/`[^`]*`/g, "");
  for (const match of withoutCode.matchAll(/\]\(([^()\s]+)\)/g))
    page.links.push({ line: number, target: match[1]! });
  // The front matter of the first page.
  const link = /^\s+link: (\S+)$/.exec(line);
  if (link) page.links.push({ line: number, target: link[1]! });
}

/** The anchor of a heading, where GitHub and VitePress agree on it: letters, digits and single hyphens. */
function anchorOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[`*]/g, "")
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s+/g, "-");
}
