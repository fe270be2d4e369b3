import { type LocalKind, notFound, usageChunk, wordsOf } from "./kind.ts";

/**
 * vLLM: `max_model_len` in its list, a tokenizer for texts and conversations at the root.
 * Source: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, read November 2026.
 */
export const vllm: LocalKind = {
  answer(method, path, body, models) {
    switch (`${method} ${path}`) {
      case "GET /v1/models":
        return {
          status: 200,
          body: {
            object: "list",
            data: models.map(({ name, contextLength }) => ({
              id: name,
              object: "model",
              created: 1_795_000_000,
              owned_by: "vllm",
              root: name,
              parent: null,
              max_model_len: contextLength ?? 4096,
              permission: [],
            })),
          },
        };
      case "POST /tokenize": {
        const text = typeof body.prompt === "string" ? body.prompt : JSON.stringify(body.messages ?? "");
        const count = wordsOf(text);
        return {
          status: 200,
          body: {
            count,
            max_model_len: models[0]?.contextLength ?? 4096,
            tokens: Array.from({ length: count }, (_, at) => at),
            token_strs: null,
          },
        };
      }
      default:
        return notFound;
    }
  },
  completion: (reply) => ({
    id: "chatcmpl-9f0a",
    object: "chat.completion",
    created: reply.created,
    model: reply.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: reply.pieces.join(""),
          refusal: null,
          annotations: null,
          audio: null,
          function_call: null,
          tool_calls: [],
          reasoning: null,
        },
        logprobs: null,
        finish_reason: "stop",
        stop_reason: null,
        token_ids: null,
      },
    ],
    service_tier: null,
    system_fingerprint: null,
    ...(reply.usage === null ? {} : { usage: { ...reply.usage, prompt_tokens_details: null } }),
    prompt_logprobs: null,
    kv_transfer_params: null,
  }),
  chunks(reply, wantsUsage) {
    const base = {
      id: "chatcmpl-9f0a",
      object: "chat.completion.chunk",
      created: reply.created,
      model: reply.model,
    };
    const choice = (delta: object, finish_reason: string | null) => ({
      ...base,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    return [
      choice({ role: "assistant", content: "" }, null),
      ...reply.pieces.map((content) => choice({ content }, null)),
      choice({ content: "" }, "stop"),
      ...usageChunk(reply, wantsUsage, base),
    ];
  },
  unknownModel: (name) => ({
    error: {
      message: `The model \`${name}\` does not exist.`,
      type: "NotFoundError",
      param: "model",
      code: 404,
    },
  }),
};
