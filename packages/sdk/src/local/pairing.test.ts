import { expect, test, vi } from "vitest";
import { FaucetPermissionError } from "../index.ts";
import { bridgeToken, faucetOn, memoryStorage, startLocalGround } from "../scripted-bridge.ts";
import { inTurn, json, type Reply, wireError } from "../scripted-server.ts";

const started = json(201, { pairing_id: "p1", expires_at: "2026-11-25T00:05:00.000Z", code_length: 8 });
const grant = {
  grant_id: "g1",
  origin: "https://crm.example",
  models: ["*"],
  expires_at: "2027-02-23T00:00:00.000Z",
};
const granted = json(201, { token: bridgeToken, ...grant });
const wrong = json(403, wireError("invalid_pairing_code", { reason: "wrong", attempts_left: 4 }));

/** Knows a page by its token alone, like the bridge knows a program. */
const health: Reply = (response, seen) =>
  json(200, { ok: true, paired: seen.headers.authorization === `Bearer ${bridgeToken}` })(response, seen);

test("trades the code of the terminal for a grant whose token is kept for this origin and told to nobody", async () => {
  await using ground = await startLocalGround(
    {},
    {
      bridge: {
        "GET /health": health,
        "POST /pair/start": started,
        "POST /pair/complete": inTurn(wrong, granted),
        "GET /models": json(200, { items: [{ id: "ollama:qwen3:8b" }] }),
        "DELETE /pair": json(200, { ok: true }),
      },
    },
  );
  const storage = memoryStorage();
  const faucet = faucetOn(ground, { storage });
  const told = vi.fn();
  faucet.on("local", told);
  faucet.on("error", told);

  const pairing = await faucet.local.pair({ appName: "CRM" });
  expect(pairing).toMatchObject({ pairingId: "p1", expiresAt: "2026-11-25T00:05:00.000Z" });
  expect(ground.bridge.on("/pair/start")[0]?.body).toEqual({
    app_name: "CRM",
    public_app_id: "app_pub_demo",
  });
  const refused = await pairing.submit("bcdf-ghjk").catch((caught: unknown) => caught);
  expect(refused).toBeInstanceOf(FaucetPermissionError);
  expect(refused).toMatchObject({
    code: "invalid_pairing_code",
    details: { reason: "wrong", attempts_left: 4 },
  });
  expect(await pairing.submit(" bcdf ghjk ")).toEqual(grant);
  expect(ground.bridge.on("/pair/complete").map(({ body }) => body)).toEqual([
    { pairing_id: "p1", code: "BCDF-GHJK" },
    { pairing_id: "p1", code: "BCDF-GHJK" },
  ]);
  expect([...storage.values]).toEqual([[`modelfaucet:bridge:${ground.bridge.url}`, bridgeToken]]);
  expect((await faucet.local.listModels()).items).toHaveLength(1);

  await faucet.local.unpair();
  expect(ground.bridge.on("/pair")).toHaveLength(1);
  expect(storage.values.size).toBe(0);
  expect(await faucet.local.detectBridge()).toMatchObject({ available: false, paired: false });
  expect(told.mock.calls.map(([status]) => status.available)).toContain(true);
  expect(told.mock.lastCall?.[0]).toMatchObject({ available: false, reason: "local_pairing_required" });
  expect(JSON.stringify(told.mock.calls)).not.toContain(bridgeToken);
});

test("a code that was printed in advance needs no start", async () => {
  await using ground = await startLocalGround(
    {},
    { bridge: { "GET /health": health, "POST /pair/complete": granted } },
  );
  const faucet = faucetOn(ground, { storage: memoryStorage() });
  expect(await faucet.local.pair({ code: "BCDFGHJK" })).toEqual(grant);
  await expect(faucet.local.pair({ code: "BCDF" })).rejects.toMatchObject({ param: "code" });
  expect(ground.bridge.on("/pair/complete")).toHaveLength(1);
});

test("takes the token of another tab that has paired anew", async () => {
  await using ground = await startLocalGround({}, { bridge: { "GET /health": health } });
  const storage = memoryStorage({ [`modelfaucet:bridge:${ground.bridge.url}`]: "mf_br_older" });
  const faucet = faucetOn(ground, { storage });
  expect(await faucet.local.detectBridge()).toMatchObject({ available: false });
  storage.setItem(`modelfaucet:bridge:${ground.bridge.url}`, bridgeToken);
  expect(await faucet.local.detectBridge()).toMatchObject({ available: true });
});

test("unpairing forgets the token even when the bridge is away", async () => {
  await using ground = await startLocalGround({}, { bridge: { "GET /health": json(500, {}) } });
  const storage = memoryStorage({ [`modelfaucet:bridge:${ground.bridge.url}`]: bridgeToken });
  await faucetOn(ground, { storage }).local.unpair();
  expect(storage.values.size).toBe(0);
});

test.each([
  ["null keeps the token in memory alone", null],
  [
    "a storage that is full does not end the pairing",
    {
      ...memoryStorage(),
      setItem: () => {
        throw new Error("full");
      },
    },
  ],
])("%s", async (_name, storage) => {
  await using ground = await startLocalGround(
    {},
    {
      bridge: {
        "GET /health": health,
        "POST /pair/start": started,
        "POST /pair/complete": granted,
      },
    },
  );
  const faucet = faucetOn(ground, { storage });
  await (await faucet.local.pair()).submit("BCDFGHJK");
  expect(await faucet.local.detectBridge()).toMatchObject({ available: true, paired: true });
});

test("says what is wrong in words: endpoints, failed checks, no models", async () => {
  const endpoint = { id: "ollama", name: "Ollama", kind: "ollama", remote: false, reachable: false };
  await using ground = await startLocalGround(
    {},
    {
      bridge: {
        "GET /health": health,
        "GET /diagnostics": json(200, {
          checks: [
            { name: "loopback_bind", ok: true },
            { name: "upstream_models", ok: false },
          ],
          endpoints: [{ ...endpoint, models_count: 0, latency_ms: 3, error: "refused" }],
        }),
        "GET /models": json(200, { items: [] }),
      },
    },
  );
  const { local } = faucetOn(ground);
  expect(await local.endpoints()).toEqual([endpoint]);
  expect(await local.diagnose()).toMatchObject({
    available: true,
    models: [],
    problems: ["upstream_models", "no_local_models"],
  });
});
