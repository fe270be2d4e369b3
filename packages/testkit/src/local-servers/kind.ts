export type LocalServerKind = "ollama" | "lmstudio" | "llamacpp" | "vllm" | "openai_compatible";

/** A model that a stub has. */
export type LocalModel = {
  name: string;
  /** Of the model once it is loaded. */
  contextLength?: number;
  isLoaded?: boolean;
  embeds?: boolean;
  sees?: boolean;
  usesTools?: boolean;
};

export type Reply = {
  model: string;
  created: number;
  pieces: string[];
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
};

/** What makes one kind of server itself. */
export type LocalKind = {
  /** The list and the server's own API. */
  answer(
    method: string,
    path: string,
    body: Record<string, unknown>,
    models: LocalModel[],
  ): { status: number; body: unknown };
  completion(reply: Reply): object;
  chunks(reply: Reply, wantsUsage: boolean): object[];
  unknownModel(name: string): object;
};

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a stub takes for a token. */
export function wordsOf(text: string): number {
  return text.split(/\s+/).filter((word) => word !== "").length;
}

export const notFound = {
  status: 404,
  body: { error: { message: "Not Found", type: "not_found_error", code: 404 } },
};

/** The last chunk of a stream that asked for usage. */
export function usageChunk(reply: Reply, wantsUsage: boolean, base: object): object[] {
  return wantsUsage && reply.usage !== null ? [{ ...base, choices: [], usage: reply.usage }] : [];
}
