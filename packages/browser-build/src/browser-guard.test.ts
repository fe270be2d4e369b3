import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browserPrefixes } from "@modelfaucet/server/config/reserved.ts";
import { secretNames } from "@modelfaucet/server/config/secrets.ts";
import { build, type InlineConfig } from "vite";
import { afterAll, describe, expect, it } from "vitest";
import { browserGuard } from "./browser-guard.ts";

const folder = mkdtempSync(join(tmpdir(), "mf-browser-guard-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secrets: Record<string, string> = Object.fromEntries(
  secretNames.map((name, index) => [name, `q${index}Zk8Rw3Lm${index}Tv7Xc1Nb${index}`]),
);

/** A page of three files; what each holds is its whole content. */
function page(files: { code: string; copied?: string; env?: string }): string {
  const root = mkdtempSync(join(folder, "page-"));
  mkdirSync(join(root, "public"));
  writeFileSync(join(root, "index.html"), '<script type="module" src="./main.js"></script>');
  writeFileSync(join(root, "main.js"), files.code);
  if (files.copied !== undefined) writeFileSync(join(root, "public", "settings.json"), files.copied);
  if (files.env !== undefined) writeFileSync(join(root, ".env.production"), files.env);
  return root;
}

const buildPage = (root: string, env: Record<string, string>, change: InlineConfig = {}) =>
  build({
    configFile: false,
    logLevel: "silent",
    root,
    plugins: [browserGuard({ allow: ["VITE_MODELFAUCET_API_BASE_URL"], env })],
    build: { sourcemap: true },
    ...change,
  });

const made = (root: string) => globSync("dist/**/*.{js,map,json}", { cwd: root });

describe("A155: the guard of browser builds", () => {
  const harmless = page({ code: "document.title = 'harmless';" });

  it.each(browserPrefixes)("%s stops the build by name, by value and by form", async (prefix) => {
    for (const [name, value] of [
      [`${prefix}DATABASE_URL`, "anything"],
      [`${prefix}NOTE`, `see ${secrets.DEVELOPER_ADMIN_TOKEN}`],
      [`${prefix}ID`, `mf_dev_${"aB3".repeat(13).slice(0, 38)}`],
    ] as const) {
      await expect(buildPage(harmless, { ...secrets, [name]: value })).rejects.toThrow(
        `${name} would put a secret into a page`,
      );
    }
    expect(made(harmless)).toEqual([]);
  });

  it("names all at once, no value, and what the page may have", async () => {
    const env = { ...secrets, VITE_STRIPE_SECRET_KEY: secrets.ADMIN_TOKEN!, VITE_MODELFAUCET_COLOUR: "blue" };
    const error = await buildPage(harmless, env).then(
      () => null,
      (reason: Error) => reason,
    );
    for (const part of [
      "VITE_STRIPE_SECRET_KEY",
      "VITE_MODELFAUCET_COLOUR",
      "VITE_MODELFAUCET_API_BASE_URL",
    ]) {
      expect(error?.message).toContain(part);
    }
    expect(error?.message).not.toContain(secrets.ADMIN_TOKEN!.slice(0, 8));
  });

  it("looks into the env files that the builder reads", async () => {
    const root = page({ code: "", env: "VITE_GEMINI_API_KEY=anything\n" });
    await expect(buildPage(root, {})).rejects.toThrow("VITE_GEMINI_API_KEY");
  });

  it("builds with every secret in the environment and puts none into the page", async () => {
    const env = { ...secrets, VITE_MODELFAUCET_API_BASE_URL: "https://api.example", VITE_COLOUR: "blue" };
    await buildPage(harmless, env);
    expect(made(harmless).length).toBeGreaterThan(1);
    const text = made(harmless).map((path) => readFileSync(join(harmless, path), "latin1"));
    expect(Object.values(secrets).filter((secret) => text.join("").includes(secret))).toEqual([]);
  });

  it.each<[string, Parameters<typeof page>[0]]>([
    ["in the code", { code: `document.title = ${JSON.stringify(secrets.LITELLM_MASTER_KEY)};` }],
    ["in a comment, so in the source map alone", { code: `/* ${secrets.LITELLM_MASTER_KEY} */ alert(1);` }],
    ["in a copied file", { code: "alert(1);", copied: JSON.stringify({ key: secrets.LITELLM_MASTER_KEY }) }],
  ])("finds a secret %s after the build, and does not keep it", async (_, files) => {
    const root = page(files);
    await expect(buildPage(root, secrets)).rejects.toThrow(
      /secret of the environment.*\(LITELLM_MASTER_KEY\)/,
    );
    const left = made(root).map((path) => readFileSync(join(root, path), "latin1"));
    expect(left.filter((text) => text.includes(secrets.LITELLM_MASTER_KEY!))).toEqual([]);
  });

  it("the SDK built with every secret in the environment contains none", async () => {
    const outDir = join(folder, "sdk");
    await buildPage(join(import.meta.dirname, "../../sdk"), secrets, {
      build: {
        outDir,
        emptyOutDir: true,
        sourcemap: true,
        lib: { entry: { index: "src/index.ts", server: "src/server.ts" }, formats: ["es"] },
      },
    });
    const files = readdirSync(outDir);
    expect(files.filter((file) => file.endsWith(".js.map")).length).toBeGreaterThan(0);
    const text = files.map((file) => readFileSync(join(outDir, file), "latin1")).join("");
    expect(Object.values(secrets).filter((secret) => text.includes(secret))).toEqual([]);
  });
});
