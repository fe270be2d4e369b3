import { execFile } from "node:child_process";
import {
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { freshCopy } from "../../scripts/docs-check-copy.ts";

const root = join(import.meta.dirname, "../..");

type Outcome = { code: number; stdout: string; stderr: string };

async function run(cwd: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 16 * 1024 * 1024 };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, args, options)) };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code: Number(code), stdout, stderr };
  }
}

describe("the documentation", () => {
  it("A171: every block of the README and the guides succeeds as printed, in a fresh copy", async () => {
    const { code, stdout, stderr } = await run(root, ["scripts/docs-check.ts", "--json"]);
    const told = JSON.parse(stdout || "null") as {
      faults: string[];
      pages: { page: string; run: number; left: { line: number; reason: string }[] }[];
    } | null;
    expect(told?.faults, stderr).toEqual([]);
    expect(code).toBe(0);
    const runs = (page: string) => told!.pages.find((each) => each.page === page)?.run ?? 0;
    // A page from which its commands have vanished proves nothing.
    expect(runs("README.md")).toBeGreaterThanOrEqual(2);
    expect(runs("docs/quickstart.md")).toBeGreaterThanOrEqual(8);
    expect(runs("docs/hosted-beta.md")).toBeGreaterThanOrEqual(1);
    for (const { left } of told!.pages) for (const { reason } of left) expect(reason).not.toBe("");
  }, 420_000);

  it("D6: says which generated file is stale, and ends with 1", async () => {
    using copy = freshCopy(root);
    // What is installed is taken along; what is generated is the copy's own.
    const installed = ["node_modules", ...globSync("{apps,packages,examples}/*/node_modules", { cwd: root })];
    for (const path of installed) symlinkSync(join(root, path), join(copy.folder, path));
    const stale = ["docs/reference/errors.md", "docs/reference/cli.md", "docs/reference/openapi.json"];
    for (const path of stale) writeFileSync(join(copy.folder, path), "not this\n");
    const { code, stderr } = await run(copy.folder, ["scripts/docs-check.ts", "--words", "--json"]);
    expect(code).toBe(1);
    for (const path of stale) expect(stderr).toContain(`${path}:1 is stale`);
  });

  it("is a site that works below any address and asks nobody else for anything", async () => {
    const outDir = mkdtempSync(join(tmpdir(), "modelfaucet-site-"));
    try {
      const vitepress = join(root, "node_modules/vitepress/bin/vitepress.js");
      const args = [vitepress, "build", join(root, "docs"), "--outDir", outDir];
      const built = await run(root, args, { WEBSITE_BASE: "/faucet/" });
      expect(built.code, built.stdout + built.stderr).toBe(0);
      const pages = readdirSync(outDir, { recursive: true, encoding: "utf8" }).filter((path) =>
        path.endsWith(".html"),
      );
      expect(pages).toEqual(
        expect.arrayContaining(["index.html", "hosted-beta.html", "runbooks/upgrade.html"]),
      );
      for (const path of pages) {
        const html = readFileSync(join(outDir, path), "utf8");
        const loaded = [...html.matchAll(/<(?:script|link|img)\b[^>]*?\b(?:src|href)="([^"]+)"/g)];
        expect(loaded.length, path).toBeGreaterThan(0);
        for (const [, address] of loaded) expect(address, path).toMatch(/^(\/faucet\/|data:)/);
      }
      const openapi = JSON.parse(readFileSync(join(outDir, "reference/openapi.json"), "utf8"));
      expect([openapi.openapi, Object.keys(openapi.paths).length > 50]).toEqual(["3.1.0", true]);
      for (const path of globSync("assets/**/*.css", { cwd: outDir }))
        expect(readFileSync(join(outDir, path), "utf8"), path).not.toMatch(/url\(["']?https?:|@import/);
    } finally {
      rmSync(outDir, { recursive: true, force: true });
    }
  });
});
