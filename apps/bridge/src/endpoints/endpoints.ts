import type { BridgeSettings, EndpointSettings } from "../config/settings.ts";
import { BridgeError } from "../errors.ts";
import { matchesAny, matchesGlob } from "../glob.ts";
import type { JsonObject } from "../json.ts";
import {
  type Capability,
  factsOfModels,
  type ListedModel,
  listedModels,
  loadedFacts,
  loadOllamaModel,
  type ModelFacts,
} from "./server-kinds.ts";
import { askUpstream, UpstreamFailure } from "./upstream.ts";

export type LocalModel = {
  /** `<endpoint id>:<model>` */
  id: string;
  endpoint: EndpointSettings;
  /** As the server names it. */
  name: string;
  entry: JsonObject;
};

export type DescribedModel = LocalModel & {
  capabilities: Capability[];
  facts: ModelFacts;
  contextLength: number | null;
};

export type EndpointState = {
  endpoint: EndpointSettings;
  isReachable: boolean;
  modelsCount: number;
  latencyMs: number | null;
  /** A class of failure, never an address. */
  error: string | null;
};

export type Endpoints = {
  readonly all: readonly EndpointSettings[];
  /** Everything that reachable endpoints list and the file allows. */
  models(): Promise<LocalModel[]>;
  describe(models: readonly LocalModel[]): Promise<DescribedModel[]>;
  /**
   * What a caller's model id means.
   * @throws BridgeError missing from every list: model_not_found; its endpoint is down: local_model_unavailable
   */
  resolve(asked: string): Promise<LocalModel>;
  /** Tokens; `null` when neither the server nor the file says. Loads a model of Ollama if need be. */
  contextLength(model: LocalModel, options: { embeds: boolean; signal: AbortSignal }): Promise<number | null>;
  probe(timeoutMs?: number): Promise<EndpointState[]>;
};

const listMs = 5000;
/** A list is believed for so long; a name that is not in it is looked up again at once. */
const listLifeMs = 10_000;
const missLifeMs = 1000;
const factsLifeMs = 60_000;

type Listing = { at: number; models: ListedModel[] };

