import { isObject, type JsonObject } from "../json.ts";

/** What was seen of one answer, in bounded memory: fed with every chunk, or once with the whole message. */
export class AnswerTap {
  /** The last usage object, as the server wrote it. */
  usage: unknown;
  hasOutput = false;
  #finishReasons = new Map<number, string>();
  #texts = new Map<string, string[]>();
  #charactersLeft = textCharactersMax;
  #overflowBytes = 0;

  chunk(chunk: JsonObject): void {
    this.#read(chunk, "delta");
  }

  message(body: JsonObject): void {
    this.#read(body, "message");
  }

  get finishedChoices(): number {
    return this.#finishReasons.size;
  }

  /** An answer that its limit or a filter ended before any text is one; else one without text is a failure. */
  get isEmpty(): boolean {
    if (this.hasOutput) return false;
    return ![...this.#finishReasons.values()].some(
      (reason) => reason === "length" || reason === "content_filter",
    );
  }

  /** Output to be counted, one text per choice and kind. */
  outputTexts(): string[] {
    return [...this.#texts.values()].map((pieces) => pieces.join(""));
  }

  /** Tokens of the output beyond `outputTexts()`: bytes / 4, rounded up. */
  get overflowTokens(): number {
    return Math.ceil(this.#overflowBytes / 4);
  }

  #read(body: JsonObject, part: "delta" | "message"): void {
    if (isObject(body.usage)) this.usage = body.usage;
    if (!Array.isArray(body.choices)) return;
    for (const choice of (body.choices as unknown[]).filter(isObject)) {
      const index =
        typeof choice.index === "number" ? Math.min(Math.max(0, Math.trunc(choice.index)), choicesMax) : 0;
      if (isObject(choice[part])) this.#output(index, choice[part]);
      if (typeof choice.finish_reason === "string" && choice.finish_reason !== "")
        this.#finishReasons.set(index, choice.finish_reason);
    }
  }

  #output(index: number, delta: JsonObject): void {
    this.#add(`${index}:text`, textOf(delta.content));
    // The same thoughts may be told twice, as text and as details: the first form that is there counts.
    this.#add(
      `${index}:reasoning`,
      textOf(delta.reasoning_content) || textOf(delta.reasoning) || textOf(delta.reasoning_details),
    );
    this.#add(`${index}:refusal`, textOf(delta.refusal));
    const calls = Array.isArray(delta.tool_calls) ? (delta.tool_calls as unknown[]).filter(isObject) : [];
    for (const call of [...calls.map((item) => item.function ?? item.custom), delta.function_call]) {
      if (!isObject(call)) continue;
      this.#add(`${index}:tool`, textOf(call.name));
      this.#add(`${index}:tool`, textOf(call.arguments) || textOf(call.input));
    }
  }

  #add(key: string, text: string): void {
    if (text === "") return;
    this.hasOutput = true;
    const kept = text.slice(0, this.#charactersLeft);
    this.#charactersLeft -= kept.length;
    this.#overflowBytes += Buffer.byteLength(text.slice(kept.length));
    if (kept === "") return;
    const pieces = this.#texts.get(key) ?? [];
    pieces.push(kept);
    // Many small pieces cost many times their text.
    if (pieces.length > piecesMax) pieces.splice(0, pieces.length, pieces.join(""));
    this.#texts.set(key, pieces);
  }
}

const textCharactersMax = 262_144;
const choicesMax = 128;
const piecesMax = 1024;

/** Content is text, or a list of parts that carry text. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return (content as unknown[])
    .filter(isObject)
    .map((part) => (typeof part.text === "string" ? part.text : textOf(part.thinking)))
    .join("");
}
