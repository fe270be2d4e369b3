import { type LocalKind, notFound, usageChunk } from "./kind.ts";

/**
 * LM Studio: OpenAI-compatible under `/v1`, its own list under `/api/v1` with the context of each loaded instance.
 * Source: https://lmstudio.ai/docs/developer/rest/list, https://lmstudio.ai/docs/developer/rest/endpoints, read
 * November 2026.
 */
export const lmStudio: LocalKind = {
  answer(method, path, _body, models) {
    if (method !== "GET") return unexpected(method, path);
    if (path === "/v1/models") {
      return {
        status: 200,
        body: {
          data: models.map(({ name }) => ({ id: name, object: "model", owned_by: "organization_owner" })),
          object: "list",
        },
      };
    }
    if (path !== "/api/v1/models") return notFound;
    return {
      status: 200,
      body: {
        models: models.map(({ name, contextLength, isLoaded, embeds, sees, usesTools }) => ({
          type: embeds === true ? "embedding" : "llm",
          publisher: "lmstudio-community",
          key: name,
          display_name: name.toUpperCase(),
          quantization: { name: "Q4_K_M", bits_per_weight: 4 },
          size_bytes: 2_489_894_976,
          params_string: "4B",
          loaded_instances:
            isLoaded === true ? [{ id: name, config: { context_length: contextLength ?? 4096 } }] : [],
          max_context_length: 131_072,
          format: "gguf",
          ...(embeds === true
            ? {}
            : { capabilities: { vision: sees === true, trained_for_tool_use: usesTools === true } }),
        })),
      },
    };
  },
  completion: (reply) => ({
    id: "chatcmpl-i3gkjwthhw96whukek9tz",
    object: "chat.completion",
    created: reply.created,
    model: reply.model,
    choices: [
      {
        index: 0,
        logprobs: null,
        finish_reason: "stop",
        message: { role: "assistant", content: reply.pieces.join(""), tool_calls: [] },
      },
    ],
    ...(reply.usage === null ? {} : { usage: reply.usage }),
    stats: {},
    system_fingerprint: reply.model,
  }),
  chunks(reply, wantsUsage) {
    const base = {
      id: "chatcmpl-i3gkjwthhw96whukek9tz",
      object: "chat.completion.chunk",
      created: reply.created,
      model: reply.model,
      system_fingerprint: reply.model,
    };
    return [
      ...reply.pieces.map((content, index) => ({
        ...base,
        choices: [
          {
            index: 0,
            delta: index === 0 ? { role: "assistant", content } : { content },
            logprobs: null,
            finish_reason: null,
          },
        ],
      })),
      { ...base, choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: "stop" }] },
      ...usageChunk(reply, wantsUsage, base),
    ];
  },
  unknownModel: (name) => ({
    error: {
      message: `Model "${name}" not found.`,
      type: "invalid_request_error",
      param: "model",
      code: "model_not_found",
    },
  }),
};

/** LM Studio answers what it does not know with 200 and an error. */
function unexpected(method: string, path: string): { status: number; body: object } {
  return { status: 200, body: { error: `Unexpected endpoint or method. (${method} ${path})` } };
}