export function openEndpoints(settings: BridgeSettings, now: () => number = Date.now): Endpoints {
  const lists = new Map<string, Listing>();
  const listing = new Map<string, Promise<ListedModel[]>>();
  const facts = new Map<string, { at: number; byId: Map<string, ModelFacts> }>();
  const byId = new Map(settings.endpoints.map((endpoint) => [endpoint.id, endpoint]));

  /** One question at a time per endpoint, however many callers wait for it. */
  const list = (endpoint: EndpointSettings, maxAgeMs: number): Promise<ListedModel[]> => {
    const known = lists.get(endpoint.id);
    if (known !== undefined && now() - known.at < maxAgeMs) return Promise.resolve(known.models);
    const running = listing.get(endpoint.id);
    if (running !== undefined) return running;
    const asking = askList(endpoint, listMs)
      .then((models) => {
        lists.set(endpoint.id, { at: now(), models });
        return models;
      })
      .finally(() => listing.delete(endpoint.id));
    listing.set(endpoint.id, asking);
    return asking;
  };
  const allowed = async (endpoint: EndpointSettings, maxAgeMs: number): Promise<LocalModel[]> =>
    (await list(endpoint, maxAgeMs))
      .filter(({ id }) => endpoint.models === null || matchesAny(endpoint.models, id))
      .map(({ id, entry }) => ({ id: `${endpoint.id}:${id}`, endpoint, name: id, entry }));
  /** Listed and allowed, or nothing; asked again when the list in memory may be too old to say so. */
  const find = async (endpoint: EndpointSettings, name: string): Promise<LocalModel | undefined> => {
    const named = (models: LocalModel[]) => models.find((model) => isNamed(endpoint, model.name, name));
    return named(await allowed(endpoint, listLifeMs)) ?? named(await allowed(endpoint, missLifeMs));
  };
  const alias = async (feature: string): Promise<LocalModel | undefined> => {
    const target = settings.aliases.get(feature) ?? settings.aliases.get("default");
    if (target === undefined) return undefined;
    const [endpointId, name] = splitId(target);
    return find(byId.get(endpointId)!, name);
  };

  return {
    all: settings.endpoints,
    async models() {
      const found = await Promise.all(
        settings.endpoints.map((endpoint) => allowed(endpoint, listLifeMs).catch(() => [])),
      );
      return found.flat();
    },
    async describe(models) {
      const described = await Promise.all(
        settings.endpoints.map(async (endpoint) => {
          const own = models.filter((model) => model.endpoint === endpoint);
          const kept = facts.get(endpoint.id);
          const isFresh =
            kept !== undefined &&
            now() - kept.at < factsLifeMs &&
            own.every(({ name }) => kept.byId.has(name));
          // What is loaded changes by the minute; what a model can do does not.
          const byName =
            isFresh && endpoint.kind !== "ollama"
              ? kept.byId
              : await factsOfModels(endpoint, own.map(listedOf));
          facts.set(endpoint.id, { at: now(), byId: byName });
          return own.map((model) => describedOf(model, byName.get(model.name) ?? {}));
        }),
      );
      return described.flat();
    },
    async resolve(asked) {
      const [prefix, name] = splitId(asked);
      if (prefix === "auto") return (await alias(name)) ?? unknownModel(asked);
      const endpoint = byId.get(prefix);
      if (endpoint === undefined) return bareName(asked);
      const found = await find(endpoint, name);
      if (found !== undefined) return found;
      // A name with a tag is a model's: it is not answered by another one, only because that is the default.
      const isFeature =
        settings.aliases.has(name) ||
        (/^[a-zA-Z0-9_-]{1,128}$/.test(name) && !(await isListed(endpoint, name)));
      return (isFeature ? await alias(name) : undefined) ?? unknownModel(asked);
    },
    async contextLength(model, { embeds, signal }) {
      const own = await ownLength(model, { embeds, signal, firstByteMs: settings.firstByteMs });
      const bound = fileBound(model);
      return own === null || bound === null ? (own ?? bound) : Math.min(own, bound);
    },
    probe: (timeoutMs = listMs) =>
      Promise.all(
        settings.endpoints.map(async (endpoint) => {
          const startedAt = performance.now();
          try {
            const models = await askList(endpoint, timeoutMs);
            lists.set(endpoint.id, { at: now(), models });
            const count = (await allowed(endpoint, listLifeMs)).length;
            return {
              endpoint,
              isReachable: true,
              modelsCount: count,
              latencyMs: Math.round(performance.now() - startedAt),
              error: null,
            };
          } catch (error) {
            const code =
              error instanceof BridgeError ? String(error.details?.reason ?? error.code) : "unreachable";
            return { endpoint, isReachable: false, modelsCount: 0, latencyMs: null, error: code };
          }
        }),
      ),
  };

  async function bareName(asked: string): Promise<LocalModel> {
    const all = await Promise.allSettled(settings.endpoints.map((endpoint) => find(endpoint, asked)));
    const found = all.flatMap((result) =>
      result.status === "fulfilled" && result.value !== undefined ? [result.value] : [],
    );
    if (found.length > 1) {
      throw new BridgeError(
        "model_not_found",
        "Several endpoints list this model; put the endpoint's id and a colon before it.",
        {
          param: "model",
        },
      );
    }
    // One server that is off is no reason to doubt what the others say.
    const failed = all.every((result) => result.status === "rejected") ? all[0] : undefined;
    if (failed !== undefined && failed.status === "rejected") throw failed.reason;
    return found[0] ?? unknownModel(asked);
  }

  /** Listed by the server, allowed or not. */
  async function isListed(endpoint: EndpointSettings, name: string): Promise<boolean> {
    return (await list(endpoint, listLifeMs)).some(({ id }) => isNamed(endpoint, id, name));
  }
}

