/**
 * What the stub does with one call, in the dialect that it is called in: `finishReason`, `usage` and `chunks` are in its
 * words (`end_turn`, `{"input_tokens": …}`, whole events for Anthropic). All of it is plain JSON, so that another process can send it; a field left out means
 * what a well-behaved upstream does. A *piece* is one content delta of a stream.
 */
export type StubBehaviour = {
  /** The pieces of the answer; default `outputTokens` times `word`, each exactly one token of o200k. */
  tokens?: string[];
  outputTokens?: number;
  /** Pieces of `reasoning_content`, before the answer. */
  reasoning?: string[];
  /** Anthropic's dialect: thoughts that upstream hides, behind the others. */
  redactedThinking?: string;
  refusal?: string;
  toolCalls?: StubToolCall[];
  toolCallForm?: ToolCallForm;
  /** `null`: none is sent. Default `stop`, or `tool_calls`. */
  finishReason?: string | null;
  /** Further fields of the message, in a stream of its first delta (provider state such as `reasoning_details`). */
  state?: Record<string, unknown>;
  /** Instead of everything above: exactly these chunks. */
  chunks?: unknown[];

  /** `"none"`, or whatever is to stand there; default the prompt's 100 and one per piece. */
  usage?: unknown;
  /** Anthropic's dialect: what `message_start` says; then `message_delta` says all of `usage`. */
  startUsage?: unknown;
  /** A usage object for each piece in turn, the last one repeated, and on the last chunk. */
  cumulativeUsage?: unknown[];
  /** `with_finish`: on the chunk with the `finish_reason`; `after_finish` (default): on a chunk of its own. */
  usagePlace?: "with_finish" | "after_finish";

  id?: string;
  /** The model that claims to have answered. */
  model?: string;
  simulated?: boolean;

  lineEnd?: "\n" | "\r\n" | "\r";
  noSpace?: boolean;
  multiLine?: boolean;
  comments?: boolean;
  /** Cuts the bytes of the body at these offsets, or after every so many, each piece in a write of its own. */
  cutAt?: number[];
  cutEvery?: number;
  encoding?: "gzip" | "br" | "deflate";
  contentType?: string;

  headersAfterMs?: number;
  firstByteAfterMs?: number;
  tokenMs?: number;
  /** Further waits: before the piece with this number, from 0. */
  gaps?: { before: number; ms: number }[];
  /** Between the last `finish_reason` and usage. */
  usageAfterMs?: number;

  /** Answers with this status and `body`, or an error of the status. */
  status?: number;
  headers?: Record<string, string>;
  /** Instead of any answer: this text, or this value as JSON. */
  body?: unknown;
  /** The error repeats the authorization header that it was sent. */
  echoAuthorization?: boolean;

  /** An `{"error": …}` event after so many pieces, then the end. */
  errorAfter?: number;
  /** The connection dies after so many pieces. */
  dieAfter?: number;
  /** The connection closes cleanly after so many pieces. */
  closeAfter?: number;
  /** `finish_reason` and usage, but no `[DONE]`. */
  noDone?: boolean;
  /** Sent behind `[DONE]`. */
  afterDone?: string;
  /** The connection stays open for so long behind the last byte. */
  lingerMs?: number;
  /** `accept`: never answers; `headers`: sends its headers and never a body. */
  hang?: "accept" | "headers";
  /** Pieces without end: the first of `tokens`, else a word. */
  endless?: boolean;
  /** So many bytes of one event that never ends. */
  floodBytes?: number;
  /** What is sent again and again by then; default `x`, so that it is one line. */
  floodText?: string;
  /** Goes on sending for so long after the client has left. */
  ignoreCancelMs?: number;
};

export type StubToolCall = {
  id?: string;
  name: string;
  /** JSON text. */
  arguments: string;
  /** Provider state on the call, such as `{"extra_content": {"google": {"thought_signature": "…"}}}`. */
  state?: Record<string, unknown>;
};

/**
 * How a stream carries tool calls: as OpenAI does; without index and id, one call after the other; the same, all calls
 * side by side in each chunk; each call whole in one piece; all under index 0; with the name on every piece.
 */
export type ToolCallForm =
  | "openai"
  | "bare"
  | "bare_parallel"
  | "bare_whole"
  | "same_index"
  | "repeated_name";

const promptTokens = 100;

/** The models of the acceptance cases answer with 50 tokens, `stub-cheap` with one. Any other name does as `stub-text`. */
export function defaultBehaviour(model: string): StubBehaviour {
  if (model !== "stub-cheap") return {};
  return { outputTokens: 1, usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 } };
}

export function piecesOf(behaviour: StubBehaviour): string[] {
  if (behaviour.tokens !== undefined) return behaviour.tokens;
  if (behaviour.refusal !== undefined || behaviour.toolCalls !== undefined) return [];
  return Array.from({ length: behaviour.outputTokens ?? 50 }, (_, i) => (i === 0 ? "word" : " word"));
}

/** `undefined` when the stub is to say nothing about usage. */
export function usageOf(behaviour: StubBehaviour, pieces: number): unknown {
  if (behaviour.usage === "none") return undefined;
  if (behaviour.usage !== undefined) return behaviour.usage;
  if (behaviour.cumulativeUsage !== undefined) return behaviour.cumulativeUsage.at(-1);
  return { prompt_tokens: promptTokens, completion_tokens: pieces, total_tokens: promptTokens + pieces };
}
