import { expect, test } from "vitest";
import { breach, type Import, importsOf, isTest, type Source, sourcesUnder } from "./sources.ts";

/**
 * The import table of the design. A file belongs to the first row whose folder it lies in; what the row does not allow
 * is a breach. `types` may be imported as types alone: so may, by flows and edges, the types of a module from the file
 * that defines them, because a type carries no behaviour past the door.
 */
type Row = { from: RegExp; may: readonly RegExp[]; types?: readonly RegExp[] };

const server = "apps/server/src";
const lib = new RegExp(`^${server}/lib/`);
const flows = new RegExp(`^${server}/flows/`);
/** `modules/<noun>/<noun>.ts`, and nothing else of a module. */
const doors = new RegExp(`^${server}/modules/([a-z-]+)/\\1\\.ts$`);
const moduleTypes = new RegExp(`^${server}/modules/`);
const contract = /^@modelfaucet\/contract\//;
const tokenCounter = /^@modelfaucet\/token-counter\//;
/** Names alone, without a schema: the one file of the contract that may be in a page. */
const scopes = /^@modelfaucet\/contract\/scopes\.ts$/;
const edge = (name: string): Row => ({
  from: new RegExp(`^${server}/${name}/`),
  may: [new RegExp(`^${server}/${name}/`), flows, doors, lib, contract],
  types: [moduleTypes, new RegExp(`^${server}/providers/provider\\.ts$`)],
});

const table: readonly Row[] = [
  { from: new RegExp(`^${server}/(main|wiring)\\.ts$|^${server}/commands/`), may: [/./] },
  {
    from: new RegExp(`^${server}/config(\\.ts$|/)`),
    may: [new RegExp(`^${server}/config/`), /^apps\/server\/package\.json$/],
  },
  edge("gateway"),
  edge("api"),
  { ...edge("worker"), may: [...edge("worker").may, new RegExp(`^${server}/projectors/`)] },
  {
    from: new RegExp(`^${server}/(flows|projectors)/`),
    may: [
      flows,
      new RegExp(`^${server}/projectors/`),
      doors,
      lib,
      new RegExp(`^${server}/providers/provider\\.ts$`),
    ],
    types: [contract, moduleTypes, tokenCounter],
  },
  { from: new RegExp(`^${server}/providers/`), may: [new RegExp(`^${server}/providers/`), lib] },
  { from: lib, may: [lib, /^@modelfaucet\/contract\/errors\.ts$/], types: [contract] },
  // The bridge runs on its users' computers, from one file: it takes nothing of `apps/server`.
  { from: /^apps\/bridge\//, may: [/^apps\/bridge\//, tokenCounter] },
  { from: /^packages\/token-counter\//, may: [/^packages\/token-counter\//] },
  { from: /^packages\/contract\//, may: [/^packages\/contract\//, /^zod$/] },
  { from: /^packages\/sdk\//, may: [/^packages\/sdk\//], types: [contract] },
  {
    from: /^apps\/dashboard\/src\/(format|ui)\//,
    may: [/^apps\/dashboard\/src\/(format|ui)\//, /^react(\/|$)/, /^radix-ui$/],
  },
  {
    from: /^apps\/dashboard\/src\/developer\//,
    may: [
      /^apps\/dashboard\/src\/(?!operator\/)/,
      scopes,
      /^(react|recharts|jsonc-parser|@tanstack\/.*)(\/|$)/,
    ],
    types: [contract],
  },
  {
    from: /^apps\/dashboard\/src\//,
    may: [
      /^apps\/dashboard\/src\//,
      scopes,
      /^(react|react-dom|radix-ui|recharts|cmdk|@tanstack\/.*)(\/|$)/,
      /\.css$/,
    ],
    types: [contract],
  },
  { from: /^packages\/react\//, may: [/^packages\/react\//, /^@modelfaucet\/sdk(\/|$)/, /^react(\/|$)/] },
];

const ownModule = new RegExp(`^(${server}/modules/[a-z-]+/)`);
const rulesMay = [/\/lib\/(money|ids|errors)\.ts$/, /^@modelfaucet\/contract\//];

const sources = sourcesUnder(
  ["apps/server/src", "apps/bridge/src", "apps/dashboard/src", "packages"],
  /\.tsx?$/,
).filter(({ path }) => !isTest(path));

test("every import is one that the table allows", () => {
  expect(sources.flatMap(breachesOf)).toEqual([]);
});

test("the table sees a breach", () => {
  const seen = (path: string, text: string) => breachesOf({ path, text, lines: text.split("\n") });
  expect(seen(`${server}/api/x.ts`, '\nimport { a } from "../gateway/a.ts";')).toEqual([
    `${server}/api/x.ts:2 may not import ${server}/gateway/a.ts`,
  ]);
  expect(seen(`${server}/modules/books/x.ts`, 'import { a } from "../pricing/pricing.ts";')).toHaveLength(1);
  expect(seen(`${server}/flows/x.ts`, 'import {\n  a,\n} from "../modules/books/store.ts";')).toHaveLength(1);
  expect(seen(`${server}/flows/x.ts`, 'import { a } from "../modules/books/books.ts";')).toEqual([]);
  expect(seen("packages/sdk/src/x.ts", 'import { a } from "@modelfaucet/contract/errors.ts";')).toHaveLength(
    1,
  );
  expect(seen("packages/sdk/src/x.ts", 'import type { A } from "@modelfaucet/contract/errors.ts";')).toEqual(
    [],
  );
});

function breachesOf(source: Source): string[] {
  const row = rowOf(source.path);
  if (!row) return [];
  return importsOf(source)
    .filter((item) => !isOutside(item, source.path) && !isAllowed(item, row))
    .map((item) => breach(source, item.line, `may not import ${item.target}`));
}

function rowOf(path: string): Row | undefined {
  const module = ownModule.exec(path)?.[1];
  if (!module) return table.find((row) => row.from.test(path));
  const own = new RegExp(`^${module}`);
  // A rule is pure: it knows money, ids and errors, and only the types of everything else of its module.
  if (path.endsWith("/rules.ts")) return { from: own, may: rulesMay, types: [own, lib] };
  return { from: own, may: [own, lib], types: [contract] };
}

function isAllowed(item: Import, row: Row): boolean {
  return (
    row.may.some((form) => form.test(item.target)) ||
    (item.typeOnly && (row.types ?? []).some((form) => form.test(item.target)))
  );
}

/** Node and libraries are bounded elsewhere; in the contract and in the packages for browsers they are not free. */
function isOutside(item: Import, path: string): boolean {
  if (path.startsWith("packages/contract/") || path.startsWith("packages/sdk/")) return false;
  return (
    !item.target.startsWith("apps/") &&
    !item.target.startsWith("packages/") &&
    !item.target.startsWith("@modelfaucet/")
  );
}
