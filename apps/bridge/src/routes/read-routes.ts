import type { BridgeSettings } from "../config/settings.ts";
import type { DescribedModel, EndpointState, Endpoints } from "../endpoints/endpoints.ts";
import { type GrantStore, mayUse, ownerOf } from "../grants/grants.ts";
import type { JsonObject } from "../json.ts";
import type { ReportQueue } from "../reports/queue.ts";
import { readAcknowledgement, readReport } from "../reports/schema.ts";
import { type BodyMemory, type Exchange, readJsonBody, sendJson } from "../server/exchange.ts";
import type { Routes } from "../server/server.ts";

export type ReadRouteDeps = {
  settings: BridgeSettings;
  endpoints: Endpoints;
  grants: GrantStore;
  reports: ReportQueue;
  memory: BodyMemory;
  version: string;
  /** Known once the port is bound. */
  listening(): readonly string[];
};

const reportBytesMax = 65_536;

export function readRoutes(deps: ReadRouteDeps): Routes {
  const described = async (exchange: Exchange): Promise<DescribedModel[]> => {
    const models = (await deps.endpoints.models()).filter(({ id }) => mayUse(exchange.grant!, id));
    return deps.endpoints.describe(models);
  };
  const owner = (exchange: Exchange): string => ownerOf(exchange.grant!);
  return {
    "/health": {
      GET: (exchange) => {
        const { origin, grant } = exchange;
        const paired = grant !== null || (origin !== null && deps.grants.isPaired(origin));
        const full = grant === null ? {} : { version: deps.version, listening: deps.listening() };
        sendJson(exchange, 200, {
          ok: true,
          paired,
          pair: { start: "/pair/start", help: "Run modelfaucet-bridge pair" },
          ...full,
        });
      },
    },
    "/diagnostics": {
      GET: async (exchange) => sendJson(exchange, 200, await diagnostics(exchange, deps)),
    },
    "/models": {
      GET: async (exchange) => sendJson(exchange, 200, { items: (await described(exchange)).map(item) }),
    },
    "/v1/models": {
      GET: async (exchange) => {
        const data = (await described(exchange)).map((model) => ({
          object: "model",
          created: 0,
          owned_by: model.endpoint.id,
          ...item(model),
        }));
        sendJson(exchange, 200, { object: "list", data });
      },
    },
    "/usage/report": {
      POST: async (exchange) => {
        const report = readReport(await readJsonBody(exchange, reportBytesMax, deps.memory));
        deps.reports.add(owner(exchange), report);
        sendJson(exchange, 200, { ok: true, pending: deps.reports.pending(owner(exchange)) });
      },
      GET: (exchange) => sendJson(exchange, 200, { items: deps.reports.of(owner(exchange)) }),
    },
    "/usage/ack": {
      POST: async (exchange) => {
        const ids = readAcknowledgement(await readJsonBody(exchange, reportBytesMax, deps.memory));
        const removed = deps.reports.acknowledge(owner(exchange), ids);
        sendJson(exchange, 200, { removed, pending: deps.reports.pending(owner(exchange)) });
      },
    },
  };
}

function item(model: DescribedModel): JsonObject {
  const { facts, endpoint } = model;
  return {
    id: model.id,
    provider: endpoint.id,
    endpoint_id: endpoint.id,
    capabilities: model.capabilities,
    ...(facts.name === undefined ? {} : { name: facts.name }),
    ...(model.contextLength === null ? {} : { context_length: model.contextLength }),
    ...(facts.isLoaded === undefined ? {} : { loaded: facts.isLoaded }),
    ...(endpoint.isRemote ? { remote: true } : {}),
  };
}

async function diagnostics(exchange: Exchange, deps: ReadRouteDeps): Promise<JsonObject> {
  const states = await deps.endpoints.probe();
  const models = await deps.endpoints.describe(await deps.endpoints.models());
  const owner = ownerOf(exchange.grant!);
  const checks = checksOf(states, models);
  const first = deps.settings.endpoints[0]!;
  return {
    ok: checks.every(({ ok }) => ok),
    version: deps.version,
    listening: deps.listening(),
    upstream_base_url: first.isRemote ? "remote" : first.baseUrl,
    upstream_reachable: states[0]?.isReachable ?? false,
    models_count: models.filter(({ id }) => mayUse(exchange.grant!, id)).length,
    checks,
    endpoints: states.map((state) => ({
      id: state.endpoint.id,
      name: state.endpoint.name,
      kind: state.endpoint.kind,
      remote: state.endpoint.isRemote,
      reachable: state.isReachable,
      models_count: state.modelsCount,
      latency_ms: state.latencyMs,
      ...(state.error === null ? {} : { error: state.error }),
    })),
    usage_queue: { pending: deps.reports.pending(owner), dropped: deps.reports.dropped(owner) },
  };
}

type Check = { name: string; ok: boolean; detail?: string };

/** The first four could not be asked if they failed: the bridge would not have started. */
function checksOf(states: readonly EndpointState[], models: readonly DescribedModel[]): Check[] {
  const down = states.filter(({ isReachable }) => !isReachable);
  const empty = states.filter(({ isReachable, modelsCount }) => isReachable && modelsCount === 0);
  const unknown = models.filter(
    ({ capabilities, contextLength, facts }) =>
      capabilities.includes("chat") && contextLength === null && facts.isLoaded !== false,
  );
  return [
    { name: "loopback_bind", ok: true },
    { name: "host_check", ok: true },
    { name: "config", ok: true },
    {
      name: "upstream_models",
      ok: down.length === 0 && empty.length === 0,
      ...detail([
        ...down.map(({ endpoint }) => `${endpoint.id} does not answer`),
        ...empty.map(({ endpoint }) => `${endpoint.id} lists no model`),
      ]),
    },
    {
      name: "context_length",
      ok: unknown.length === 0,
      ...detail(unknown.map(({ id }) => `${id} does not tell its context`)),
    },
  ];
}

function detail(sentences: readonly string[]): { detail?: string } {
  return sentences.length === 0 ? {} : { detail: sentences.slice(0, 10).join("; ") };
}
