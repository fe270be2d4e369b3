import { randomBytes } from "node:crypto";
import { isObject, type JsonObject } from "./rules.ts";

/** Repairs the tool calls of one stream, chunk by chunk. A chunk without tool calls comes back as it is. */
export type ToolCallRepair = (chunk: JsonObject) => JsonObject;

const callsMax = 1024;
const heldCharactersMax = 1_048_576;

/**
 * Makes the streamed tool calls of any upstream what clients read: a whole-number `index` from 0 without gaps; `id`,
 * `type` and name on the first piece and only there; arguments as the pieces that upstream wrote. Calls are told apart
 * by index, by id, by a new name, or by their place in the chunk, whichever upstream gives.
 */
export function repairToolCalls(newId: () => string = newCallId): ToolCallRepair {
  const choices = new Map<unknown, ChoiceCalls>();
  return (chunk) => {
    const entries = chunk.choices;
    if (!Array.isArray(entries) || !entries.some(hasToolCalls)) return chunk;
    return {
      ...chunk,
      choices: (entries as unknown[]).map((entry) => {
        if (!hasToolCalls(entry)) return entry;
        let calls = choices.get(entry.index);
        if (calls === undefined) {
          calls = new ChoiceCalls(newId);
          choices.set(entry.index, calls);
        }
        return { ...entry, delta: calls.repair(entry.delta, entry.finish_reason) };
      }),
    };
  };
}

/** The same for a whole answer: every call of a message has an id, a type, and its arguments as text. */
export function repairMessageToolCalls(body: JsonObject, newId: () => string = newCallId): JsonObject {
  const choices = body.choices;
  if (!Array.isArray(choices)) return body;
  let repaired = false;
  const mended = (choices as unknown[]).map((choice) => {
    if (!isObject(choice) || !isObject(choice.message)) return choice;
    const calls = choice.message.tool_calls;
    if (!Array.isArray(calls) || calls.length === 0) return choice;
    repaired = true;
    const tool_calls = (calls as unknown[]).map((call) => (isObject(call) ? wholeCall(call, newId) : call));
    return { ...choice, message: { ...choice.message, tool_calls } };
  });
  return repaired ? { ...body, choices: mended } : body;
}

type ChoiceWithCalls = JsonObject & { delta: JsonObject & { tool_calls: unknown[] } };

function hasToolCalls(entry: unknown): entry is ChoiceWithCalls {
  if (!isObject(entry) || !isObject(entry.delta)) return false;
  const calls = entry.delta.tool_calls;
  return Array.isArray(calls) && calls.length > 0;
}

type Call = {
  index: number;
  id: string | null;
  name: string | null;
  isOpened: boolean;
  /** Arguments that came before the name. */
  held: string;
  isComplete: (piece: string) => boolean;
  argumentsComplete: boolean;
};

class ChoiceCalls {
  #newId: () => string;
  #calls: Call[] = [];
  #byIndex = new Map<number, Call>();
  #byId = new Map<string, Call>();
  /** The calls of the last chunk that carried several without index and id: place tells them apart. */
  #places: Call[] = [];

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  repair(delta: ChoiceWithCalls["delta"], finishReason: unknown): JsonObject {
    const entries = delta.tool_calls.filter(isObject);
    const tool_calls: JsonObject[] = [];
    const places: Call[] = [];
    for (const [place, entry] of entries.entries()) {
      const call = this.#callOf(entry, place, entries.length);
      places.push(call);
      const piece = this.#piece(call, entry, typeof finishReason === "string");
      if (piece !== null) tool_calls.push(piece);
    }
    if (entries.length > 1) this.#places = places;
    const { tool_calls: _replaced, ...rest } = delta;
    return tool_calls.length === 0 ? rest : { ...rest, tool_calls };
  }

  #callOf(entry: JsonObject, place: number, places: number): Call {
    const name = nameOf(entry);
    const id = idOf(entry);
    const index = indexOf(entry);
    if (index !== null) {
      const known = this.#byIndex.get(index);
      if (known !== undefined && !startsAnew(known, id, name)) return known;
      // A known id wins over an index that upstream gives to every call.
      const sameId = id === null ? undefined : this.#byId.get(id);
      const call = sameId ?? this.#open(id);
      this.#byIndex.set(index, call);
      return call;
    }
    if (id !== null) return this.#byId.get(id) ?? this.#open(id);
    if (name !== null) {
      const known = places > 1 ? this.#places[place] : this.#calls.at(-1);
      const repeats = known !== undefined && known.name === name && !known.argumentsComplete;
      return repeats ? known : this.#open(null);
    }
    return (places > 1 ? this.#places[place] : undefined) ?? this.#calls.at(-1) ?? this.#open(null);
  }

