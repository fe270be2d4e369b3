import { expect, test, vi } from "vitest";
import {
  acceptReports,
  faucetOn,
  featureOf,
  modesOf,
  pairedStorage,
  reportsPath,
  startLocalGround,
} from "../scripted-bridge.ts";
import { json, type Reply } from "../scripted-server.ts";
import type { FaucetLocalUsageReport } from "./wire.ts";

// A163, the client's half: the counts reach the API by the page; the bridge keeps only what could not be delivered.

const session = { features: [featureOf(["local", "platform"])], modes: modesOf("local") };
const ask = { feature: "customer_reply", input: "What is the secret of the sea?" } as const;
const route = `POST ${reportsPath}`;
const away = json(503, {}, { "x-should-retry": "false" });

/** A bridge that keeps reports as the real one does. */
function keeping(kept: FaucetLocalUsageReport[]): Record<string, Reply> {
  return {
    "POST /usage/report": (response, seen) => {
      kept.push(seen.body as FaucetLocalUsageReport);
      json(200, { ok: true, pending: kept.length })(response, seen);
    },
    "GET /usage/report": (response, seen) => json(200, { items: kept })(response, seen),
    "POST /usage/ack": (response, seen) => {
      const { request_ids } = seen.body as { request_ids: string[] };
      const rest = kept.filter(({ request_id }) => !request_ids.includes(request_id));
      const removed = kept.length - rest.length;
      kept.splice(0, kept.length, ...rest);
      json(200, { removed, pending: kept.length })(response, seen);
    },
  };
}

function report(number: number, over: Partial<FaucetLocalUsageReport> = {}): FaucetLocalUsageReport {
  return {
    request_id: `req_local_${number}`,
    app_id: "app_pub_demo",
    end_user_id_hash: "sha256:me",
    feature_key: "customer_reply",
    route_mode: "local",
    provider: "ollama",
    model: "qwen3:8b",
    input_tokens: 1,
    output_tokens: 1,
    created_at: "2026-11-25T00:00:00.000Z",
    ...over,
  };
}

test("an answer is reported to the API at once, in counts and names alone", async () => {
  await using ground = await startLocalGround(session);
  const answer = await faucetOn(ground).chat(ask);
  const [sent] = ground.server.on(reportsPath);
  expect(sent?.headers.authorization).toMatch(/^Bearer mf_sess_/);
  expect(sent?.body).toEqual({
    reports: [
      {
        request_id: answer.modelfaucet.request_id,
        app_id: "app_pub_demo",
        end_user_id_hash: "sha256:me",
        feature_key: "customer_reply",
        route_mode: "local",
        provider: "ollama",
        model: "qwen3:8b",
        input_tokens: 7,
        output_tokens: 3,
        usage_source: "estimated",
        created_at: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
        duration_ms: expect.any(Number),
      },
    ],
  });
  expect(ground.bridge.on("/usage/report").filter(({ method }) => method === "POST")).toEqual([]);
});

test("with the API away the bridge keeps it, and the next delivery brings it along", async () => {
  const kept: FaucetLocalUsageReport[] = [];
  let reachable = false;
  await using ground = await startLocalGround(session, {
    server: { [route]: (response, seen) => (reachable ? acceptReports : away)(response, seen) },
    bridge: keeping(kept),
  });
  const faucet = faucetOn(ground);
  const failed = vi.fn();
  faucet.on("error", failed);
  const first = await faucet.chat(ask);
  expect(first.modelfaucet.usage_report_status).toBe("queued");
  expect(kept.map(({ request_id }) => request_id)).toEqual([first.modelfaucet.request_id]);
  expect(faucet.local.pendingUsageReports()).toEqual([]);
  reachable = true;
  const second = await faucet.chat(ask);
  expect(second.modelfaucet.usage_report_status).toBe("sent");
  await vi.waitFor(() => expect(kept).toEqual([]));
  expect(failed).not.toHaveBeenCalled();
});

test("with the bridge's queue away, too, the page keeps it until it is flushed", async () => {
  let reachable = false;
  await using ground = await startLocalGround(session, {
    server: { [route]: (response, seen) => (reachable ? acceptReports : away)(response, seen) },
    bridge: { "POST /usage/report": json(500, {}) },
  });
  const faucet = faucetOn(ground);
  const { modelfaucet } = await faucet.chat(ask);
  expect(modelfaucet.usage_report_status).toBe("queued");
  expect(faucet.local.pendingUsageReports()).toMatchObject([{ request_id: modelfaucet.request_id }]);
  await expect(faucet.local.flushUsageReports()).rejects.toMatchObject({ status: 503 });
  expect(faucet.local.pendingUsageReports()).toHaveLength(1);
  reachable = true;
  expect(await faucet.local.flushUsageReports()).toEqual({ flushed: 1, pending: 0 });
  expect(faucet.local.pendingUsageReports()).toEqual([]);
});

test("flushes a hundred at a time, acknowledges what was judged, and leaves another user's alone", async () => {
  const mine = Array.from({ length: 250 }, (_, number) => report(number));
  const foreign = report(999, { end_user_id_hash: "sha256:somebody" });
  const kept = [foreign, ...mine];
  const statuses = ["accepted", "duplicate", "rejected"];
  await using ground = await startLocalGround(session, {
    server: {
      [route]: (response, seen) => {
        const { reports } = seen.body as { reports: FaucetLocalUsageReport[] };
        const items = reports.map(({ request_id }, at) => ({ request_id, status: statuses[at % 3] }));
        json(200, { items })(response, seen);
      },
    },
    bridge: keeping(kept),
  });
  const result = await faucetOn(ground).local.flushUsageReports();
  expect(result).toEqual({ flushed: 250, pending: 1 });
  expect(kept).toEqual([foreign]);
  const sizes = ground.server
    .on(reportsPath)
    .map(({ body }) => (body as { reports: FaucetLocalUsageReport[] }).reports.length);
  expect(sizes).toEqual([100, 100, 50]);
});

test("an API that judges nothing ends the flush", async () => {
  await using ground = await startLocalGround(session, {
    server: { [route]: json(200, { items: [{ request_id: "req_local_other", status: "accepted" }] }) },
    bridge: keeping([report(1)]),
  });
  const flushed = faucetOn(ground, { storage: pairedStorage(ground) }).local.flushUsageReports();
  expect(await flushed).toEqual({ flushed: 0, pending: 1 });
  expect(ground.server.on(reportsPath)).toHaveLength(1);
});
