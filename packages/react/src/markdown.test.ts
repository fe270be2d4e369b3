import fc from "fast-check";
import { expect, test } from "vitest";
import { type Block, type Inline, readInline, readMarkdown } from "./markdown.ts";

const text = (value: string): Inline => ({ kind: "text", text: value });

test("reads paragraphs, headings, lists, quotes and code", () => {
  expect(
    readMarkdown("# Title #\nOne\ntwo\n\n- a\n  b\n- c\n\n3. x\n4) y\n> said\n> so\n```js\na < b\n```\nend"),
  ).toEqual([
    { kind: "heading", level: 1, inner: [text("Title")] },
    { kind: "paragraph", inner: [text("One\ntwo")] },
    { kind: "list", ordered: false, start: 1, items: [[text("a\nb")], [text("c")]] },
    { kind: "list", ordered: true, start: 3, items: [[text("x")], [text("y")]] },
    { kind: "quote", inner: [text("said\nso")] },
    { kind: "code", text: "a < b" },
    { kind: "paragraph", inner: [text("end")] },
  ] satisfies Block[]);
});

test("reads emphasis, code and links within a line", () => {
  expect(readInline("a **b *c*** `d*e*` [f](https://x.example/g) snake_case_name \\*h\\*")).toEqual([
    text("a "),
    { kind: "strong", inner: [text("b "), { kind: "emphasis", inner: [text("c")] }] },
    text(" "),
    { kind: "code", text: "d*e*" },
    text(" "),
    { kind: "link", href: "https://x.example/g", inner: [text("f")] },
    text(" snake_case_name *h*"),
  ] satisfies Inline[]);
});

test("a fence that is still being written is code already", () => {
  expect(readMarkdown("```\nlet a")).toEqual([{ kind: "code", text: "let a" }]);
});

test("a picture is its description and is fetched from nowhere", () => {
  expect(readInline("see ![the chart](https://spy.example/p.png?q=secret) here")).toEqual([
    text("see the chart here"),
  ]);
});

test.each([
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "data:text/html,x",
  "vbscript:x",
  "file:///etc/passwd",
  "//evil.example",
  "/relative",
  "https://user:secret@evil.example/",
  "\u0001javascript:x",
])("a link to %s is its text alone", (target) => {
  expect(readInline(`[press](${target})`)).toEqual([text("press")]);
});

test("HTML stays the text that it is", () => {
  expect(readMarkdown("<img src=x onerror=alert(1)>")).toEqual([
    { kind: "paragraph", inner: [text("<img src=x onerror=alert(1)>")] },
  ]);
});

const letters = (blocks: readonly Block[]): string =>
  blocks
    .flatMap((block) =>
      block.kind === "code"
        ? [block.text]
        : block.kind === "list"
          ? block.items.map(inlineLetters)
          : [inlineLetters(block.inner)],
    )
    .join("");
const inlineLetters = (inner: readonly Inline[]): string =>
  inner.map((one) => ("inner" in one ? inlineLetters(one.inner) : one.text)).join("");

test("whatever is written, it ends, and no word gets lost", () => {
  const piece = fc.constantFrom(
    "w",
    " ",
    "\n",
    "*",
    "**",
    "_",
    "`",
    "```\n",
    "[",
    "](",
    ")",
    "!",
    "#",
    "- ",
    "1. ",
    "> ",
    "\\",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const written = pieces.join("");
      // What follows a fence on its own line, and the target of a link, are no words of the answer.
      fc.pre(!/```|~~~|\]\(/.test(written));
      expect(letters(readMarkdown(written)).replace(/[^w]/g, "")).toBe(written.replace(/[^w]/g, ""));
    }),
    { numRuns: 2_000 },
  );
});

test.each(["*", "**a", "_", "`", "[", "![", "](", "[a](", "> ", "- ", "\\", "```", "**_"])(
  "100,000 characters of %s are read within a second",
  (piece) => {
    const startedAt = performance.now();
    readMarkdown(piece.repeat(100_000 / piece.length));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  },
);
