import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

export const root = join(import.meta.dirname, "../..");

export type Source = { path: string; text: string; lines: readonly string[] };

/** One import or re-export: where it stands, what it names, and the file or package that it means. */
export type Import = { line: number; names: string; typeOnly: boolean; target: string };

const skipped = new Set(["node_modules", "dist", ".git", ".modelfaucet", ".cache", "generated", "artifacts"]);

/** Every text of ours under these folders, with `/` in its path, relative to the repository. */
export function sourcesUnder(folders: readonly string[], ends: RegExp): Source[] {
  return folders.flatMap((folder) =>
    walk(folder)
      .filter((path) => ends.test(path))
      .map(readSource),
  );
}

export function foldersUnder(folders: readonly string[]): string[] {
  return [...new Set(folders.flatMap(walk).map((path) => dirname(path)))];
}

/** Imports, exports from, and dynamic imports with a fixed name. */
export function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const form =
    /^[ \t]*(import|export)\s+(type\s+)?([^"';]*?)\s*from\s*["']([^"']+)["']|^[ \t]*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;
  for (const match of source.text.matchAll(form)) {
    const target = match[4] ?? match[5] ?? match[6]!;
    const names = match[3] ?? "";
    found.push({
      line: source.text.slice(0, match.index + match[0].search(/\S/)).split("\n").length,
      names,
      typeOnly: match[2] !== undefined || /^\{(\s*type\s+[^,}]+,?)+\s*\}$/.test(names),
      target: target.startsWith(".")
        ? posix.normalize(posix.join(posix.dirname(source.path), target))
        : target,
    });
  }
  return found;
}

/** `file:line message`, as an editor opens it. */
export function breach(source: Source, line: number, message: string): string {
  return `${source.path}:${line} ${message}`;
}

/** A breach for every line that the judge names. */
export function linesThat(source: Source, judge: (line: string) => string | undefined): string[] {
  return source.lines.flatMap((line, index) => {
    const message = judge(line);
    return message === undefined ? [] : [breach(source, index + 1, message)];
  });
}

/** Tests and what only they use stand outside the table. */
export function isTest(path: string): boolean {
  return /\.test\.tsx?$|testbed|\/scripted-server\.ts$/.test(path);
}

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(path) : [path];
  });
}

function readSource(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  return { path, text, lines: text.split("\n") };
}
