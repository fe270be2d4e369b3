import type { EndpointKind, EndpointSettings } from "../config/settings.ts";
import { isObject, type JsonObject, positiveInteger } from "../json.ts";
import { askUpstream } from "./upstream.ts";

export type Capability = "chat" | "json" | "tools" | "vision" | "embeddings";

/** What a server's own API says of one model; what it does not say is absent. */
export type ModelFacts = {
  capabilities?: Capability[];
  name?: string;
  /** Of the loaded model, not what it could be loaded with. */
  contextLength?: number;
  isLoaded?: boolean;
};

/** A model as the OpenAI-compatible list names it. */
export type ListedModel = { id: string; entry: JsonObject };

const askMs = 5000;
const showsAtOnce = 4;
const showsMax = 100;

/**
 * Asks a server's own API for facts about its models, by id. A server that does not know the question leaves them out.
 * Source: https://docs.ollama.com/api (ps, show), https://lmstudio.ai/docs/developer/rest (v1 and v0 models),
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (props),
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html, read November 2026.
 */
export async function factsOfModels(
  endpoint: EndpointSettings,
  listed: readonly ListedModel[],
): Promise<Map<string, ModelFacts>> {
  return (await askersByKind[endpoint.kind](endpoint, listed).catch(() => null)) ?? new Map();
}

/** Facts that change while the server runs, of one model: whether it is loaded, and with what context. */
export async function loadedFacts(endpoint: EndpointSettings, model: ListedModel): Promise<ModelFacts> {
  if (endpoint.kind === "ollama") return (await ollamaLoaded(endpoint)).get(model.id) ?? { isLoaded: false };
  return (await factsOfModels(endpoint, [model])).get(model.id) ?? {};
}

