// A workspace package as it is published: plain ESM, complete types, nothing of the workspace in either.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { writeDeclarations } from "./build-package-types.ts";

type Manifest = {
  name: string;
  version: string;
  license: string;
  description: string;
  engines: Record<string, string>;
  sideEffects: boolean | string[];
  exports: Record<string, string>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
};

const root = fileURLToPath(new URL("..", import.meta.url));

/** Builds `folder` into `outDir`, which then is what `npm publish` takes. */
export async function buildPackage(folder: string, outDir: string): Promise<void> {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const entries = Object.entries(manifest.exports).filter(([, path]) => /\.tsx?$/.test(path));
  const copies = Object.entries(manifest.exports).filter(([, path]) => !/\.tsx?$/.test(path));
  await bundle(
    folder,
    outDir,
    manifest,
    entries.map(([, path]) => join(folder, path)),
  );
  for (const [, path] of copies) cpSync(join(folder, path), join(outDir, path.replace(/^\.\/src\//, "")));
  await writeDeclarations(
    root,
    folder,
    outDir,
    entries.map(([, path]) => join(folder, path)),
  );
  writeFileSync(join(outDir, "package.json"), `${JSON.stringify(published(manifest), null, 2)}\n`);
  for (const file of [join(folder, "README.md"), join(root, "LICENSE")]) {
    if (existsSync(file)) cpSync(file, join(outDir, file.split("/").at(-1)!));
  }
}

async function bundle(folder: string, outDir: string, manifest: Manifest, entries: string[]): Promise<void> {
  const outside = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  await build({
    configFile: false,
    // No .env file and no variable has a way into a package.
    envDir: false,
    logLevel: "warn",
    root: folder,
    // What is published does not depend on who builds it: outside production React's debug calls would name its files.
    oxc: { jsx: { runtime: "automatic", development: false } },
    build: {
      outDir,
      emptyOutDir: false,
      minify: false,
      target: "es2022",
      lib: { entry: entries, formats: ["es"], fileName: (_format, name) => `${name}.js` },
      rolldownOptions: {
        external: (id) => outside.some((name) => id === name || id.startsWith(`${name}/`)),
        output: { chunkFileNames: "[name].js" },
        // The entry's own directive is kept, which is the one that frameworks with server components look for.
        onLog: (level, log, handle) => log.code === "MODULE_LEVEL_DIRECTIVE" || handle(level, log),
      },
    },
  });
}

function published(manifest: Manifest): object {
  const { name, version, license, description, engines, sideEffects } = manifest;
  const { dependencies, peerDependencies } = manifest;
  const built = (path: string) => path.replace(/^\.\/src\//, "./").replace(/\.tsx?$/, "");
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([key, path]) => [
      key,
      /\.tsx?$/.test(path) ? { types: `${built(path)}.d.ts`, default: `${built(path)}.js` } : built(path),
    ]),
  );
  return {
    ...{ name, version, description, license, type: "module", engines, sideEffects, exports },
    ...(dependencies ? { dependencies: withVersions(dependencies, version) } : {}),
    ...(peerDependencies ? { peerDependencies } : {}),
  };
}

/** Packages of the workspace are published together, under one version. */
function withVersions(dependencies: Record<string, string>, version: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, range]) => [
      name,
      range.startsWith("workspace:") ? version : range,
    ]),
  );
}

if (import.meta.main) {
  const folders = process.argv.slice(2);
  if (folders.length === 0) {
    process.stderr.write("Usage: node scripts/run.mjs scripts/build-package.ts packages/sdk …\n");
    process.exit(2);
  }
  for (const folder of folders) await buildPackage(resolve(folder), resolve(folder, "dist"));
}
