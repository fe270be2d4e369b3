import { expect, it } from "vitest";
import type { ScenarioResult } from "./scenarios.ts";
import { targetsOf } from "./targets.ts";

const result: ScenarioResult = {
  scenario: "hold-settle",
  connections: 64,
  traffic: "hot",
  wallets: 1,
  apps: 1,
  limits: 0,
  seconds: 8,
  requests_per_s: 2_400,
  p50_ms: 25,
  p95_ms: 40,
  p99_ms: 60,
  bare_requests_per_s: 12_000,
  bare_p50_ms: 5,
  ratio: 0.2,
  added_p50_ms: 20,
  portkey_requests_per_s: 2_500,
  portkey_p50_ms: 24,
  over_portkey: 0.96,
  cpu_us: {},
  bare_cpu_us: {},
  errors: 0,
};

it("holds settled requests to the bare hop, to Portkey's gateway and to wallets that nobody shares", () => {
  const spread: ScenarioResult = { ...result, traffic: "spread", wallets: 1_000, requests_per_s: 3_200 };
  const targets = targetsOf([result, spread], []);
  expect(targets.filter(({ target }) => target.includes("hot"))).toEqual([
    expect.objectContaining({ wanted: 0.2, measured: 0.2, ok: true }),
    expect.objectContaining({ wanted: 1, measured: 0.96, reached: 0.96, ok: false }),
    expect.objectContaining({ wanted: 0.8, measured: 0.75, ok: false }),
  ]);
});

it("asks nothing of what was not measured", () => {
  const { over_portkey, portkey_requests_per_s, portkey_p50_ms, ...alone } = result;
  expect(targetsOf([alone], [])).toHaveLength(1);
  expect(targetsOf([{ ...alone, scenario: "auth" }], [])).toEqual([]);
});
