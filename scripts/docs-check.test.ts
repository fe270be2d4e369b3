import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePage, readInfo } from "./docs-check-pages.ts";
import { createStarted, runPage } from "./docs-check-shell.ts";
import { faultsOfMenu, faultsOfWords } from "./docs-check-words.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "modelfaucet-pages-"));
  mkdirSync(join(root, "docs"));
  writeFileSync(join(root, "package.json"), '{ "scripts": { "books": "true" } }');
  writeFileSync(join(root, "docs/other.md"), "# Other page\n\n## A *heading*, with `code`\n");
  writeFileSync(join(root, "docs/menu.ts"), 'x = { link: "/other" };\ny = { link: "/gone" };\n');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const faults = (text: string) => faultsOfWords(root, [parsePage("docs/page.md", text)]);

describe("a page", () => {
  it("says of each block what is done with it", () => {
    expect(readInfo("sh")).toEqual({ language: "sh", use: { kind: "check" } });
    expect(readInfo("sh no-run: needs Docker")).toEqual({
      language: "sh",
      use: { kind: "leave", reason: "needs Docker" },
    });
    expect(readInfo("sh start: ready in").use).toEqual({ kind: "start", ready: "ready in" });
    expect(readInfo("ts file: my-app/ask.ts").use).toEqual({ kind: "file", path: "my-app/ask.ts" });
  });

  it("has its blocks at their lines, without the indentation of a list", () => {
    const { blocks, links } = parsePage(
      "a.md",
      "1. First:\n\n   ```sh\n   echo 1\n     echo 2\n   ```\n\n[x](y.md)\n",
    );
    expect(blocks).toMatchObject([{ line: 3, text: "echo 1\n  echo 2\n" }]);
    expect(links).toEqual([{ line: 8, target: "y.md" }]);
  });
});

describe("words", () => {
  it("may link to pages and headings that are there", () => {
    expect(faults("[a](other.md) [b](other.md#a-heading-with-code) [c](#top)\n\n# Top\n")).toEqual([]);
  });

  it("names a link, a heading and a menu's entry that lead nowhere", () => {
    expect(faults("[a](gone.md)")).toEqual(["docs/page.md:1 links to gone.md, which is not there"]);
    expect(faults("\n[b](other.md#gone)")).toEqual([
      "docs/page.md:2 links to other.md#gone, and docs/other.md has no such heading",
    ]);
    expect(faultsOfMenu(root, "docs/menu.ts")).toEqual(["docs/menu.ts:2 /gone leads nowhere"]);
  });

  it("names a command that does not exist, in prose and in blocks that are not run", () => {
    expect(faults("Say `pnpm books`, not `pnpm bookz --now`.")).toEqual([
      "docs/page.md:1 names `pnpm bookz`, which is no command",
    ]);
    expect(faults("```sh no-run: a reason\nX=1 npx pnpm@12 bookz\n```")).toHaveLength(1);
  });

  it("names values that cannot be read, variables that nothing reads, and blocks nobody checks", () => {
    expect(faults('```json\n{"a": }\n```')[0]).toContain("docs/page.md:1 has a block that is no json");
    expect(faults("```ini\nNODE_ENV=production\nNODE_ENF=1\n```")).toEqual([
      "docs/page.md:1 names the variable NODE_ENF, which nothing reads",
    ]);
    expect(faults("```ruby\nputs 1\n```")).toHaveLength(1);
    expect(faults("```sh no-run:\nls\n```")).toEqual(["docs/page.md:1 leaves a block out without a reason"]);
  });
});

describe("commands", () => {
  const where = () => ({
    folder: root,
    env: { PATH: process.env.PATH },
    printed: (text: string) => text.replaceAll("3001", "4001"),
  });
  beforeAll(() => mkdirSync(join(root, ".git"), { recursive: true }));
  const runText = async (text: string) => {
    await using started = createStarted();
    return await runPage(parsePage("docs/page.md", text), where(), started);
  };

  it("are run in one shell, in order, after the files that they read", async () => {
    const page =
      '```ts file: a/b.ts\nport 3001\n```\n```sh\nx=3001\n```\n```sh\ngrep -q "port $x" a/b.ts\n```';
    expect(await runText(page)).toBeNull();
  });

  it("fail at the block that failed, with what it said, and go no further", async () => {
    const page = "```sh\ntrue\n```\n```sh\necho why >&2\nfalse | true\ntouch later\n```";
    expect(await runText(page)).toMatchObject({ line: 4, sentence: "failed", output: "why" });
  });

  it("may go on running, once they have said that they are ready", async () => {
    expect(await runText("```sh start: is ready\necho it is ready; sleep 60\n```")).toBeNull();
    expect(await runText("```sh start: is ready\necho it is not\n```")).toMatchObject({
      sentence: 'ended before it said "is ready"',
    });
  });
});
