import { createElement, type ReactNode, useMemo } from "react";
import { type Block, type Inline, readMarkdown } from "../markdown.ts";

/** An answer of a model, as elements that this file names and nothing else. */
export function MarkdownView({ text }: { text: string }) {
  const blocks = useMemo(() => readMarkdown(text), [text]);
  return <div className="mf-markdown">{blocks.map((block, at) => blockOf(block, at))}</div>;
}

function blockOf(block: Block, key: number): ReactNode {
  switch (block.kind) {
    case "paragraph":
      return <p key={key}>{inlines(block.inner)}</p>;
    case "heading":
      // Below the headings of the page that shows it.
      return createElement(`h${Math.min(6, block.level + 2)}`, { key }, ...inlines(block.inner));
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard could not scroll a long line
        <pre key={key} tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
    case "quote":
      return <blockquote key={key}>{inlines(block.inner)}</blockquote>;
    case "list": {
      const items = block.items.map((item, at) => createElement("li", { key: at }, ...inlines(item)));
      return block.ordered ? (
        <ol key={key} start={block.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
  }
}

function inlines(inner: readonly Inline[]): ReactNode[] {
  return inner.map((inline, key) => {
    switch (inline.kind) {
      case "text":
        return inline.text;
      case "code":
        return createElement("code", { key }, inline.text);
      case "strong":
        return createElement("strong", { key }, ...inlines(inline.inner));
      case "emphasis":
        return createElement("em", { key }, ...inlines(inline.inner));
      default:
        return createElement(
          "a",
          { key, href: inline.href, target: "_blank", rel: "noopener noreferrer nofollow" },
          ...inlines(inline.inner),
        );
    }
  });
}