/** Loads a model of Ollama by an empty call, so that its context can be asked. */
export async function loadOllamaModel(
  endpoint: EndpointSettings,
  model: string,
  options: { embeds: boolean; timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const { status } = await askUpstream(endpoint, {
    method: "POST",
    atRoot: true,
    path: options.embeds ? "/api/embed" : "/api/generate",
    body: options.embeds ? { model, input: "" } : { model, stream: false },
    timeoutMs: options.timeoutMs,
    signal: options.signal,
  });
  return status === 200;
}

/** What a server answers to `GET /models`; `null` where it is no list. */
export function listedModels(json: unknown): ListedModel[] | null {
  if (!isObject(json)) return null;
  // Ollama without models says null.
  if (json.data === null) return [];
  if (!Array.isArray(json.data)) return null;
  return (json.data as unknown[])
    .filter(isObject)
    .filter(({ id }) => typeof id === "string" && id !== "" && id.length <= 256 && id.isWellFormed())
    .map((entry) => ({ id: entry.id as string, entry }));
}

type Asker = (endpoint: EndpointSettings, listed: readonly ListedModel[]) => Promise<Map<string, ModelFacts>>;

const askersByKind: Record<EndpointKind, Asker> = {
  ollama: async (endpoint, listed) => {
    const [loaded, shown] = await Promise.all([ollamaLoaded(endpoint), ollamaCapabilities(endpoint, listed)]);
    return new Map(
      listed.map(({ id }) => {
        const capabilities = shown.get(id);
        return [
          id,
          { isLoaded: false, ...loaded.get(id), ...(capabilities === undefined ? {} : { capabilities }) },
        ];
      }),
    );
  },
  lmstudio: async (endpoint) => {
    const { status, json } = await askUpstream(endpoint, {
      method: "GET",
      atRoot: true,
      path: "/api/v1/models",
      timeoutMs: askMs,
    });
    if (status === 200 && isObject(json) && Array.isArray(json.models)) return lmStudioModels(json.models);
    const older = await askUpstream(endpoint, {
      method: "GET",
      atRoot: true,
      path: "/api/v0/models",
      timeoutMs: askMs,
    });
    const data = isObject(older.json) ? older.json.data : null;
    return older.status === 200 && Array.isArray(data) ? lmStudioModelsV0(data) : new Map();
  },
  llamacpp: async (endpoint, listed) => {
    const { status, json } = await askUpstream(endpoint, {
      method: "GET",
      atRoot: true,
      path: "/props",
      timeoutMs: askMs,
    });
    if (status !== 200 || !isObject(json)) return new Map();
    const settings = isObject(json.default_generation_settings) ? json.default_generation_settings : {};
    const contextLength = positiveInteger(settings.n_ctx);
    const sees = isObject(json.modalities) && json.modalities.vision === true;
    const caps = isObject(json.chat_template_caps) ? json.chat_template_caps : {};
    const capabilities: Capability[] = ["chat", "json"];
    if (caps.supports_tools === true || caps.supports_tool_calls === true) capabilities.push("tools");
    if (sees) capabilities.push("vision");
    const facts = { capabilities, isLoaded: true, ...(contextLength === null ? {} : { contextLength }) };
    return new Map(listed.map(({ id }) => [id, facts]));
  },
  vllm: async (_endpoint, listed) =>
    new Map(listed.map(({ id, entry }) => [id, { isLoaded: true, ...lengthOfEntry(entry) }])),
  openai_compatible: async (_endpoint, listed) =>
    new Map(listed.map(({ id, entry }) => [id, lengthOfEntry(entry)])),
};

/** Names under which servers tell a length in their list. */
const lengthFields = ["max_model_len", "context_length", "context_window", "max_context_length"];

function lengthOfEntry(entry: JsonObject): ModelFacts {
  const contextLength = lengthFields
    .map((field) => positiveInteger(entry[field]))
    .find((length) => length !== null);
  return contextLength === undefined || contextLength === null ? {} : { contextLength };
}

async function ollamaLoaded(endpoint: EndpointSettings): Promise<Map<string, ModelFacts>> {
  const { json } = await askUpstream(endpoint, {
    method: "GET",
    atRoot: true,
    path: "/api/ps",
    timeoutMs: askMs,
  });
  const models =
    isObject(json) && Array.isArray(json.models) ? (json.models as unknown[]).filter(isObject) : [];
  const loaded = new Map<string, ModelFacts>();
  for (const model of models) {
    const length = positiveInteger(model.context_length);
    for (const name of [model.name, model.model]) {
      if (typeof name === "string")
        loaded.set(name, { isLoaded: true, ...(length === null ? {} : { contextLength: length }) });
    }
  }
  return loaded;
}

const capabilityOfOllama: Record<string, Capability[]> = {
  completion: ["chat", "json"],
  tools: ["tools"],
  vision: ["vision"],
  embedding: ["embeddings"],
};

async function ollamaCapabilities(
  endpoint: EndpointSettings,
  listed: readonly ListedModel[],
): Promise<Map<string, Capability[]>> {
  const found = new Map<string, Capability[]>();
  const queue = listed.slice(0, showsMax);
  const ask = async (): Promise<void> => {
    for (let model = queue.shift(); model !== undefined; model = queue.shift()) {
      const { json } = await askUpstream(endpoint, {
        method: "POST",
        atRoot: true,
        path: "/api/show",
        body: { model: model.id },
        timeoutMs: askMs,
      });
      const names =
        isObject(json) && Array.isArray(json.capabilities) ? (json.capabilities as unknown[]) : [];
      const capabilities = names.flatMap((name) => capabilityOfOllama[String(name)] ?? []);
      if (capabilities.length > 0) found.set(model.id, capabilities);
    }
  };
  await Promise.all(Array.from({ length: showsAtOnce }, ask)).catch(() => {});
  return found;
}

function lmStudioModels(models: readonly unknown[]): Map<string, ModelFacts> {
  const facts = new Map<string, ModelFacts>();
  for (const model of models.filter(isObject)) {
    if (typeof model.key !== "string") continue;
    const can = isObject(model.capabilities) ? model.capabilities : {};
    const capabilities: Capability[] = model.type === "embedding" ? ["embeddings"] : ["chat", "json"];
    if (can.trained_for_tool_use === true) capabilities.push("tools");
    if (can.vision === true) capabilities.push("vision");
    const instances = Array.isArray(model.loaded_instances)
      ? (model.loaded_instances as unknown[]).filter(isObject)
      : [];
    const name = typeof model.display_name === "string" ? { name: model.display_name } : {};
    facts.set(model.key, {
      capabilities,
      ...name,
      isLoaded: instances.length > 0,
      ...lengthOfInstance(instances[0]),
    });
    // A second instance has a name of its own, with a length of its own.
    for (const instance of instances) {
      if (typeof instance.id === "string")
        facts.set(instance.id, { capabilities, ...name, isLoaded: true, ...lengthOfInstance(instance) });
    }
  }
  return facts;
}

function lengthOfInstance(instance: JsonObject | undefined): ModelFacts {
  const length = isObject(instance?.config) ? positiveInteger(instance.config.context_length) : null;
  return length === null ? {} : { contextLength: length };
}

function lmStudioModelsV0(models: readonly unknown[]): Map<string, ModelFacts> {
  const facts = new Map<string, ModelFacts>();
  for (const model of models.filter(isObject)) {
    if (typeof model.id !== "string") continue;
    const can = Array.isArray(model.capabilities) ? (model.capabilities as unknown[]) : [];
    const capabilities: Capability[] = model.type === "embeddings" ? ["embeddings"] : ["chat", "json"];
    if (can.includes("tool_use")) capabilities.push("tools");
    if (model.type === "vlm") capabilities.push("vision");
    const length = positiveInteger(model.loaded_context_length);
    facts.set(model.id, {
      capabilities,
      isLoaded: model.state === "loaded",
      ...(length === null ? {} : { contextLength: length }),
    });
  }
  return facts;
}
