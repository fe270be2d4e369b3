import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";

/** As an app bundles it that uses all of it: Vite's library mode would leave whitespace in. */
async function bundle(entry: string): Promise<{ code: string; imports: string[] }> {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    root: import.meta.dirname,
    build: {
      write: false,
      minify: true,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: { input: entry, preserveEntrySignatures: "strict" },
    },
  });
  const outputs = (Array.isArray(result) ? result : [result]).flatMap((one) =>
    "output" in one ? one.output : [],
  );
  const chunks = outputs.filter((output) => output.type === "chunk");
  return {
    code: chunks.map((output) => output.code).join(""),
    imports: chunks.flatMap((output) => [...output.imports, ...output.dynamicImports]),
  };
}

test.each(["./index.ts", "./server.ts"])("%s is at most 15 kB gzip and needs nothing else", async (entry) => {
  const { code, imports } = await bundle(new URL(entry, import.meta.url).pathname);
  expect(gzipSync(code).length).toBeLessThanOrEqual(15_000);
  expect(imports).toEqual([]);
  // Nothing was shaken off: what is measured is the whole of it.
  expect(code).toContain(entry.includes("server") ? "whsec_" : "local_browser_unsupported");
  expect(code).not.toMatch(/\bnode:|\bprocess\.|\bBuffer\b|\brequire\(/);
});
