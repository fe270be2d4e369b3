import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, type ServerProcess, startProduct } from "@modelfaucet/testkit/product.ts";
import { openStream } from "@modelfaucet/testkit/sse.ts";
import postgres from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;
let session: GroundSession;
let outside: postgres.Sql;
let name: string;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    gateways: 2,
    env: { MODELFAUCET_MINUTE_MS: "200", PROVIDER_MAX_RETRIES: "0" },
  });
  ground = await layGround(product);
  session = await fundedSession(product, ground, "5.00");
  outside = postgres(inject("postgres").superuserUrl, { max: 1, onnotice: () => {} });
  name = new URL(product.database.runtimeUrl).pathname.slice(1);
});
beforeEach(() => product.stub.reset());
afterAll(async () => {
  await outside.unsafe(`alter database ${name} allow_connections true`);
  await outside.end();
  await product.stop();
});

const openUnder = async (rule: string): Promise<Json[]> =>
  (await product.admin("GET", "/v1/admin/alerts?state=open&limit=200")).body.items.filter(
    (alert: Json) => alert.rule === rule,
  );

async function opens(rule: string, count = 1): Promise<Json[]> {
  await expect.poll(async () => (await openUnder(rule)).length, { timeout: 20_000 }).toBe(count);
  return openUnder(rule);
}

type Sample = { name: string; labels: Record<string, string>; value: number };

