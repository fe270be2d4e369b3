import { type LocalKind, notFound, usageChunk } from "./kind.ts";

/** Any other server: the list and the calls, and not a word about contexts. */
export const openAiCompatible: LocalKind = {
  answer(method, path, _body, models) {
    if (method !== "GET" || path !== "/v1/models") return notFound;
    return {
      status: 200,
      body: {
        object: "list",
        data: models.map(({ name }) => ({
          id: name,
          object: "model",
          created: 1_795_000_000,
          owned_by: "local",
        })),
      },
    };
  },
  completion: (reply) => ({
    id: "cmpl-1",
    object: "chat.completion",
    created: reply.created,
    model: reply.model,
    choices: [
      { index: 0, message: { role: "assistant", content: reply.pieces.join("") }, finish_reason: "stop" },
    ],
    ...(reply.usage === null ? {} : { usage: reply.usage }),
  }),
  chunks(reply, wantsUsage) {
    const base = {
      id: "cmpl-1",
      object: "chat.completion.chunk",
      created: reply.created,
      model: reply.model,
    };
    return [
      ...reply.pieces.map((content) => ({
        ...base,
        choices: [{ index: 0, delta: { content }, finish_reason: null }],
      })),
      { ...base, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
      ...usageChunk(reply, wantsUsage, base),
    ];
  },
  unknownModel: (name) => ({
    error: {
      message: `Model '${name}' does not exist`,
      type: "invalid_request_error",
      param: null,
      code: "model_not_found",
    },
  }),
};
