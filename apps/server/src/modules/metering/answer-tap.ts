import { isObject, type JsonObject } from "./rules.ts";

/** What has been relayed of one answer, kept in bounded memory. Fed with every chunk, or once with the whole message. */
export type AnswerTap = {
  chunk(chunk: JsonObject): void;
  message(body: JsonObject): void;
  /** Text, reasoning, a refusal or a named tool call has come. */
  readonly hasOutput: boolean;
  /** At least one choice was seen, and all choices seen so far have a `finish_reason`. */
  readonly isFinished: boolean;
  /** How many choices have ended; a caller who asked for `n` compares. */
  readonly finishedChoices: number;
  readonly finishReasons: readonly string[];
  /** The last usage object, as upstream wrote it; `undefined` when none came. */
  readonly usage: unknown;
  /** The model's name as upstream wrote it. */
  readonly model: string | undefined;
  readonly isSimulated: boolean;
  /** UTF-8 bytes of all output. */
  readonly relayedBytes: number;
  /** Output text to count, one piece per choice and kind, together at most `textCharactersMax` characters. */
  outputTexts(): string[];
  /** Tokens that stand for the output beyond `outputTexts()`: bytes / 4, rounded up. */
  readonly overflowTokens: number;
};

const defaultTextCharactersMax = 262_144;
const choicesMax = 128;

type Kind = "text" | "reasoning" | "refusal" | "tool";
type Choice = { texts: Record<Kind, GrowingText | null>; finishReason: string | null };

export function createAnswerTap(options: { textCharactersMax?: number } = {}): AnswerTap {
  return new Tap(options.textCharactersMax ?? defaultTextCharactersMax);
}

/** What upstream calls itself goes into headers, rows and receipts; what is no name of a model is not believed. */
const nameForm = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,256}$/u;

class Tap implements AnswerTap {
  usage: unknown;
  model: string | undefined;
  isSimulated = false;
  relayedBytes = 0;
  hasOutput = false;
  #choices = new Map<number, Choice>();
  #charactersLeft: number;
  #overflowBytes = 0;

  constructor(textCharactersMax: number) {
    this.#charactersLeft = textCharactersMax;
  }

  chunk(chunk: JsonObject): void {
    this.#read(chunk, "delta");
  }

  message(body: JsonObject): void {
    this.#read(body, "message");
  }

  get isFinished(): boolean {
    return this.#choices.size > 0 && this.finishedChoices === this.#choices.size;
  }

  get finishedChoices(): number {
    return this.finishReasons.length;
  }

  get finishReasons(): readonly string[] {
    const reasons: string[] = [];
    for (const choice of this.#choices.values())
      if (choice.finishReason !== null) reasons.push(choice.finishReason);
    return reasons;
  }

  get overflowTokens(): number {
    return Math.ceil(this.#overflowBytes / 4);
  }

  outputTexts(): string[] {
    const texts: string[] = [];
    for (const choice of this.#choices.values()) {
      for (const text of Object.values(choice.texts)) if (text !== null) texts.push(text.whole());
    }
    return texts;
  }

  #read(body: JsonObject, part: "delta" | "message"): void {
    if (isObject(body.usage)) this.usage = body.usage;
    if (typeof body.model === "string" && nameForm.test(body.model)) this.model = body.model;
    if (body.simulated === true) this.isSimulated = true;
    const choices = body.choices;
    if (!Array.isArray(choices)) return;
    for (const entry of choices as unknown[]) {
      if (!isObject(entry)) continue;
      const choice = this.#choice(entry.index);
      if (isObject(entry[part])) this.#output(choice, entry[part]);
      const reason = entry.finish_reason;
      if (typeof reason === "string" && reason !== "") choice.finishReason = reason;
    }
  }

  /** An upstream that invents ever new indexes shares the last choice among them. */
  #choice(index: unknown): Choice {
    const key = typeof index === "number" && Number.isInteger(index) ? index : 0;
    let choice = this.#choices.get(key);
    if (choice === undefined) {
      if (this.#choices.size >= choicesMax) return this.#choices.values().next().value!;
      choice = { texts: { text: null, reasoning: null, refusal: null, tool: null }, finishReason: null };
      this.#choices.set(key, choice);
    }
    return choice;
  }

  #output(choice: Choice, delta: JsonObject): void {
    this.#add(choice, "text", textOf(delta.content));
    this.#add(choice, "reasoning", reasoningOf(delta));
    this.#add(choice, "refusal", textOf(delta.refusal));
    if (Array.isArray(delta.tool_calls)) {
      for (const call of delta.tool_calls as unknown[]) {
        if (!isObject(call)) continue;
        this.#addCall(choice, isObject(call.function) ? call.function : call.custom);
      }
    }
    this.#addCall(choice, delta.function_call);
  }

  #addCall(choice: Choice, call: unknown): void {
    if (!isObject(call)) return;
    this.#add(choice, "tool", textOf(call.name));
    this.#add(choice, "tool", textOf(call.arguments) || textOf(call.input));
  }

  #add(choice: Choice, kind: Kind, text: string): void {
    if (text === "") return;
    this.hasOutput = true;
    const bytes = Buffer.byteLength(text);
    this.relayedBytes += bytes;
    if (text.length <= this.#charactersLeft) {
      choice.texts[kind] ??= new GrowingText();
      choice.texts[kind].add(text);
      this.#charactersLeft -= text.length;
      return;
    }
    const kept = text.slice(0, this.#charactersLeft);
    if (kept !== "") {
      choice.texts[kind] ??= new GrowingText();
      choice.texts[kind].add(kept);
    }
    this.#charactersLeft = 0;
    this.#overflowBytes += bytes - Buffer.byteLength(kept);
  }
}

const piecesJoinedAtOnce = 64;

/**
 * A text that comes in many small pieces. Adding strings up keeps every piece, and a node for each sum, many times the
 * text; joined ones are bytes alone.
 */
class GrowingText {
  #joined: string[] = [];
  #pieces: string[] = [];

  add(piece: string): void {
    this.#pieces.push(piece);
    if (this.#pieces.length < piecesJoinedAtOnce) return;
    this.#joined.push(this.#pieces.join(""));
    this.#pieces = [];
  }

  whole(): string {
    return [...this.#joined, ...this.#pieces].join("");
  }
}

/** Content is text, or a list of parts that carry text. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  let text = "";
  for (const part of content as unknown[]) {
    if (!isObject(part)) continue;
    if (typeof part.text === "string") text += part.text;
    else if (part.thinking !== undefined) text += textOf(part.thinking);
  }
  return text;
}

/**
 * The same thoughts may be told twice, as text and as details: the first form that is there counts.
 * Source: https://openrouter.ai/docs/use-cases/reasoning-tokens,
 * https://api-docs.deepseek.com/guides/reasoning_model, November 2026.
 */
function reasoningOf(delta: JsonObject): string {
  return textOf(delta.reasoning_content) || textOf(delta.reasoning) || textOf(delta.reasoning_details);
}
