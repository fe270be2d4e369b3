import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browserPrefixes } from "@modelfaucet/server/config/reserved.ts";
import { secretNames } from "@modelfaucet/server/config/secrets.ts";
import { afterAll, describe, expect, it } from "vitest";

type Environment = Record<string, string>;
type Ended = { code: number | null; out: string };

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "mf-browser-build-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every secret of the table, and some that the table does not know, each with a value that nothing else has. */
const secrets: Environment = Object.fromEntries(
  [...secretNames, "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"].map((name) => [name, secretFor(name)]),
);

function secretFor(name: string): string {
  const drawn = randomBytes(24).toString("base64url");
  if (name.startsWith("DATABASE_")) return `postgresql://faucet:${drawn}@db.example:5432/faucet`;
  if (name === "STRIPE_SECRET_KEY") return `sk_live_${drawn.replace(/-/g, "_")}`;
  if (name === "ADMIN_TOKEN") return `ring:${drawn},${randomBytes(24).toString("base64url")}`;
  return drawn;
}

const pages = [
  { name: "crm-demo", path: "examples/crm-demo" },
  { name: "dashboard", path: "apps/dashboard" },
];

const viteOf = (page: string): string => join(root, page, "node_modules/vite/bin/vite.js");

function build(page: string, env: Environment, outDir: string, ...flags: string[]): Promise<Ended> {
  return vite(page, env, "build", "--outDir", outDir, "--emptyOutDir", "--sourcemap", ...flags);
}

function vite(page: string, env: Environment, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [viteOf(page), ...args],
      {
        cwd: join(root, page),
        timeout: 50_000,
        env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
      },
      (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout + stderr }),
    );
  });
}

/** Every secret as it stands, its parts, percent-encoded and in base64: the names of those that a file contains. */
function secretsIn(outDir: string): string[] {
  const files = globSync("**/*", { cwd: outDir })
    .map((path) => join(outDir, path))
    .filter((path) => statSync(path).isFile());
  // Fonts are most of a page and no text.
  const texts = files
    .map((file) => readFileSync(file, "latin1"))
    .filter((text) => !text.slice(0, 8_000).includes("\0"));
  return Object.entries(secrets).flatMap(([name, value]) => {
    const parts = [value, ...value.split(/ring:|,|:|@|_live_/).filter((part) => part.length >= 20)];
    const forms = parts.flatMap((part) => [
      part,
      encodeURIComponent(part),
      Buffer.from(part).toString("base64").replace(/=+$/, ""),
    ]);
    return texts.some((text) => forms.some((form) => text.includes(form))) ? [name] : [];
  });
}

const told = (out: string): string[] =>
  Object.keys(secrets).filter((name) => out.includes(secrets[name]!.slice(-12)));

describe.each(pages)("A155: $name", ({ name, path }) => {
  it("built with every secret in the environment contains none, source maps included", async () => {
    const outDir = join(folder, name);
    const { code, out } = await build(path, secrets, outDir);
    expect({ code, out: code === 0 ? "" : out }).toEqual({ code: 0, out: "" });
    expect(readdirSync(join(outDir, "assets")).filter((file) => file.endsWith(".map"))).not.toEqual([]);
    expect(secretsIn(outDir)).toEqual([]);
  });

  it("is not built where a public name holds a secret: all are named, none is told, nothing is made", async () => {
    const outDir = join(folder, `${name}-refused`);
    const byName = browserPrefixes.map((prefix) => [`${prefix}OPENROUTER_API_KEY`, "anything"] as const);
    const byValue = browserPrefixes.map(
      (prefix) => [`${prefix}THEME`, `x${secrets.OPENAI_API_KEY}`] as const,
    );
    const ours = [
      "VITE_MODELFAUCET_DEVELOPER_TOKEN",
      "VITE_MODELFAUCET_DEVELOPER_ADMIN_TOKEN",
      "VITE_LITELLM_BASE_URL",
    ];
    const forbidden = Object.fromEntries([
      ...byName,
      ...byValue,
      ...ours.map((one) => [one, "anything"] as const),
    ]);
    const { code, out } = await build(path, { ...secrets, ...forbidden }, outDir);
    expect(code).toBe(1);
    expect(Object.keys(forbidden).filter((one) => !out.includes(one))).toEqual([]);
    expect(told(out)).toEqual([]);
    expect(globSync("**/*", { cwd: outDir })).toEqual([]);
  });

  it("is not built, served or previewed with a name of ours that it does not need", async () => {
    const env = { VITE_MODELFAUCET_COLOUR: "blue" };
    for (const args of [
      ["build", "--outDir", join(folder, "never")],
      ["--port", "0"],
      ["preview", "--port", "0"],
    ]) {
      const { code, out } = await vite(path, env, ...args);
      expect(code).toBe(1);
      expect(out).toContain("VITE_MODELFAUCET_COLOUR");
    }
  });
});

/** What is published and runs elsewhere: a program that builds it into the folder that it is given. */
const builder = `import { buildPackage } from "./scripts/build-package.ts";
await buildPackage(process.argv[1], process.argv[2]);`;
const packages = [
  { name: "sdk", program: ["--input-type=module", "-e", builder, join(root, "packages/sdk")] },
  { name: "react", program: ["--input-type=module", "-e", builder, join(root, "packages/react")] },
  { name: "bridge", program: ["apps/bridge/build.ts"] },
];

describe.each(packages)("T-19: the published $name", ({ name, program }) => {
  it("built with every secret in the environment contains none", async () => {
    const outDir = join(folder, name);
    const ended = await new Promise<Ended>((resolve) => {
      const child = execFile(
        process.execPath,
        ["--disable-warning=ExperimentalWarning", ...program, outDir],
        {
          cwd: root,
          timeout: 50_000,
          env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...secrets },
        },
        (_, stdout, stderr) => resolve({ code: child.exitCode, out: stdout + stderr }),
      );
    });
    expect(ended.code, ended.out).toBe(0);
    expect(globSync("**/*.js", { cwd: outDir })).not.toEqual([]);
    expect(secretsIn(outDir)).toEqual([]);
    expect(told(ended.out)).toEqual([]);
  });
});
