// What a page says without running it: links, values, and the commands that it names.
import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { variables } from "@modelfaucet/server/config/variables.ts";
import { parse as parseYaml } from "yaml";
import { type Block, type Page, readPage } from "./docs-check-pages.ts";

/** Languages that are read, run or type-checked; `text` is what a program prints, or a shape. */
const languages = new Set(["sh", "ts", "tsx", "json", "yaml", "ini", "text"]);
const pnpmWords = new Set(["install", "exec", "add"]);

/** `file:line sentence` for everything that is wrong. */
export function faultsOfWords(root: string, pages: readonly Page[]): string[] {
  const scripts = new Set(Object.keys(readJson(join(root, "package.json")).scripts));
  const read = new Map(pages.map((page) => [page.path, page]));
  const pageAt = (path: string): Page => read.get(path) ?? readPage(root, path);
  return pages.flatMap((page) => [
    ...page.links.flatMap(({ line, target }) => told(page, line, faultOfLink(root, page, target, pageAt))),
    ...page.blocks.flatMap((block) => told(page, block.line, faultOfBlock(block))),
    ...page.blocks
      .filter(({ language }) => language === "sh")
      .flatMap((block) => told(page, block.line, faultOfCommand(block.text, scripts))),
    ...page.inlineCode.flatMap(({ line, text }) => told(page, line, faultOfCommand(text, scripts))),
  ]);
}

/** The entries of the site's menus, which VitePress does not check. */
export function faultsOfMenu(root: string, config: string): string[] {
  const text = readFileSync(join(root, config), "utf8");
  return [...text.matchAll(/link: "(\/[^"]*)"/g)].flatMap((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    return existsSync(join(root, sitePath(match[1]!))) ? [] : [`${config}:${line} ${match[1]} leads nowhere`];
  });
}

function told(page: Page, line: number, fault: string | null): string[] {
  return fault === null ? [] : [`${page.path}:${line} ${fault}`];
}

function faultOfLink(
  root: string,
  page: Page,
  target: string,
  pageAt: (path: string) => Page,
): string | null {
  if (/^(https?:|mailto:)/.test(target)) return null;
  const [link, anchor] = target.split("#") as [string, string?];
  const path =
    link === ""
      ? page.path
      : link.startsWith("/")
        ? sitePath(link)
        : posix.normalize(posix.join(posix.dirname(page.path), link));
  if (path !== page.path && !existsSync(join(root, path))) return `links to ${target}, which is not there`;
  if (anchor === undefined || !path.endsWith(".md")) return null;
  return pageAt(path).anchors.has(anchor) ? null : `links to ${target}, and ${path} has no such heading`;
}

/** `/runbooks/upgrade` of the site is `docs/runbooks/upgrade.md`. */
function sitePath(link: string): string {
  const page = link.replace(/#.*$/, "");
  if (/\.\w+$/.test(page)) return `docs${page}`;
  return `docs${page.endsWith("/") ? `${page}index` : page}.md`;
}

function faultOfBlock({ language, text, use }: Block): string | null {
  if (!languages.has(language)) return `has a block in "${language}": nobody checks that; say text`;
  if (use.kind === "leave" && use.reason === "") return "leaves a block out without a reason";
  if (use.kind === "start" && (language !== "sh" || use.ready === ""))
    return "starts what is no command, or says no words to wait for";
  if (use.kind === "file" && (use.path.startsWith("/") || use.path.includes("..")))
    return "writes a file outside of the copy";
  try {
    if (language === "json") JSON.parse(text);
    if (language === "yaml") parseYaml(text);
  } catch (error) {
    return `has a block that is no ${language}: ${(error as Error).message.split("\n")[0]}`;
  }
  return language === "ini" ? faultOfVariables(text) : null;
}

const known = new Set<string>(Object.keys(variables));

/** Lines of an env file name variables that exist. */
function faultOfVariables(text: string): string | null {
  for (const line of text.split("\n").filter((each) => each.trim() !== "" && !each.startsWith("#"))) {
    const name = /^([A-Z][A-Z0-9_]*)=/.exec(line)?.[1];
    if (!name) return `has a line in an env file that is no NAME=value: ${line}`;
    if (!known.has(name)) return `names the variable ${name}, which nothing reads`;
  }
  return null;
}

/** Every `pnpm something` is a command of this repository. */
function faultOfCommand(text: string, scripts: ReadonlySet<string>): string | null {
  for (const match of text.matchAll(/(?:^|[\s(])(?:npx (?:--yes )?)?pnpm(?:@[\d.]+)? ([a-z][\w:-]*)/gm)) {
    const word = match[1]!;
    if (!scripts.has(word) && !pnpmWords.has(word)) return `names \`pnpm ${word}\`, which is no command`;
  }
  return null;
}

function readJson(path: string): { scripts: Record<string, string> } {
  return JSON.parse(readFileSync(path, "utf8"));
}
