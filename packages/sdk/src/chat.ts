import { newIdempotencyKey } from "./calls.ts";
import { invalidConfig } from "./errors.ts";
import { refuseSecrets } from "./options.ts";
import type { ChatMessage, RouteMode } from "./wire.ts";

export interface FaucetChatInput {
  /** The `feature_key` whose policy and price hold. */
  feature: string;
  /** Becomes one user message, an object as its JSON; follows `messages` where both are given. */
  input?: string | Record<string, unknown>;
  messages?: readonly ChatMessage[];
  /** Default `auto:<feature>`: the feature chooses. */
  model?: string;
  /** For this call alone, in place of the user's choice. With `local` nothing ever leaves the device. */
  routeMode?: RouteMode;
  stream?: boolean;
  maxOutputTokens?: number;
  /** Any other field of OpenAI's request. */
  body?: Record<string, unknown>;
  /** A key of the caller's own; without it each call gets one that only deduplicates. */
  idempotencyKey?: string;
  signal?: AbortSignal;
  /** Until the first byte. */
  timeoutMs?: number;
  /** A key of the user's own for this call alone (https only, loopback excepted). It is neither stored nor logged. */
  ownKey?: { provider: string; apiKey: string };
}

const inputNames = new Set<string>([
  "feature",
  "input",
  "messages",
  "model",
  "stream",
  "maxOutputTokens",
  "body",
  "idempotencyKey",
  "signal",
  "timeoutMs",
] satisfies (keyof FaucetChatInput)[]);

/** The body and the headers of one model call. @throws FaucetConfigError */
export function chatRequest(
  input: FaucetChatInput,
  stream: boolean,
): { body: string; headers: Record<string, string> } {
  for (const name of Object.keys(input)) {
    if (!inputNames.has(name)) throw invalidConfig(`A call has no field "${name}" in this version.`, name);
  }
  if (!input.feature) throw invalidConfig("A call names its feature.", "feature");
  if (input.body) {
    const { messages: _messages, ...fields } = input.body;
    refuseSecrets(fields, "body");
  }
  const body: Record<string, unknown> = {
    model: input.model ?? `auto:${input.feature}`,
    messages: messagesOf(input),
    ...(input.maxOutputTokens === undefined ? {} : { max_completion_tokens: input.maxOutputTokens }),
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...input.body,
    stream,
  };
  return {
    body: JSON.stringify(body),
    headers: {
      "x-modelfaucet-feature": input.feature,
      "idempotency-key": input.idempotencyKey ?? newIdempotencyKey(),
      ...(input.idempotencyKey === undefined ? { "x-modelfaucet-idempotency": "dedupe" } : {}),
    },
  };
}

/** First byte: models answer late, and an unstreamed answer comes whole. */
export function chatTimeoutMs(
  input: FaucetChatInput,
  stream: boolean,
  configuredMs: number | undefined,
): number {
  return input.timeoutMs ?? configuredMs ?? (stream ? 150_000 : 930_000);
}

function messagesOf(input: FaucetChatInput): readonly ChatMessage[] {
  const messages = input.messages ?? [];
  if (input.input !== undefined) {
    const content = typeof input.input === "string" ? input.input : JSON.stringify(input.input);
    return [...messages, { role: "user", content }];
  }
  if (messages.length > 0 || Array.isArray(input.body?.messages)) return messages;
  throw invalidConfig("A call needs input or messages.", "input");
}
