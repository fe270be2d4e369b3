import { basename } from "node:path";
import { expect, test } from "vitest";
import { breach, foldersUnder, importsOf, isTest, linesThat, sourcesUnder } from "./sources.ts";

const server = "apps/server/src";
const everywhere = ["apps", "packages", "examples"];
const serverSources = sourcesUnder([server], /\.ts$/).filter(({ path }) => !isTest(path));

test("the environment is read in one place", () => {
  const mayRead =
    /^apps\/server\/src\/config\.ts$|^apps\/platform\/|^apps\/bridge\/src\/main\.ts$|^packages\/testkit\/|vite\.config\.ts$/;
  const found = sourcesUnder(everywhere, /\.(ts|tsx|mjs)$/)
    .filter(({ path }) => !mayRead.test(path) && !isTest(path))
    .flatMap((source) =>
      linesThat(source, (line) => (/process\.env/.test(line) ? "reads process.env" : undefined)),
    );
  expect(found).toEqual([]);
});

/** How long the transaction has run already: a difference, in which an offset cancels out. */
const elapsed = /\(clock_timestamp\(\) - now\(\)\)/g;

test("SQL takes the time from mf_now()", () => {
  const bare =
    /(?<![\w.])(now|clock_timestamp|statement_timestamp|transaction_timestamp)\s*\(|(?<![\w.])current_(timestamp|date|time)\b/i;
  const inMigrations = sourcesUnder(["apps/server/migrations"], /(?<!snapshot)\.sql$/).flatMap((source) => {
    const without = source.text
      // The one definition of mf_now, and comments.
      .replace(/create (or replace )?function mf_now\b[^;]*?\$\$[^;]*?\$\$/gi, blank)
      .replace(/create (or replace )?function mf_now\b[^;]*;/gi, blank)
      .replace(/--.*$/gm, blank);
    return linesThat({ ...source, lines: without.split("\n") }, (line) =>
      bare.test(line) ? "says the time itself" : undefined,
    );
  });
  // The table of migrations is made before there is an mf_now.
  const withFunctions = serverSources.filter(({ path }) => path !== "apps/server/src/lib/migrations.ts");
  const inCode = withFunctions.flatMap((source) =>
    [...source.text.matchAll(/\b(?:tx|sql)(?:<[^`]*?>)?`([^`]*)`/g)]
      .filter((match) => bare.test(match[1]!.replaceAll(elapsed, "")))
      .map((match) =>
        breach(source, source.text.slice(0, match.index).split("\n").length, "says the time itself"),
      ),
  );
  expect([...inMigrations, ...inCode]).toEqual([]);
});

/** A package for other people's programs is imported by its name alone. */
const packageEntry = /^packages\/(sdk|react)\/src\/index\.ts$/;

test("no folder and no file is a drawer for anything", () => {
  const forbidden = /^(utils?|helpers?|common|shared|misc|mocks?)$/;
  const folders = foldersUnder(everywhere).filter((folder) =>
    folder.split("/").some((part) => forbidden.test(part)),
  );
  const files = sourcesUnder(everywhere, /\.(ts|tsx|mjs|sql)$/)
    .map(({ path }) => path)
    .filter(
      (path) =>
        forbidden.test(basename(path).replace(/\..*$/, "")) ||
        (/\/index\.tsx?$/.test(path) && !packageEntry.test(path)),
    );
  expect([...folders, ...files]).toEqual([]);
});

test("no file passes on everything of another", () => {
  const found = sourcesUnder(everywhere, /\.tsx?$/).flatMap((source) =>
    linesThat(source, (line) => (/^export \*/.test(line) ? "is a barrel" : undefined)),
  );
  expect(found).toEqual([]);
});

test("the database is reached through lib/db", () => {
  const may = new RegExp(`^${server}/(lib/(db|migrations)\\.ts|commands/)`);
  const found = serverSources.flatMap((source) =>
    importsOf(source)
      .filter((item) => item.target === "postgres" && !item.typeOnly && !may.test(source.path))
      .map((item) => breach(source, item.line, "opens its own database connection")),
  );
  expect(found).toEqual([]);
});

test("money never becomes a number", () => {
  const named = /usd|money|price|charge|cost|amount|balance|fee/i;
  const turns = /\b(Number|parseFloat)\(|\.toFixed\(/;
  const found = serverSources
    .filter(({ path }) => /\/(modules|flows|projectors)\//.test(path))
    .flatMap((source) =>
      source.lines.flatMap((line, index) => {
        const excused =
          /^\s*\/\/ For show only/.test(source.lines[index - 1] ?? "") || /^\s*(\/\/|\*)/.test(line);
        const turned = turns.test(line) && named.test(line) && !excused;
        return turned ? [breach(source, index + 1, "turns money into a number")] : [];
      }),
    );
  expect(found).toEqual([]);
});

test("a file is at most 350 lines, a test 500, or says at its top why it is longer", () => {
  const found = sourcesUnder([...everywhere, "scripts", "tests"], /\.(ts|tsx|mjs)$/)
    .filter(({ path, lines }) => lines.length > (isTest(path) ? 501 : 351))
    .filter(({ lines }) => !lines.slice(0, 20).some((line) => /longer than/i.test(line)))
    .map((source) => breach(source, source.lines.length, "is too long"));
  expect(found).toEqual([]);
});

/** Keeps the lines, so that a breach below names the right one. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
