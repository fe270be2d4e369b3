import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { ConfigFault, judgeHosted, loadConfig } from "@modelfaucet/server/config.ts";
import { afterAll, describe, expect, it } from "vitest";
import { renderEnvHostedExample } from "../../scripts/generate/env-hosted.ts";
import envCases from "./env-cases.json" with { type: "json" };

type Environment = Record<string, string>;
type Case = {
  name: string;
  class: string;
  set: Environment;
  unset: string[];
  expect: string;
  mentions: string | null;
  also_mentions?: string[];
};
type Ended = { code: number | null; out: string; json: string };

const root = join(import.meta.dirname, "../..");
const cases = envCases.cases as unknown as Case[];
const baseline: Environment = envCases.baseline;
const folder = mkdtempSync(join(tmpdir(), "mf-hosted-env-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Names of everything whose value must never be told. */
const secretNames = [
  "DATABASE_URL",
  "SECRET_ENCRYPTION_KEY",
  "ADMIN_TOKEN",
  "DEVELOPER_ADMIN_TOKEN",
  "LITELLM_MASTER_KEY",
  "OPENAI_API_KEY",
  "OPENROUTER_API_KEY",
  "ANTHROPIC_API_KEY",
  "GEMINI_API_KEY",
  "STRIPE_SECRET_KEY",
  "STRIPE_WEBHOOK_SECRET",
];

function environmentOf({ set, unset }: Pick<Case, "set" | "unset">): Environment {
  const kept = Object.entries(baseline).filter(([name]) => !unset.includes(name));
  return { ...Object.fromEntries(kept), ...set };
}

/** Any eight characters in a row of a secret that the text tells; white space alone is none. */
function told(text: string, env: Environment): string[] {
  return secretNames.flatMap((name) => {
    const value = env[name] ?? "";
    const pieces = Array.from({ length: Math.max(0, value.length - 7) }, (_, at) => value.slice(at, at + 8));
    return pieces.filter((piece) => piece.trim() !== "" && text.includes(piece)).map(() => name);
  });
}

function run(args: string[], env: Environment): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", ...args],
      {
        cwd: root,
        timeout: 30_000,
        env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
      },
      (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout + stderr, json: stdout }),
    );
  });
}

/** Node's permission model refuses every socket and every look-up of a name, so an answer proves that there was none. */
const verifyEnv = (env: Environment, ...flags: string[]): Promise<Ended> =>
  run(
    ["--permission", "--allow-fs-read=*", "apps/server/src/main.ts", "hosted", "verify-env", ...flags],
    env,
  );

describe("A175, T-22: the cases of the environment contract", () => {
  it.each(cases.map((item) => [item.name, item] as const))("%s", (_, item) => {
    const env = environmentOf(item);
    const { faults, warnings } = judgeHosted(env);
    const text = JSON.stringify({ faults, warnings });
    expect(faults.length === 0 ? "pass" : "fail").toBe(item.expect);
    for (const name of [item.mentions ?? "", ...(item.also_mentions ?? [])]) expect(text).toContain(name);
    for (const { variable, fault, remedy } of faults) {
      expect([variable, fault, remedy]).not.toContain("");
    }
    expect(told(text, env)).toEqual([]);
    // What the verifier refuses, no server starts by: the same rules, asked as `serve` asks them.
    if (env.NODE_ENV === "production") expect(faultsOfServe(env)).toEqual(faults);
  });

  const oneOfEachClass = [...new Map(cases.map((item) => [item.class, item])).values()];
  it.each(oneOfEachClass.map((item) => [item.name, item] as const))(
    "as a process without a network: %s",
    async (_, item) => {
      const env = environmentOf(item);
      const { code, out } = await verifyEnv(env);
      expect(code).toBe(item.expect === "pass" ? 0 : 1);
      for (const name of [item.mentions ?? "", ...(item.also_mentions ?? [])]) expect(out).toContain(name);
      expect(told(out, env)).toEqual([]);
    },
  );

  it("every fault of one run is listed, as text and as JSON", async () => {
    const { code, out } = await verifyEnv({ NODE_ENV: "production", ADMIN_TOKEN: "admin" });
    expect(code).toBe(1);
    for (const name of Object.keys(baseline).filter((name) => name !== "NODE_ENV"))
      expect(out).toContain(name);
    const asJson = await verifyEnv({ ...baseline, ADMIN_TOKEN: "admin", HOSTED_ENVIROMENT: "x" }, "--json");
    expect(JSON.parse(asJson.json)).toEqual({
      ok: false,
      faults: [{ variable: "ADMIN_TOKEN", fault: expect.any(String), remedy: expect.any(String) }],
      warnings: [expect.stringMatching(/^HOSTED_ENVIROMENT .*HOSTED_ENVIRONMENT\.$/)],
    });
  });

  it("`--file` judges the file and nothing of the process; a file that is not there is said", async () => {
    const file = join(folder, "production.env");
    const lines = Object.entries(baseline).map(([name, value]) => `${name}="${value}"`);
    writeFileSync(file, lines.join("\n"));
    const good = await verifyEnv({ NODE_ENV: "test", ADMIN_TOKEN: "admin" }, "--file", file);
    expect(good).toMatchObject({ code: 0, out: expect.stringContaining("nothing is wrong") });
    writeFileSync(file, lines.filter((line) => !line.startsWith("ADMIN_TOKEN")).join("\n"));
    const bad = await verifyEnv(baseline, "--file", file);
    expect(bad).toMatchObject({ code: 1, out: expect.stringContaining("ADMIN_TOKEN is missing") });
    const absent = await verifyEnv(baseline, "--file", join(folder, "absent.env"));
    expect(absent).toMatchObject({ code: 1, out: expect.stringContaining("cannot be read") });
    expect((await verifyEnv(baseline, "--files")).code).toBe(2);
  });
});

