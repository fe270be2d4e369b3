import { execFile } from "node:child_process";
import { join } from "node:path";
import { createTestDatabase } from "@modelfaucet/testkit/database.ts";
import { freePorts, testSecrets } from "@modelfaucet/testkit/product.ts";
import { startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { describe, expect, inject, it } from "vitest";
import { threeLogins } from "./server-command.ts";

const root = join(import.meta.dirname, "../..");

type Smoked = { code: number | null; stdout: string; stderr: string };

async function smoke(kind: string, env: Record<string, string>): Promise<Smoked> {
  const [api, gateway, provider] = await freePorts(3);
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "scripts/smoke.ts", kind, "--json"],
      {
        cwd: root,
        timeout: 120_000,
        env: {
          PATH: process.env.PATH ?? "",
          HOME: process.env.HOME ?? "",
          ...(process.env.TEST_RUN_ID ? { TEST_RUN_ID: process.env.TEST_RUN_ID } : {}),
          SMOKE_API_PORT: String(api),
          SMOKE_GATEWAY_PORT: String(gateway),
          SMOKE_PROVIDER_PORT: String(provider),
          ...env,
        },
      },
      (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const steps = [
  "migrate",
  "seed",
  "servers",
  "session",
  "balance",
  "call",
  "stream",
  "entries",
  "usage event",
];

function expectPassed(smoked: Smoked): void {
  expect(smoked.code, smoked.stderr).toBe(0);
  const report = JSON.parse(smoked.stdout) as { ok: boolean; steps: { step: string; result: string }[] };
  expect(report.ok).toBe(true);
  expect(report.steps.map(({ step, result }) => `${result} ${step}`)).toEqual(
    [...steps, "books"].map((step) => `PASS ${step}`),
  );
}

describe("`pnpm smoke:local`", () => {
  it("has a user pay for a call and a stream, on a database that is gone afterwards", async () => {
    const smoked = await smoke("local", {});
    expectPassed(smoked);
    expect(smoked.stderr).toContain("6 and 6 of two requests");
  }, 130_000);

  it("makes no trial tenants in production, and no key for a database that it was given", async () => {
    const inProduction = await smoke("local", { NODE_ENV: "production" });
    expect(inProduction.code).toBe(1);
    expect(inProduction.stderr.trim()).toMatch(/^NODE_ENV is production: .+$/);
    const keyless = await smoke("local", { DATABASE_URL: "postgresql://somebody@127.0.0.1:9/none" });
    expect(keyless.code).toBe(1);
    expect(keyless.stderr.trim()).toMatch(/^SECRET_ENCRYPTION_KEY is missing beside DATABASE_URL: .+$/);
  });
});

describe("`pnpm smoke:provider`", () => {
  it("asks what is configured, and a private LiteLLM only where that is wanted", async () => {
    const litellm = await startStubUpstream();
    const database = await createTestDatabase(inject("postgres"));
    const env = {
      ...testSecrets,
      ...threeLogins(database),
      LITELLM_BASE_URL: litellm.origin,
      LITELLM_MASTER_KEY: "Wq8ZrT5vKxN2mYc7LpJh4sDf9bGtRk3V",
    };
    try {
      const refused = await smoke("provider", env);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("SMOKE_ALLOW_PRIVATE_PROVIDER=1");
      expect(litellm.calls).toBe(0);
      expectPassed(await smoke("provider", { ...env, SMOKE_ALLOW_PRIVATE_PROVIDER: "1" }));
      expect(litellm.billableCalls).toBe(2);
      litellm.script("*", { status: 500 });
      const broken = await smoke("provider", { ...env, SMOKE_ALLOW_PRIVATE_PROVIDER: "1" });
      expect(broken.code).toBe(1);
      const { steps: told } = JSON.parse(broken.stdout) as { steps: { step: string; result: string }[] };
      expect(told.filter(({ result }) => result !== "PASS").map(({ step }) => step)).toEqual([
        "call",
        "stream",
        "entries",
        "usage event",
      ]);
    } finally {
      await litellm.close();
      await database.drop();
    }
  }, 130_000);

  it("says so where there is none", async () => {
    const { code, stderr } = await smoke("provider", {});
    expect(code).toBe(1);
    expect(stderr).toContain("no real provider is configured");
  });
});
