import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = ReturnType<typeof createMetrics>;

const requestBuckets = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 120_000];
const ownBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000];
const switchBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 5, 10, 60];
const upstreamBuckets = [
  5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 600_000,
];

/**
 * Every metric of this process. Labels come from closed sets only: a registered route pattern, a configured provider,
 * a priced model; never a user, app, request, key or URL. Money here is for graphs; the books are the books.
 */
export function createMetrics(build: { version: string; schema: string }) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `modelfaucet_${name}`, help, labelNames, registers: [registry] });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge({ name: `modelfaucet_${name}`, help, labelNames, registers: [registry] });
  const histogram = <L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[] = [],
  ) => new Histogram({ name: `modelfaucet_${name}`, help, buckets, labelNames, registers: [registry] });
  const http = ["service", "method", "route", "status"] as const;

  const metrics = {
    registry,
    httpRequests: counter("http_requests_total", "Every answer.", http),
    httpDurationMs: histogram(
      "http_request_duration_ms",
      "Milliseconds from the request's headers to the last byte of its answer.",
      requestBuckets,
      http,
    ),
    rateLimited: counter("rate_limited_total", "Answers with status 429.", ["service", "route"]),
    gatewayRequests: counter("gateway_requests_total", "Finished calls.", [
      "route_mode",
      "provider",
      "outcome",
    ]),
    gatewayRefusals: counter("gateway_refusals_total", "Calls refused before upstream.", ["code", "level"]),
    overheadMs: histogram("overhead_ms", "Milliseconds that are ours, by stage.", ownBuckets, ["stage"]),
    upstreamMs: histogram("upstream_ms", "Milliseconds that are upstream's, by phase.", upstreamBuckets, [
      "provider",
      "phase",
    ]),
    commitMs: histogram("commit_ms", "Milliseconds of one commit of the books.", ownBuckets, ["kind"]),
    commitBatchSize: histogram(
      "commit_batch_size",
      "Requests that shared one commit of the books.",
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
      ["kind"],
    ),
    attempts: counter("attempts_total", "Upstream attempts.", ["provider", "result"]),
    tokens: counter("tokens_total", "Metered tokens.", ["provider", "model", "kind", "usage_source"]),
    moneyUsd: counter("money_usd_total", "Booked money in USD.", ["kind", "route_mode"]),
    streamsOpen: gauge("streams_open", "Streams that are being relayed."),
    holdsOpen: gauge("holds_open", "Open holds of all instances."),
    holdOldestSeconds: gauge("hold_oldest_seconds", "Age of the oldest open hold."),
    settlementsPending: gauge(
      "settlements_pending",
      "Answers that left before their settlement was committed.",
    ),
    requestsRecovered: counter("requests_recovered_total", "Requests that recovery closed.", ["result"]),
    booksDriftUsd: gauge("books_drift_usd", "Difference found by the last reconciliation, in USD.", [
      "check",
    ]),
    booksFailedChecks: gauge("books_failed_checks", "Rows that the last reconciliation found wrong.", [
      "check",
    ]),
    booksAgeSeconds: gauge("books_age_seconds", "Seconds since the last reconciliation."),
    walletsInDebt: gauge("wallets_in_debt", "Wallets below zero."),
    backupAgeSeconds: gauge(
      "backup_age_seconds",
      "Seconds since the snapshot of the newest backup; without end while there is none.",
    ),
    keysPending: gauge(
      "keys_pending",
      "Sealed values that still need an old key, while a rotation runs; 1 until it is finished.",
    ),
    projectorLagSeconds: gauge(
      "projector_lag_seconds",
      "Age of the oldest row of the log that a projector has not read.",
      ["projector"],
    ),
    jobs: counter("jobs_total", "Runs of the worker's jobs.", ["job", "result"]),
    jobOldestSeconds: gauge("job_oldest_seconds", "Seconds for which a job has been due.", ["job"]),
    switchSeconds: histogram(
      "switch_seconds",
      "Seconds from a switch's writing until it held on this instance, open streams included.",
      switchBuckets,
    ),
    authFailures: counter("auth_failures_total", "Refused credentials.", ["service", "kind"]),
    circuitOpen: gauge("circuit_open", "1 while an upstream is gone around because it keeps failing.", [
      "provider",
    ]),
    egressRefused: counter("egress_refused_total", "Connections refused by the egress guard.", [
      "entrance",
      "reason",
    ]),
    secretOpenFailures: counter("secret_open_failures_total", "Sealed values that did not open.", ["kind"]),
    dbPool: gauge("db_pool", "Connections of the pool.", ["state"]),
    dbWaitMs: histogram("db_wait_ms", "Milliseconds of waiting for a connection.", ownBuckets),
    buildInfo: gauge("build_info", "1, with the version and the newest migration as labels.", [
      "version",
      "schema",
    ]),
  };
  metrics.buildInfo.set({ version: build.version, schema: build.schema }, 1);
  return metrics;
}

/**
 * Counts the answers of one service. The handles of prom-client are kept per route, method and status, because looking
 * them up by label for each request costs more than counting.
 */
export function createHttpMeter(metrics: Metrics, service: string) {
  type Handles = {
    count: Counter.Internal;
    duration: Histogram.Internal<"service" | "method" | "route" | "status">;
  };
  const handles = new Map<string, Handles>();
  return (method: string, route: string, status: number, durationMs: number): void => {
    const known = knownMethods.has(method) ? method : "OTHER";
    const key = `${known} ${route} ${status}`;
    let handle = handles.get(key);
    if (!handle) {
      const labels = { service, method: known, route, status: String(status) };
      handle = {
        count: metrics.httpRequests.labels(labels),
        duration: metrics.httpDurationMs.labels(labels),
      };
      handles.set(key, handle);
    }
    handle.count.inc();
    handle.duration.observe(durationMs);
    if (status === 429) metrics.rateLimited.inc({ service, route });
  };
}

const knownMethods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
