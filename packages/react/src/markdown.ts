/**
 * The little of Markdown that an answer needs, read into a tree of plain values. Whatever is not understood stays text: there
 * is no HTML, and a picture is its description, because fetching it would tell its server who reads what.
 */
export type Inline =
  | { kind: "text" | "code"; text: string }
  | { kind: "strong" | "emphasis"; inner: readonly Inline[] }
  | { kind: "link"; href: string; inner: readonly Inline[] };

export type Block =
  | { kind: "paragraph"; inner: readonly Inline[] }
  | { kind: "heading"; level: number; inner: readonly Inline[] }
  | { kind: "code"; text: string }
  | { kind: "quote"; inner: readonly Inline[] }
  | { kind: "list"; ordered: boolean; start: number; items: readonly (readonly Inline[])[] };

const fence = /^ {0,3}(```+|~~~+)/;
const heading = /^ {0,3}(#{1,6})[ \t]+(.*)$/;
const bullet = /^ {0,3}[-*+][ \t]+(.*)$/;
const numbered = /^ {0,3}(\d{1,9})[.)][ \t]+(.*)$/;
const quoted = /^ {0,3}>[ \t]?(.*)$/;

export function readMarkdown(text: string): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line.trim() === "") at += 1;
    else {
      const { block, next } = readBlock(lines, at);
      blocks.push(block);
      at = next;
    }
  }
  return blocks;
}

type Read = { block: Block; next: number };

function readBlock(lines: readonly string[], at: number): Read {
  const line = lines[at]!;
  const opened = fence.exec(line)?.[1];
  if (opened) return readCode(lines, at + 1, opened);
  const title = heading.exec(line);
  if (title) {
    const inner = readInline(title[2]!.replace(/[ \t]+#+[ \t]*$/, ""));
    return { block: { kind: "heading", level: title[1]!.length, inner }, next: at + 1 };
  }
  if (bullet.test(line)) return readList(lines, at, bullet, false);
  if (numbered.test(line)) return readList(lines, at, numbered, true);
  if (quoted.test(line)) {
    const next = endOf(lines, at, (one) => quoted.test(one));
    const inner = lines.slice(at, next).map((one) => quoted.exec(one)![1]!);
    return { block: { kind: "quote", inner: readInline(inner.join("\n")) }, next };
  }
  const next = endOf(lines, at + 1, (one) => one.trim() !== "" && !startsOther(one));
  return { block: { kind: "paragraph", inner: readInline(lines.slice(at, next).join("\n")) }, next };
}

/** An answer may still be coming, so a fence that was not closed ends with the text. */
function readCode(lines: readonly string[], from: number, opened: string): Read {
  const isClosing = (line: string) => line.trim().length >= opened.length && line.trim().startsWith(opened);
  const end = endOf(lines, from, (line) => !isClosing(line));
  return { block: { kind: "code", text: lines.slice(from, end).join("\n") }, next: end + 1 };
}

function readList(lines: readonly string[], from: number, form: RegExp, ordered: boolean): Read {
  const items: string[][] = [];
  let at = from;
  while (at < lines.length) {
    const line = lines[at]!;
    const item = form.exec(line);
    if (item) items.push([item.at(-1)!]);
    else if (/^[ \t]+\S/.test(line)) items.at(-1)!.push(line.trim());
    else break;
    at += 1;
  }
  const start = ordered ? Number(numbered.exec(lines[from]!)![1]) : 1;
  const inner = items.map((item) => readInline(item.join("\n")));
  return { block: { kind: "list", ordered, start, items: inner }, next: at };
}

function startsOther(line: string): boolean {
  return [fence, heading, bullet, numbered, quoted].some((form) => form.test(line));
}

function endOf(lines: readonly string[], from: number, goesOn: (line: string) => boolean): number {
  let at = from;
  while (at < lines.length && goesOn(lines[at]!)) at += 1;
  return at;
}

const deepest = 6;
/** Beyond this many characters nothing is searched for: work stays in proportion to the text, whatever a model writes. */
const longestSpan = 2_000;

export function readInline(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let plain = "";
  const push = (inline: Inline) => {
    if (plain) found.push({ kind: "text", text: plain });
    plain = "";
    found.push(inline);
  };
  let at = 0;
  while (at < text.length) {
    const read = depth < deepest ? readSpan(text, at, depth) : null;
    if (read?.inline) push(read.inline);
    else plain += read ? read.text : text[at];
    at = read ? read.next : at + 1;
  }
  if (plain) found.push({ kind: "text", text: plain });
  return found;
}

type Span = { inline: Inline; next: number } | { inline: null; text: string; next: number };

function readSpan(text: string, at: number, depth: number): Span | null {
  switch (text[at]) {
    case "\\":
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "")
        ? { inline: null, text: text[at + 1]!, next: at + 2 }
        : null;
    case "`":
      return readCodeSpan(text, at);
    case "*":
    case "_":
      return readEmphasis(text, at, depth);
    case "!":
      return text[at + 1] === "[" ? readPicture(text, at) : null;
    case "[":
      return readLink(text, at, depth);
    default:
      return null;
  }
}