/** Split at the first colon; without one the second part is empty. */
function splitId(id: string): [prefix: string, name: string] {
  const at = id.indexOf(":");
  return at < 0 ? [id, ""] : [id.slice(0, at), id.slice(at + 1)];
}

/** The failure of an endpoint as its caller is told: which one, and what to do; never where it is. */
export function endpointDown(endpoint: EndpointSettings, reason: string, cause?: unknown): BridgeError {
  return new BridgeError(
    "local_model_unavailable",
    `The model server “${endpoint.name}” does not answer; start it, or check it with modelfaucet-bridge doctor.`,
    { details: { endpoint_id: endpoint.id, reason }, cause },
  );
}

function unknownModel(_asked: string): never {
  throw new BridgeError(
    "model_not_found",
    "No endpoint offers this model to this page; list the models, or name one under aliases in bridge.yaml.",
    { param: "model" },
  );
}

async function askList(endpoint: EndpointSettings, timeoutMs: number): Promise<ListedModel[]> {
  const answer = await askUpstream(endpoint, { method: "GET", path: "/models", timeoutMs }).catch(
    (error: unknown) => {
      throw endpointDown(endpoint, error instanceof UpstreamFailure ? error.kind : "unreachable", error);
    },
  );
  if (answer.status === 401 || answer.status === 403) throw endpointDown(endpoint, "key_refused");
  if (answer.status !== 200) throw endpointDown(endpoint, `status_${answer.status}`);
  return listedModels(answer.json) ?? unreadable(endpoint);
}

function unreadable(endpoint: EndpointSettings): never {
  throw endpointDown(endpoint, "no_model_list");
}

/** Ollama's `qwen3` is `qwen3:latest`. */
function isNamed(endpoint: EndpointSettings, listed: string, asked: string): boolean {
  return (
    listed === asked || (endpoint.kind === "ollama" && !asked.includes(":") && listed === `${asked}:latest`)
  );
}

function listedOf(model: LocalModel): ListedModel {
  return { id: model.name, entry: model.entry };
}

function describedOf(model: LocalModel, facts: ModelFacts): DescribedModel {
  const bound = fileBound(model);
  const own = facts.contextLength ?? null;
  return {
    ...model,
    facts,
    capabilities: facts.capabilities ?? guessedCapabilities(model.name),
    contextLength: own === null || bound === null ? (own ?? bound) : Math.min(own, bound),
  };
}

/** A server that says nothing of its models names at least those that embed. */
function guessedCapabilities(name: string): Capability[] {
  return /embed|(^|[/_-])bge-|(^|[/_-])gte-|(^|[/_-])e5-/i.test(name) ? ["embeddings"] : ["chat"];
}

/** The file's own bound: a name written out goes before a pattern, a longer pattern before a shorter. */
function fileBound(model: LocalModel): number | null {
  const fitting = model.endpoint.contextLengths.filter(([glob]) => matchesGlob(glob, model.name));
  const exact = fitting.find(([glob]) => glob === model.name);
  const best = exact ?? fitting.sort(([one], [other]) => other.length - one.length)[0];
  return best?.[1] ?? null;
}

async function ownLength(
  model: LocalModel,
  options: { embeds: boolean; signal: AbortSignal; firstByteMs: number },
): Promise<number | null> {
  const { endpoint } = model;
  const listed = listedOf(model);
  try {
    const facts = await loadedFacts(endpoint, listed);
    if (endpoint.kind !== "ollama" || facts.isLoaded === true) return facts.contextLength ?? null;
    const isLoaded = await loadOllamaModel(endpoint, model.name, {
      ...options,
      timeoutMs: options.firstByteMs,
    });
    if (!isLoaded) throw endpointDown(endpoint, "loading_failed");
    return (await loadedFacts(endpoint, listed)).contextLength ?? null;
  } catch (error) {
    if (error instanceof UpstreamFailure && error.kind === "aborted") throw error;
    if (error instanceof UpstreamFailure) throw endpointDown(endpoint, error.kind, error);
    throw error;
  }
}