/** Every sample of a process's `/metrics`. */
async function samplesOf(url: string): Promise<Sample[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [, metric = "", inner = "", value = ""] = /^([a-zA-Z_:]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      const labels = [...inner.matchAll(/([a-zA-Z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [
        key,
        text,
      ]);
      return { name: metric, labels: Object.fromEntries(labels), value: Number(value) };
    });
}

const roles = (): string[] => [
  product.api,
  product.worker,
  ...product.gatewayProcesses.map(({ url }) => url),
];

/** The sum of a metric over all processes, for those of its series that have these labels. */
async function sumOf(metric: string, labels: Record<string, string> = {}): Promise<number> {
  const samples = (await Promise.all(roles().map(samplesOf))).flat();
  return samples
    .filter(
      (sample) =>
        sample.name === `modelfaucet_${metric}` &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}

describe("metrics", () => {
  it("A005: an estimate adds one, and every stage and phase of a call is there", async () => {
    const before = await sumOf("tokens_total", { usage_source: "estimated", kind: "output" });
    product.stub.script(() => ({ usage: "none", outputTokens: 7, tokenMs: 5 }));
    const stream = await openStream(product, session.token, { model: "stub/stub-text", stream: true });
    await stream.end();
    expect(await sumOf("tokens_total", { usage_source: "estimated", kind: "output" })).toBe(before + 7);
    for (const stage of ["auth", "plan", "hold", "relay", "settle", "total"]) {
      expect(await sumOf("overhead_ms_count", { stage }), stage).toBeGreaterThan(0);
    }
    for (const phase of ["connect", "first_byte", "total"]) {
      expect(await sumOf("upstream_ms_count", { phase, provider: "stub" }), phase).toBeGreaterThan(0);
    }
  });

  it("counts refused credentials of both servers, jobs, and the pool's connections", async () => {
    const before = await sumOf("auth_failures_total", {
      service: "@modelfaucet/gateway",
      kind: "invalid_session",
    });
    expect((await chat(product, "mf_sess_nobody", { model: "stub/stub-text" })).status).toBe(401);
    expect((await product.call("GET", "/v1/admin/settings", undefined, { token: "nobody" })).status).toBe(
      401,
    );
    expect(
      await sumOf("auth_failures_total", { service: "@modelfaucet/gateway", kind: "invalid_session" }),
    ).toBe(before + 1);
    expect(await sumOf("auth_failures_total", { service: "@modelfaucet/api" })).toBeGreaterThan(0);
    for (const job of ["books_minute", "books_deep", "alerts", "gauges", "partitions"]) {
      expect(await sumOf("jobs_total", { job, result: "done" }), job).toBeGreaterThan(0);
      expect(await sumOf("job_oldest_seconds", { job }), job).toBe(0);
    }
    expect(await sumOf("db_wait_ms_count")).toBeGreaterThan(10);
    const states = (await samplesOf(product.api)).filter((sample) => sample.name === "modelfaucet_db_pool");
    expect(states.map(({ labels }) => labels.state).sort()).toEqual(["used", "waiting"]);
    expect(await sumOf("projector_lag_seconds", { projector: "usage_rollups" })).toBeLessThan(60);
  });

  it("A182: labels hold no user, app, developer, request, key or URL, whatever was asked", async () => {
    await chat(product, session.token, { model: `https://evil.example/${session.userId}` });
    await chat(
      product,
      session.token,
      { model: "stub/stub-text" },
      { headers: { "x-modelfaucet-feature": "no" } },
    );
    await product.call("GET", `/v1/admin/wallets/${session.userId}`);
    await product.call("GET", `/v1/unknown/${session.token}`);
    await product.developer("GET", `/v1/developer/apps/${ground.publicAppId}`);
    const allowed = new Set(
      `service method route status code level stage provider phase kind model usage_source route_mode outcome result
      check projector job state version schema entrance reason le quantile type space gc major minor patch`.split(
        /\s+/,
      ),
    );
    const secrets = [session.token, product.adminToken, product.developerAdminToken];
    const ids = [session.userId, ground.publicAppId, ground.developerId, ...secrets];
    for (const url of roles()) {
      for (const { name: metric, labels } of await samplesOf(url)) {
        for (const [label, value] of Object.entries(labels)) {
          if (metric.startsWith("modelfaucet_")) expect(allowed, `${metric}{${label}}`).toContain(label);
          expect(ids, `${metric}{${label}="${value}"}`).not.toContain(value);
          expect(value, `${metric}{${label}}`).not.toMatch(
            /[0-9a-f]{8}-[0-9a-f]{4}-|:\/\/|mf_(sess|dev|admin|cons)_|evil|@example/,
          );
        }
      }
    }
  });
});

describe("what instances tell", () => {
  it("a provider key that does not open, an upstream that fails, and an instance that was killed", async () => {
    const added = await product.admin("POST", "/v1/admin/providers/stub/keys", {
      api_key: "stub-key-0123456789",
      reason: "test",
    });
    expect(added.status, added.text).toBe(201);
    await product.sql`update provider_credentials set sealed_secret = left(sealed_secret, -8) || 'AAAAAAAA'`;
    await product.admin("PUT", "/v1/admin/providers/stub", {
      base_url: product.stub.url,
      reason: "read it again",
    });
    // Each process that keeps upstreams has tried it.
    await opens("secret_open_failed", 3);
    expect(await sumOf("secret_open_failures_total", { kind: "provider_credentials" })).toBeGreaterThan(2);

    expect(await openUnder("server_errors")).toEqual([]);
    product.stub.script(() => ({ status: 500 }));
    const answers = await Promise.all(
      [0, 1, 0, 1].map((gateway) => chat(product, session.token, { model: "stub/stub-text" }, { gateway })),
    );
    expect(answers.map(({ status }) => status)).toEqual([502, 502, 502, 502]);
    const [failing] = await opens("server_errors");
    expect(failing).toMatchObject({ kind: "page", details: { failures: 4 } });

    const killed = product.gatewayProcesses.pop() as ServerProcess;
    await killed.end("SIGKILL");
    await product.database.setClockOffset(20_000);
    const [silent] = await opens("instance_silent");
    expect(silent.details).toMatchObject({ roles: ["gateway"] });
    await product.database.setClockOffset(11 * 60_000);
    await opens("instance_silent", 0);
  });

  it("a database that was away is told by each that could not reach it, once it is back", async () => {
    expect(await openUnder("database_unreachable")).toEqual([]);
    await outside.unsafe(`alter database ${name} allow_connections false`);
    await outside`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name} and application_name like 'modelfaucet%'`;
    await expect
      .poll(async () => (await fetch(`${product.gatewayProcesses[0]!.url}/ready`)).status)
      .toBe(503);
    const refused = async () =>
      (await chat(product, session.token, { model: "stub/stub-text" })).body.error?.message;
    await expect.poll(refused, { timeout: 10_000 }).toContain("lost touch");
    await outside.unsafe(`alter database ${name} allow_connections true`);
    await expect
      .poll(async () => (await fetch(`${product.api}/ready`)).status, { timeout: 20_000 })
      .toBe(200);
    const told = await opens("database_unreachable", 2);
    for (const { kind, details } of told) {
      expect(kind).toBe("page");
      expect(details.away_seconds).toBeGreaterThanOrEqual(2);
    }
  });
});
