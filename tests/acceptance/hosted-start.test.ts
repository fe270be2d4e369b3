import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { freePorts } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import envCases from "./env-cases.json" with { type: "json" };

const { baseline } = envCases;
const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "mf-hosted-start-"));
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase(inject("postgres"));
});
afterAll(async () => {
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

const statusOf = (url: string): Promise<number> =>
  fetch(url).then(
    ({ status }) => status,
    () => 0,
  );

it("A143: `npm start` in production serves all roles from the environment, and makes nothing of its own", async () => {
  const [api, gateway, worker, dashboard, demo, provider] = await freePorts(6);
  const url = new URL(database.runtimeUrl);
  const dataDir = join(folder, "data");
  const child = spawn(process.execPath, ["scripts/start.mjs"], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      ...baseline,
      // As the database of the test is stamped, and as its role signs in.
      HOSTED_ENVIRONMENT: "local",
      HOSTED_SECRETS_MANAGER: "a name with a slip of the pen",
      DATABASE_URL: url.toString(),
      MODELFAUCET_DATA_DIR: dataDir,
      BIND_ADDRESS: "127.0.0.1",
      PORT_API: String(api),
      PORT_GATEWAY: String(gateway),
      PORT_WORKER: String(worker),
      PORT_DASHBOARD: String(dashboard),
      PORT_CRM_DEMO: String(demo),
      PORT_SIMULATED_PROVIDER: String(provider),
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    for (const port of [api, gateway, worker]) {
      await expect
        .poll(async () => ({ status: await statusOf(`http://127.0.0.1:${port}/health`), said }), {
          timeout: 30_000,
        })
        .toMatchObject({ status: 200 });
    }
    for (const port of [dashboard, demo, provider])
      expect(await statusOf(`http://127.0.0.1:${port}/`)).toBe(0);
    expect(existsSync(dataDir)).toBe(false);
    const sql = postgres(database.superuserUrl, { max: 1, onnotice: () => {} });
    const [rows] =
      await sql`select (select count(*) from developers)::int + (select count(*) from apps)::int as n`;
    await sql.end();
    expect(rows!.n).toBe(0);
  } finally {
    child.kill("SIGTERM");
  }
  expect({ code: await gone, said }).toMatchObject({ code: 0 });
  expect(said).toMatch(/HOSTED_SECRETS_MANAGER is not a variable.*HOSTED_SECRET_MANAGER/);
  for (const secret of [
    baseline.ADMIN_TOKEN,
    baseline.SECRET_ENCRYPTION_KEY,
    baseline.LITELLM_MASTER_KEY,
    url.password,
  ]) {
    expect(said).not.toContain(secret.slice(0, 8));
  }
});
