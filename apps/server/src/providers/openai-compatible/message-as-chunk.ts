import type { JsonObject } from "../provider.ts";

/** A whole answer as the one chunk of a stream, for upstreams that answer a streamed request with plain JSON. */
export function chunkFromMessage(body: JsonObject): JsonObject {
  const choices = Array.isArray(body.choices) ? (body.choices as unknown[]) : [];
  return {
    ...body,
    object: "chat.completion.chunk",
    choices: choices.map((choice) => (isObject(choice) ? choiceAsDelta(choice) : choice)),
  };
}

function choiceAsDelta(choice: JsonObject): JsonObject {
  const { message, ...rest } = choice;
  const delta: JsonObject = isObject(message) ? { ...message } : {};
  const calls = delta.tool_calls;
  if (Array.isArray(calls)) {
    delta.tool_calls = calls.map((call: unknown, index) => (isObject(call) ? { index, ...call } : call));
  }
  return { ...rest, delta };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
