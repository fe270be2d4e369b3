// Two rules over VitePress' Markdown, so that the same pages read well in the repository and on the site.
import { posix } from "node:path";
import type { MarkdownRenderer } from "vitepress";

const schemes = /^([a-z]+:|#|\/)/;

/** A link to a file beside `docs/` works in the repository and has no page here: its words stay, the link goes. */
export function linksOutOfTheSite(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push("links_out_of_the_site", (state) => {
    const page: string = state.env.relativePath ?? "";
    for (const token of state.tokens) {
      let leaves = false;
      for (const child of token.children ?? []) {
        if (child.type === "link_open") {
          const href = String(child.attrGet("href") ?? "");
          leaves = !schemes.test(href) && posix.join(posix.dirname(page), href).startsWith("../");
        }
        if (!leaves) continue;
        if (child.type === "link_open" || child.type === "link_close") {
          if (child.type === "link_close") leaves = false;
          child.type = "text";
          child.tag = "";
          child.nesting = 0;
          child.content = "";
        }
      }
    }
  });
}

/** What `docs:check` cannot run here says why, beneath its block. */
export function codeNotes(markdown: MarkdownRenderer): void {
  const fence = markdown.renderer.rules.fence!;
  markdown.renderer.rules.fence = (tokens, index, options, env, self) => {
    const block = fence(tokens, index, options, env, self);
    const [, mark, words] = /^\w+ (no-run|file): (.+)$/.exec(tokens[index]!.info.trim()) ?? [];
    if (words === undefined) return block;
    const note = mark === "file" ? `File: ${words}` : `Not run by docs:check: ${words}`;
    return `${block}<p class="code-note">${markdown.utils.escapeHtml(note)}</p>\n`;
  };
}