function readCodeSpan(text: string, at: number): Span | null {
  let ticks = 1;
  while (text[at + ticks] === "`" && ticks < 8) ticks += 1;
  const mark = "`".repeat(ticks);
  const end = find(text, mark, at + ticks);
  if (end < 0) return { inline: null, text: mark, next: at + ticks };
  return { inline: { kind: "code", text: text.slice(at + ticks, end).trim() }, next: end + ticks };
}

function readEmphasis(text: string, at: number, depth: number): Span | null {
  const sign = text[at]!;
  const mark = text[at + 1] === sign ? sign + sign : sign;
  const from = at + mark.length;
  // An underscore within a word is part of a name.
  if (sign === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "")) return null;
  if (/^\s?$/.test(text[from] ?? "")) return { inline: null, text: mark, next: from };
  let end = find(text, mark, from + 1);
  // Of three signs at the end the first one closes what stands within.
  if (end >= 0 && mark.length === 2 && text[end + 2] === sign) end += 1;
  if (end < 0 || /\s/.test(text[end - 1]!)) return { inline: null, text: mark, next: from };
  const inner = readInline(text.slice(from, end), depth + 1);
  return { inline: { kind: mark.length === 2 ? "strong" : "emphasis", inner }, next: end + mark.length };
}

type Bracketed = { label: string; target: string; next: number };

function readBracketed(text: string, at: number): Bracketed | null {
  const end = find(text, "](", at + 1);
  if (end < 0) return null;
  const close = closingOf(text, end + 2);
  if (close < 0) return null;
  const target =
    text
      .slice(end + 2, close)
      .trim()
      .split(/\s/)[0] ?? "";
  return { label: text.slice(at + 1, end), target, next: close + 1 };
}

const mostPairs = 8;

/** An address may have pairs of parentheses itself. */
function closingOf(text: string, from: number): number {
  let open = 0;
  for (let at = from; at < Math.min(text.length, from + longestSpan); at += 1) {
    if (text[at] === "(" && ++open > mostPairs) return -1;
    if (text[at] === ")" && open-- === 0) return at;
  }
  return -1;
}

function readPicture(text: string, at: number): Span | null {
  const picture = readBracketed(text, at + 1);
  return picture && { inline: null, text: picture.label, next: picture.next };
}

function readLink(text: string, at: number, depth: number): Span | null {
  const link = readBracketed(text, at);
  if (!link) return null;
  const inner = readInline(link.label, depth + 1);
  const href = webAddress(link.target);
  if (href === null) return { inline: null, text: link.label, next: link.next };
  return { inline: { kind: "link", href, inner }, next: link.next };
}

/** Only pages and mail: what a link of an answer opens must not run anything here. */
function webAddress(target: string): string | null {
  if (!URL.canParse(target)) return null;
  const url = new URL(target);
  return /^(https?|mailto):$/.test(url.protocol) && !url.username && !url.password ? url.href : null;
}

function find(text: string, mark: string, from: number): number {
  const found = text.slice(from, from + longestSpan).indexOf(mark);
  return found < 0 ? -1 : from + found;
}
