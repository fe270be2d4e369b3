import { createHash } from "node:crypto";
import { chineseReplies, englishReplies, type ReplyFacts } from "./reply-texts.ts";

/** A customer service reply that picks up what the prompt says; the same prompt gets the same reply. */
export function writeReply(messages: readonly unknown[], variant: number): string {
  const prompt = readPrompt(messages);
  const replies = isChinese(prompt.lastUser) ? chineseReplies : englishReplies;
  const facts = factsIn(prompt.all);
  const fitting = replies.filter(({ about }) => about.test(facts.subject ?? prompt.lastUser));
  const candidates = fitting.length > 0 ? fitting : replies;
  return candidates[(numberFrom(prompt.lastUser) + variant) % candidates.length]!.write(facts);
}

export function writeThoughts(messages: readonly unknown[]): string {
  const { lastUser } = readPrompt(messages);
  return isChinese(lastUser)
    ? "先确认客户的问题，再说明已经查到的情况，最后给出明确的下一步和时间。"
    : "Confirm what the customer asked, say what has been checked, then offer one clear next step with a date.";
}

/** Pieces of about the size of real tokens; joined, they are the text. */
export function cutIntoTokens(text: string): string[] {
  return (
    text.match(/\s?[\p{Script=Han}]{1,2}|\s?[\p{L}\p{M}]{1,8}|\s?\p{N}{1,3}|\s?[^\s\p{L}\p{N}]{1,2}|\s+/gu) ??
    []
  );
}

type Prompt = { all: string; lastUser: string };

function readPrompt(messages: readonly unknown[]): Prompt {
  let all = "";
  let lastUser = "";
  for (const message of messages as { role?: unknown; content?: unknown }[]) {
    const text = textOf(message?.content);
    all += `${text}\n`;
    if (message?.role === "user") lastUser = text;
  }
  return { all, lastUser };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (typeof part?.text === "string" ? part.text : "")).join("\n");
}

/** Chinese when the question itself is written in it, or asks for it. */
function isChinese(text: string): boolean {
  const han = text.match(/\p{Script=Han}/gu)?.length ?? 0;
  return han * 4 > text.length || /reply in chinese|in chinese\b/i.test(text);
}

function factsIn(prompt: string): ReplyFacts {
  return {
    customer: labelled(prompt, "customer(?: name)?|client|contact|name|客户|姓名"),
    subject: labelled(prompt, "subject|ticket|topic|issue|title|主题|工单|问题"),
    reference: /(?:#\d{3,10}|\b[A-Z]{2,6}-\d{2,10}\b)/.exec(prompt)?.[0] ?? null,
    product: labelled(prompt, "product|plan|item|产品|套餐"),
  };
}

/** The rest of the last line that begins with one of the labels, where it is short enough to be repeated. */
function labelled(prompt: string, labels: string): string | null {
  const lines = prompt.matchAll(
    new RegExp(`^[\\s*_-]*(?:${labels})[*_]*\\s*[:：]\\s*(\\S.{0,79}?)\\s*$`, "gimu"),
  );
  let value: string | null = null;
  for (const line of lines) value = line[1]!.replace(/[*_`]+/g, "").trim() || value;
  return value;
}

function numberFrom(text: string): number {
  return createHash("sha256").update(text).digest().readUInt32BE(0);
}