  /** Beyond any sensible number of calls, the last one takes what comes. */
  #open(id: string | null): Call {
    if (this.#calls.length >= callsMax) return this.#calls.at(-1)!;
    const call: Call = {
      index: this.#calls.length,
      id,
      name: null,
      isOpened: false,
      held: "",
      isComplete: jsonObjectEnd(),
      argumentsComplete: false,
    };
    this.#calls.push(call);
    if (id !== null) this.#byId.set(id, call);
    return call;
  }

  #piece(call: Call, entry: JsonObject, isLast: boolean): JsonObject | null {
    const name = nameOf(entry);
    const text = argumentsOf(entry);
    if (text !== "" && call.isComplete(text)) call.argumentsComplete = true;
    if (isObject(entry.custom)) return this.#customPiece(call, entry);
    const { index: _index, id: _id, type: _type, function: ours, ...state } = entry;
    const { name: _name, arguments: _arguments, ...functionState } = isObject(ours) ? ours : {};
    if (call.isOpened) {
      const more = name !== null && name !== call.name ? { name } : {};
      return { index: call.index, ...state, function: { ...functionState, ...more, arguments: text } };
    }
    if (name === null && !isLast && call.held.length + text.length <= heldCharactersMax) {
      call.held += text;
      call.id ??= idOf(entry);
      return null;
    }
    call.isOpened = true;
    call.name = name ?? "";
    call.id ??= idOf(entry) ?? this.#newId();
    const type = typeof entry.type === "string" && entry.type !== "" ? entry.type : "function";
    return {
      index: call.index,
      id: call.id,
      type,
      ...state,
      function: { ...functionState, name: call.name, arguments: call.held + text },
    };
  }

  /** Custom tools carry free text; only what tells calls apart is put right. */
  #customPiece(call: Call, entry: JsonObject): JsonObject {
    const { id: _id, ...rest } = entry;
    if (call.isOpened) return { ...rest, index: call.index };
    call.isOpened = true;
    call.name = nameOf(entry);
    call.id ??= idOf(entry) ?? this.#newId();
    return { ...rest, index: call.index, id: call.id, type: "custom" };
  }
}

/** The same index begins another call when it comes with another id, or with a name after arguments that are whole. */
function startsAnew(known: Call, id: string | null, name: string | null): boolean {
  if (name === null) return false;
  if (id !== null && known.id !== null && id !== known.id) return true;
  return known.argumentsComplete && (id === null || id !== known.id);
}

function wholeCall(call: JsonObject, newId: () => string): JsonObject {
  if (isObject(call.custom)) return call;
  const ours = isObject(call.function) ? call.function : {};
  return {
    ...call,
    id: idOf(call) ?? newId(),
    type: typeof call.type === "string" && call.type !== "" ? call.type : "function",
    function: { ...ours, name: nameOf(call) ?? "", arguments: argumentsOf(call) },
  };
}

function indexOf(entry: JsonObject): number | null {
  const index = typeof entry.index === "string" ? Number.parseInt(entry.index, 10) : entry.index;
  return typeof index === "number" && Number.isInteger(index) && index >= 0 ? index : null;
}

function idOf(entry: JsonObject): string | null {
  const id = entry.id;
  if (typeof id === "number") return String(id);
  return typeof id === "string" && id !== "" ? id : null;
}

function nameOf(entry: JsonObject): string | null {
  const ours = isObject(entry.function) ? entry.function : entry.custom;
  const name = isObject(ours) ? ours.name : undefined;
  return typeof name === "string" && name !== "" ? name : null;
}

function argumentsOf(entry: JsonObject): string {
  const value = isObject(entry.function) ? entry.function.arguments : undefined;
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Fed with pieces of one JSON object; true from the piece that closes it. Remembers a depth, not the text. */
function jsonObjectEnd(): (piece: string) => boolean {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let ended = false;
  return (piece) => {
    for (let i = 0; i < piece.length && !ended; i++) {
      const character = piece[i];
      if (inString) {
        if (escaped) escaped = false;
        else if (character === "\\") escaped = true;
        else if (character === '"') inString = false;
      } else if (character === '"') inString = true;
      else if (character === "{" || character === "[") depth += 1;
      else if (character === "}" || character === "]") {
        depth -= 1;
        ended = depth <= 0;
      }
    }
    return ended;
  };
}

function newCallId(): string {
  return `call_${randomBytes(12).toString("hex")}`;
}
