import { type LocalKind, notFound, usageChunk, wordsOf } from "./kind.ts";

/**
 * llama.cpp's server: one model, its context per slot in `/props`, a tokenizer, and the conversation as the prompt that
 * the model sees. Source: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, read November 2026.
 */
export const llamaCpp: LocalKind = {
  answer(method, path, body, models) {
    const model = models[0];
    switch (`${method} ${path}`) {
      case "GET /v1/models":
        return {
          status: 200,
          body: {
            object: "list",
            data: models.map(({ name }) => ({
              id: name,
              object: "model",
              created: 1_795_000_000,
              owned_by: "llamacpp",
              meta: {
                vocab_type: 2,
                n_vocab: 128_256,
                n_ctx_train: 131_072,
                n_embd: 4096,
                n_params: 8_030_261_312,
                size: 4_912_898_304,
              },
            })),
          },
        };
      case "GET /props":
        return {
          status: 200,
          body: {
            default_generation_settings: {
              id: 0,
              id_task: -1,
              n_ctx: model?.contextLength ?? 4096,
              speculative: false,
              is_processing: false,
              params: { n_predict: -1 },
            },
            total_slots: 2,
            model_path: "/home/somebody/models/model.gguf",
            chat_template: "{{ messages }}",
            chat_template_caps: { supports_tools: model?.usesTools === true },
            modalities: { vision: model?.sees === true, audio: false },
            build_info: "b8681-Debian",
            is_sleeping: false,
          },
        };
      case "POST /apply-template":
        return { status: 200, body: { prompt: templated(body.messages) } };
      case "POST /tokenize":
        return {
          status: 200,
          body: { tokens: Array.from({ length: wordsOf(String(body.content)) }, (_, at) => at) },
        };
      default:
        return notFound;
    }
  },
  completion: (reply) => ({
    choices: [
      { finish_reason: "stop", index: 0, message: { role: "assistant", content: reply.pieces.join("") } },
    ],
    created: reply.created,
    model: reply.model,
    system_fingerprint: "b8681-Debian",
    object: "chat.completion",
    ...(reply.usage === null ? {} : { usage: reply.usage }),
    id: "chatcmpl-Ukm9dCdrYdFjYdGtKGsPX2qxkAVGnFSc",
    timings: { prompt_n: 1, prompt_ms: 33.7, predicted_n: reply.pieces.length, predicted_ms: 120.5 },
  }),
  chunks(reply, wantsUsage) {
    const base = {
      created: reply.created,
      id: "chatcmpl-Ukm9dCdrYdFjYdGtKGsPX2qxkAVGnFSc",
      model: reply.model,
      system_fingerprint: "b8681-Debian",
      object: "chat.completion.chunk",
    };
    return [
      { ...base, choices: [{ finish_reason: null, index: 0, delta: { role: "assistant", content: null } }] },
      ...reply.pieces.map((content) => ({
        ...base,
        choices: [{ finish_reason: null, index: 0, delta: { content } }],
      })),
      { ...base, choices: [{ finish_reason: "stop", index: 0, delta: {} }] },
      ...usageChunk(reply, wantsUsage, base),
    ];
  },
  unknownModel: (name) => ({
    error: { code: 404, message: `model '${name}' not found`, type: "not_found_error" },
  }),
};

function templated(messages: unknown): string {
  const list = Array.isArray(messages) ? (messages as { role?: string; content?: unknown }[]) : [];
  return list.map(({ role, content }) => `<|im_start|> ${role} ${String(content)} <|im_end|>`).join(" ");
}
