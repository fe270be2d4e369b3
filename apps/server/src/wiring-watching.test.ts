import { expect, it } from "vitest";
import type { Config } from "./config.ts";
import { createMetrics } from "./lib/metrics.ts";
import { outboundToAlerts } from "./wiring-watching.ts";

const timeouts = { connectMs: 500, firstByteMs: 500, idleMs: 500, totalMs: 1_000 };

it("in production the webhook of alerts is judged like anybody's address, and its refusals are counted", async () => {
  const metrics = createMetrics({ version: "0", schema: "0" });
  const config = {
    production: true,
    hostMap: null,
    nameServer: null,
    providers: { connectTimeoutMs: 500 },
  } as Config;
  for (const url of ["https://127.0.0.1:9/alerts", "http://hooks.example.com/", "https://hooks.internal/"]) {
    const outbound = outboundToAlerts(url, { config, metrics }, () => {});
    const asked = outbound.request({ url, method: "POST", headers: {}, body: "{}", timeouts });
    await expect(asked).rejects.toMatchObject({ kind: "not_allowed" });
    await outbound.close();
  }
  const { values } = await metrics.egressRefused.get();
  expect(values.map(({ labels, value }) => [labels.entrance, labels.reason, value])).toEqual([
    ["alerts", "special_address", 1],
    ["alerts", "not_https", 1],
    ["alerts", "private_name", 1],
  ]);
});
