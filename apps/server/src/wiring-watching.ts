import type { Config } from "./config.ts";
import { parseHostMap } from "./lib/egress/host-map.ts";
import { createResolver } from "./lib/egress/resolver.ts";
import type { InstanceFacts } from "./lib/instance-facts.ts";
import type { Metrics } from "./lib/metrics.ts";
import { formatUsd } from "./lib/money.ts";
import {
  createOutbound,
  type Outbound,
  type OutboundEntrance,
  OutboundError,
  type OutboundOptions,
} from "./lib/outbound.ts";
import { createMappedLookup } from "./lib/outbound-hosts.ts";
import type { SecretBox } from "./lib/secret-box.ts";
import type { Tracing } from "./lib/tracing.ts";
import type { SettledFigures, Settlement } from "./modules/books/items.ts";

/** A way out that leads to one address of the operator's own: it opens no door for anything else. */
export function outboundTo(
  url: string,
  entrance: OutboundEntrance,
  { config, metrics }: Watched,
  more: Pick<OutboundOptions, "assertNoTransactionOpen"> = {},
): Outbound {
  const { origin } = new URL(url);
  return countingRefusals(entrance, metrics, {
    connectTimeoutMs: config.providers.connectTimeoutMs,
    maxConnectionsPerOrigin: 2,
    isAllowedOrigin: (asked) => asked === origin,
    lookup: config.hostMap === null ? undefined : createMappedLookup(config.hostMap),
    ...more,
  });
}

type Watched = { config: Config; metrics: Metrics };

/** To where operators want to be told of alerts: in production on the internet, judged like anybody's address. */
export function outboundToAlerts(
  url: string,
  { config, metrics }: Watched,
  assertNoTransactionOpen: () => void,
): Outbound {
  if (!config.production) return outboundTo(url, "alerts", { config, metrics }, { assertNoTransactionOpen });
  const outbound = countingRefusals("alerts", metrics, {
    connectTimeoutMs: config.providers.connectTimeoutMs,
    maxConnectionsPerOrigin: 2,
    isAllowedOrigin: () => false,
    assertNoTransactionOpen,
    tenant: tenantDoorOf(config),
  });
  return { ...outbound, request: (request) => outbound.request({ ...request, door: "tenant" }) };
}

/** The tenants' door of this process. No variable of production changes it. */
export function tenantDoorOf(config: Config): NonNullable<OutboundOptions["tenant"]> {
  return {
    production: config.production,
    hostMap: config.hostMap === null ? null : parseHostMap(config.hostMap),
    resolve: createResolver({ server: config.nameServer, timeoutMs: questionMs }),
  };
}

/** Of one question to one name server. */
const questionMs = 1_500;

/** A way out whose guard is counted where it says no. */
export function countingRefusals(
  wired: OutboundEntrance,
  metrics: Metrics,
  options: OutboundOptions,
  onRefused: () => void = () => {},
): Outbound {
  const outbound = createOutbound(options);
  return {
    ...outbound,
    request: async (request) => {
      try {
        return await outbound.request(request);
      } catch (error) {
        if (error instanceof OutboundError && error.kind === "not_allowed") {
          metrics.egressRefused.inc({
            entrance: request.entrance ?? wired,
            reason: error.reason ?? error.kind,
          });
          onRefused();
        }
        throw error;
      }
    },
    judge: async (url, entrance = wired) => {
      const refusal = await outbound.judge(url, entrance);
      if (refusal !== null) {
        metrics.egressRefused.inc({ entrance, reason: refusal.reason });
        onRefused();
      }
      return refusal;
    },
  };
}

/** Without a collector none of OpenTelemetry's code is loaded. */
export async function tracingOf(
  config: Config,
  instanceId: string,
  metrics: Metrics,
  onError: (error: unknown) => void,
): Promise<Tracing | null> {
  if (config.tracing === null) return null;
  const { createOtlpTracing } = await import("./lib/tracing-otlp.ts");
  return createOtlpTracing({
    ...config.tracing,
    resourceAttributes: {
      "service.version": config.version,
      "service.instance.id": instanceId,
      "deployment.environment.name": config.hosted.environment,
      ...config.tracing.resourceAttributes,
    },
    // Spans end wherever their request does; nothing of the database waits for them.
    outbound: outboundTo(config.tracing.endpoint, "traces", { config, metrics }),
    onError,
  });
}

/** Counts what does not open, by what it is. */
export function watched(box: SecretBox, facts: InstanceFacts, metrics: Metrics): SecretBox {
  return {
    ...box,
    open: (sealed, place) => {
      try {
        return box.open(sealed, place);
      } catch (error) {
        facts.secretFailed();
        metrics.secretOpenFailures.inc({ kind: place.table });
        throw error;
      }
    },
  };
}

/** Counts a settled call: its outcome, its tokens and its money. */
export function countSettled(metrics: Metrics, settlement: Settlement, figures: SettledFigures): void {
  const { provider, model, tokens, usageSource: usage_source, outcome } = settlement;
  const { routeMode: route_mode } = settlement.payer;
  metrics.gatewayRequests.inc({ route_mode, provider, outcome });
  for (const [kind, count] of Object.entries(tokens)) {
    if (count > 0) metrics.tokens.inc({ provider, model, kind, usage_source }, count);
  }
  const booked = {
    charge: figures.chargeUsd,
    cost: figures.upstreamCostUsd,
    developer: figures.developerShareUsd,
    platform: figures.platformShareUsd,
    fee: figures.feeUsd,
    absorbed: figures.absorbedCostUsd,
  };
  for (const [kind, amount] of Object.entries(booked)) {
    // A graph may round; the books do not.
    if (amount > 0n) metrics.moneyUsd.inc({ kind, route_mode }, Number.parseFloat(formatUsd(amount)));
  }
}
