import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import {
  addProviderKey,
  listProviders,
  probeProvider,
  readProvider,
  removeProviderKey,
  replaceProvider,
} from "@modelfaucet/contract/routes/platform.ts";
import { type ProbeDeps, probeProvider as probe } from "../../flows/probe-provider.ts";
import {
  addProviderKey as addKey,
  type ProviderDeps,
  removeProviderKey as removeKey,
  replaceProvider as replace,
  unknownProvider,
} from "../../flows/providers.ts";
import type { Tx } from "../../lib/db.ts";
import { formatUsd } from "../../lib/money.ts";
import { readPricedModels } from "../../modules/pricing/pricing.ts";
import { type ProviderView, readOpenCircuits, readProviderViews } from "../../modules/routing/routing.ts";
import { pageByKey, readKeyCursor } from "../key-cursor.ts";
import { type Mounted, mount } from "../mount.ts";

type Provider = AnswerOf<typeof readProvider>;

/** The operator's upstreams and their keys. A key goes in and never comes out. */
export function adminProviderRoutes(deps: ProviderDeps & ProbeDeps): Mounted[] {
  const viewsOf = (tx: Tx, only: string | null) => readProviderViews(tx, deps.upstreams.configured(), only);
  return [
    mount(listProviders, async ({ query, read }) => {
      const [after] = readKeyCursor(query.cursor, 1) ?? [""];
      const items = await read(async (tx) => {
        const views = await viewsOf(tx, null);
        return toWire(
          tx,
          views.filter((view) => view.name > after! && isMadeWithin(view, query)),
        );
      });
      return pageByKey(
        items,
        query.limit,
        (item) => [item.provider],
        (item) => item,
      );
    }),
    mount(readProvider, ({ params, read }) =>
      read(async (tx) => {
        const [item] = await toWire(tx, await viewsOf(tx, params.provider));
        if (!item) throw unknownProvider();
        return item;
      }),
    ),
    mount(replaceProvider, async ({ params, body, audit, read }) => {
      const { base_url: baseUrl, ...rest } = body;
      const view = await replace(deps, audit, { provider: params.provider, baseUrl, ...rest });
      return read(async (tx) => (await toWire(tx, [view]))[0]!);
    }),
    mount(probeProvider, async ({ params, body, audit, leaving }) => {
      const { provider } = params;
      const probed = await probe(deps, audit, { provider, ...body, model: body.model, signal: leaving() });
      return {
        ok: probed.failure === null,
        provider,
        model: probed.model,
        ...(probed.failure === null ? {} : { error: probed.failure.kind }),
        ...(probed.failure?.status === undefined ? {} : { status_code: probed.failure.status }),
        latency_ms: probed.latencyMs,
        cost_usd: formatUsd(probed.costUsd),
        ...(probed.transactionId === null ? {} : { transaction_id: probed.transactionId }),
      };
    }),
    mount(addProviderKey, async ({ params, body, audit, read }) => {
      const { api_key: apiKey, reason } = body;
      const view = await addKey(deps, audit, { provider: params.provider, apiKey, reason });
      return read(async (tx) => (await toWire(tx, [view]))[0]!);
    }),
    mount(removeProviderKey, async ({ params, query, audit }) => {
      await removeKey(deps, audit, { ...params, reason: query.reason });
      return { ok: true };
    }),
  ];
}

/** One that is known from the environment alone was never made, so no time finds it. */
function isMadeWithin(
  view: ProviderView,
  { from, to }: { from?: string | undefined; to?: string | undefined },
) {
  if (from === undefined && to === undefined) return true;
  if (view.createdAt === null) return false;
  const made = view.createdAt.getTime();
  return (from === undefined || made >= Date.parse(from)) && (to === undefined || made < Date.parse(to));
}

async function toWire(tx: Tx, views: readonly ProviderView[]): Promise<Provider[]> {
  const models = await readPricedModels(
    tx,
    views.map(({ name }) => name),
  );
  const open = await readOpenCircuits(tx);
  return views.map((view) => ({
    provider: view.name,
    base_url: view.baseUrl,
    dialect: view.dialect,
    priority: view.priority,
    weight: view.weight,
    state: view.status,
    circuit: open.has(view.name) ? ("open" as const) : ("closed" as const),
    keys: view.keys.map(({ id, masked, createdAt }) => ({
      ...(id === null ? {} : { id }),
      masked,
      source: id === null ? ("environment" as const) : ("stored" as const),
      ...(createdAt === null ? {} : { created_at: createdAt.toISOString() }),
    })),
    models: models.get(view.name) ?? [],
    ...trafficToWire(view),
  }));
}

function trafficToWire({ traffic }: ProviderView): Pick<Provider, "error_rate" | "last_success_at"> {
  if (traffic === null) return {};
  return {
    error_rate: Math.round((traffic.failed / traffic.attempts) * 10_000) / 10_000,
    ...(traffic.lastSuccessAt === null ? {} : { last_success_at: traffic.lastSuccessAt.toISOString() }),
  };
}
