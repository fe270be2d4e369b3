import { type LocalKind, notFound, usageChunk } from "./kind.ts";

/**
 * Ollama: OpenAI-compatible under `/v1`, its own API under `/api`. The context length of a model is told once it is
 * loaded. Source: https://docs.ollama.com/api (ps, show, generate, embed), https://docs.ollama.com/api/openai-compatibility,
 * read November 2026.
 */
export const ollama: LocalKind = {
  answer(method, path, body, models) {
    const named = models.find(({ name }) => name === body.model);
    switch (`${method} ${path}`) {
      case "GET /v1/models":
        return {
          status: 200,
          body: {
            object: "list",
            data:
              models.length === 0
                ? null
                : models.map(({ name }) => ({
                    id: name,
                    object: "model",
                    created: 1_790_000_000,
                    owned_by: "library",
                  })),
          },
        };
      case "GET /api/ps":
        return {
          status: 200,
          body: { models: models.filter(({ isLoaded }) => isLoaded === true).map(loadedOf) },
        };
      case "POST /api/show":
        if (named === undefined) return unknown(String(body.model));
        return {
          status: 200,
          body: {
            details,
            model_info: { "general.architecture": "qwen3", "qwen3.context_length": 40_960 },
            capabilities: capabilitiesOf(named),
          },
        };
      case "POST /api/generate":
        if (named === undefined) return unknown(String(body.model));
        if (named.embeds === true)
          return { status: 400, body: { error: `"${named.name}" does not support generate` } };
        named.isLoaded = true;
        return {
          status: 200,
          body: {
            model: named.name,
            created_at: "2026-11-25T09:00:00.000Z",
            response: "",
            done: true,
            done_reason: "load",
          },
        };
      case "POST /api/embed":
        if (named === undefined) return unknown(String(body.model));
        named.isLoaded = true;
        return { status: 200, body: { model: named.name, embeddings: [] } };
      default:
        return notFound;
    }
  },
  completion: (reply) => ({
    id: "chatcmpl-417",
    object: "chat.completion",
    created: reply.created,
    model: reply.model,
    system_fingerprint: "fp_ollama",
    choices: [
      { index: 0, message: { role: "assistant", content: reply.pieces.join("") }, finish_reason: "stop" },
    ],
    ...(reply.usage === null ? {} : { usage: reply.usage }),
  }),
  chunks(reply, wantsUsage) {
    const base = {
      id: "chatcmpl-417",
      object: "chat.completion.chunk",
      created: reply.created,
      model: reply.model,
      system_fingerprint: "fp_ollama",
    };
    return [
      ...reply.pieces.map((content) => ({
        ...base,
        choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }],
      })),
      { ...base, choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: "stop" }] },
      ...usageChunk(reply, wantsUsage, base),
    ];
  },
  unknownModel: (name) => ({
    error: {
      message: `model "${name}" not found, try pulling it first`,
      type: "api_error",
      param: null,
      code: null,
    },
  }),
};

const details = {
  parent_model: "",
  format: "gguf",
  family: "qwen3",
  families: ["qwen3"],
  parameter_size: "8.2B",
  quantization_level: "Q4_K_M",
};

function loadedOf({ name, contextLength }: { name: string; contextLength?: number }): object {
  return {
    name,
    model: name,
    size: 6_591_830_464,
    digest: "a2af6cc3eb7fa8be8504abaf9b04e88f17a119ec3f04a3addf55f92841195f5a",
    details,
    expires_at: "2026-11-25T09:05:00.000Z",
    size_vram: 5_333_539_264,
    ...(contextLength === undefined ? {} : { context_length: contextLength }),
  };
}

function capabilitiesOf(model: { embeds?: boolean; sees?: boolean; usesTools?: boolean }): string[] {
  if (model.embeds === true) return ["embedding"];
  return [
    "completion",
    ...(model.usesTools === true ? ["tools"] : []),
    ...(model.sees === true ? ["vision"] : []),
  ];
}

function unknown(name: string): { status: number; body: object } {
  return { status: 404, body: { error: `model '${name}' not found` } };
}