describe("the template of a hosted environment", () => {
  const lines = renderEnvHostedExample().split("\n");
  const open = lines.filter((line) => /^[A-Z]/.test(line));

  it("stands open for exactly what is required, and gives no secret a value", () => {
    expect(open.map((line) => line.split("=")[0]).sort()).toEqual(Object.keys(baseline).sort());
    expect(open.filter((line) => !line.endsWith("="))).toEqual(["NODE_ENV=production"]);
    for (const name of [...secretNames, "SMTP_URL", "REDIS_URL", "METRICS_TOKEN"]) {
      expect(lines.filter((line) => line.replace("#", "").startsWith(`${name}=`))).toEqual([
        expect.stringMatching(/=$/),
      ]);
    }
  });

  it("is refused as it is, for exactly its open lines", () => {
    const { faults, warnings } = judgeHosted(parseEnv(lines.join("\n")) as Environment);
    expect(faults.map(({ variable }) => variable).sort()).toEqual(
      Object.keys(baseline)
        .filter((name) => name !== "NODE_ENV")
        .sort(),
    );
    expect(warnings).toEqual([]);
  });
});

describe("A143: no server starts with a bad secret", () => {
  const secrets = [
    "DATABASE_URL",
    "SECRET_ENCRYPTION_KEY",
    "ADMIN_TOKEN",
    "DEVELOPER_ADMIN_TOKEN",
    "LITELLM_MASTER_KEY",
  ];
  const defaults: Environment = {
    DATABASE_URL: "postgresql://postgres:postgres@localhost:5432/postgres",
    SECRET_ENCRYPTION_KEY: "change-me-to-a-random-value-of-32-characters",
    ADMIN_TOKEN: "dev-admin-token-change-me-please",
    DEVELOPER_ADMIN_TOKEN: "dev-developer-admin-token-0123456789",
    LITELLM_MASTER_KEY: "sk-litellm-master-key-0123456789",
  };
  const password = new URL(baseline.DATABASE_URL!).password;
  const short = (name: string) =>
    name === "DATABASE_URL" ? "postgresql://db" : baseline[name]!.slice(0, 12);
  const another = (name: string) => (name === "ADMIN_TOKEN" ? "DEVELOPER_ADMIN_TOKEN" : "ADMIN_TOKEN");
  const bad = secrets.flatMap((name): [string, string, Environment][] => [
    [name, "missing", { [name]: "" }],
    [name, "default", { [name]: defaults[name]! }],
    [name, "short", { [name]: short(name) }],
    name === "DATABASE_URL"
      ? [name, "equal to another", { ADMIN_TOKEN: password }]
      : [name, "equal to another", { [name]: baseline[another(name)]! }],
  ]);

  it.each(bad)("%s %s", (name, _, change) => {
    const env = { ...baseline, ...change };
    const faults = faultsOfServe(env);
    const text = JSON.stringify(faults);
    expect(faults.some(({ variable }) => variable.split(", ").includes(name))).toBe(true);
    expect(told(text, env)).toEqual([]);
  });

  it.each([
    ["serve", ["apps/server/src/main.ts", "serve"]],
    ["npm start", ["scripts/start.mjs"]],
  ])("%s ends with 1, names each and tells none", async (_, args) => {
    const env = { ...baseline, ...defaults, MODELFAUCET_DATA_DIR: join(folder, "data") };
    const { code, out } = await run(args, env);
    expect(code).toBe(1);
    for (const name of secrets) expect(out).toContain(name);
    expect(told(out, env)).toEqual([]);
    expect(existsSync(join(folder, "data"))).toBe(false);
  });
});

function faultsOfServe(env: Environment): readonly { variable: string; fault: string; remedy: string }[] {
  try {
    loadConfig({ need: "serve" }, env);
    return [];
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults;
    throw error;
  }
}
