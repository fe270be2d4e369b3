import { newIdempotencyKey } from "./calls.ts";
import { invalidConfig } from "./errors.ts";
import { refuseSecrets } from "./options.ts";
import { usableKey } from "./own-key.ts";
import type { ChatMessage, RouteMode } from "./wire.ts";

export interface FaucetChatInput {
  /** The `feature_key` whose policy and price hold. */
  feature: string;
  /** Becomes one user message, an object as its JSON; follows `messages` where both are given. */
  input?: string | Record<string, unknown>;
  messages?: readonly ChatMessage[];
  /** Default `auto:<feature>`: the feature chooses; on the user's own machine `ollama:<feature>`. */
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
  "routeMode",
  "stream",
  "maxOutputTokens",
  "body",
  "idempotencyKey",
  "signal",
  "timeoutMs",
  "ownKey",
] satisfies (keyof FaucetChatInput)[]);

const routeModes: readonly unknown[] = ["platform", "developer_key", "byok", "local"] satisfies RouteMode[];

/** @throws FaucetConfigError that names the field, before anything is sent */
export function checkChatInput(input: FaucetChatInput, gatewayUrl: string): void {
  for (const name of Object.keys(input)) {
    if (!inputNames.has(name)) throw invalidConfig(`A call has no field "${name}" in this version.`, name);
  }
  if (!/^[a-zA-Z0-9_:-]{1,128}$/.test(input.feature ?? "")) {
    throw invalidConfig("A call names its feature: 1 to 128 of a-z, A-Z, 0-9, _, : and -.", "feature");
  }
  if (input.idempotencyKey !== undefined && !/^[\x20-\x7e]{1,255}$/.test(input.idempotencyKey)) {
    throw invalidConfig("idempotencyKey has 1 to 255 visible characters.", "idempotencyKey");
  }
  if (input.body) {
    const { messages: _messages, ...fields } = input.body;
    refuseSecrets(fields, "body");
  }
  if (input.routeMode !== undefined && !routeModes.includes(input.routeMode)) {
    throw invalidConfig(`routeMode is one of ${routeModes.join(", ")}.`, "routeMode");
  }
  if (input.ownKey) {
    usableKey(input.ownKey.apiKey, gatewayUrl);
    if (!/^[\w.-]{1,64}$/.test(input.ownKey.provider ?? "")) {
      throw invalidConfig("ownKey names its provider.", "ownKey");
    }
    if (input.routeMode !== undefined && input.routeMode !== "byok") {
      throw invalidConfig("A key of its own makes a call byok.", "routeMode");
    }
  }
  messagesOf(input);
}

/** The body for the gateway. */
export function cloudBody(input: FaucetChatInput, stream: boolean): string {
  return bodyOf(input, stream, `auto:${input.feature}`, "max_completion_tokens");
}

/** The body for a model server of the user's own, which may know no newer name of the limit. */
export function localBody(input: FaucetChatInput, stream: boolean): string {
  return bodyOf(input, stream, `ollama:${input.feature}`, "max_tokens");
}

/** What the gateway is told beside the body, the same on each repeat. `secret` is the key among it. */
export function cloudHeaders(
  input: FaucetChatInput,
  gatewayUrl: string,
): { headers: Record<string, string>; secret: string | undefined } {
  const secret = input.ownKey && usableKey(input.ownKey.apiKey, gatewayUrl);
  return {
    headers: {
      "x-modelfaucet-feature": input.feature,
      "idempotency-key": input.idempotencyKey ?? newIdempotencyKey(),
      ...(input.idempotencyKey === undefined ? { "x-modelfaucet-idempotency": "dedupe" } : {}),
      ...(input.routeMode === undefined ? {} : { "x-modelfaucet-route": input.routeMode }),
      ...(input.ownKey && secret
        ? { "x-modelfaucet-provider": input.ownKey.provider, "x-modelfaucet-provider-key": secret }
        : {}),
    },
    secret,
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

function bodyOf(input: FaucetChatInput, stream: boolean, model: string, limitName: string): string {
  return JSON.stringify({
    model: input.model ?? model,
    messages: messagesOf(input),
    ...(input.maxOutputTokens === undefined ? {} : { [limitName]: input.maxOutputTokens }),
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...input.body,
    stream,
  });
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
