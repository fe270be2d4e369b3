// The pages of the platform: each built once into the data folder, again when its sources or its addresses change, then
// served as static files. A development server would be quicker to write, but a page flashes while styles arrive.
import { createHash } from "node:crypto";
import { globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Program, type RunningProgram, runProgram } from "./children.ts";
import { cloneRoot } from "./data-folder.ts";
import type { Urls } from "./settings.ts";

/** One page: where it lies in this clone, which port is its, and all that is baked into it. */
export type Page = {
  /** How it is named to people. */
  readonly name: string;
  /** Its folder within the data folder, and its log. */
  readonly id: string;
  /** From the clone's root. */
  readonly folder: string;
  /** Packages whose sources are built into it. */
  readonly packages: string;
  readonly portVariable: string;
  readonly variables: (urls: Urls, env: NodeJS.ProcessEnv) => Record<string, string>;
};

export const crmDemo: Page = {
  name: "CRM demo page",
  id: "crm-demo",
  folder: "examples/crm-demo",
  packages: "packages/{sdk,react,contract,browser-build}/src/**",
  portVariable: "PORT_CRM_DEMO",
  variables: (urls, { VITE_MODELFAUCET_BRIDGE_URL: bridge }) => ({
    VITE_MODELFAUCET_API_BASE_URL: urls.api,
    VITE_MODELFAUCET_GATEWAY_BASE_URL: urls.gateway,
    VITE_MODELFAUCET_PUBLIC_APP_ID: "app_pub_demo",
    ...(bridge ? { VITE_MODELFAUCET_BRIDGE_URL: bridge } : {}),
  }),
};

export const dashboard: Page = {
  name: "console",
  id: "dashboard",
  folder: "apps/dashboard",
  packages: "packages/{contract,browser-build}/src/**",
  portVariable: "PORT_DASHBOARD",
  variables: (urls) => ({ VITE_MODELFAUCET_API_BASE_URL: urls.api }),
};

export type PageOptions = {
  readonly dataDir: string;
  readonly urls: Urls;
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
};

/** Builds the page unless the last build still stands. @throws Failure with the builder's last words. */
export async function buildPage(
  page: Page,
  options: PageOptions,
  log: (step: string) => void,
  onStart: (running: RunningProgram) => void,
): Promise<void> {
  const keyFile = join(options.dataDir, page.id, "key");
  const key = buildKey(page, options);
  if (readOrEmpty(keyFile) === key) return;
  log(`building the ${page.name}`);
  rmSync(keyFile, { force: true });
  await runProgram(
    {
      ...pageProgram(page, options, "production"),
      args: ["build", "--outDir", outDir(page, options.dataDir), "--emptyOutDir", "--logLevel", "warn"],
    },
    onStart,
  );
  writeFileSync(keyFile, key);
}

/** Serves what `buildPage` has built; a path without a file is answered with the page itself. */
export function pageServer(page: Page, options: PageOptions): Program {
  return {
    ...pageProgram(page, options, "production"),
    args: ["preview", "--outDir", outDir(page, options.dataDir), ...listening(options.port)],
  };
}

/** Serves the sources and reloads on change, for `pnpm dev`. */
export function pageDevServer(page: Page, options: PageOptions): Program {
  return { ...pageProgram(page, options, "development"), args: listening(options.port) };
}

function listening(port: number): string[] {
  return ["--host", "127.0.0.1", "--port", String(port), "--strictPort"];
}

function pageProgram(page: Page, options: PageOptions, nodeEnv: string): Program {
  // Each page is built with its own variables alone.
  const { VITE_MODELFAUCET_BRIDGE_URL: _ofTheDemo, ...env } = options.env;
  return {
    name: page.name,
    entry: `${page.folder}/node_modules/vite/bin/vite.js`,
    args: [],
    cwd: join(cloneRoot, page.folder),
    env: {
      ...env,
      ...page.variables(options.urls, options.env),
      NODE_ENV: nodeEnv,
      [page.portVariable]: String(options.port),
    },
    logFile: join(options.dataDir, "logs", `${page.id}.log`),
  };
}

function outDir(page: Page, dataDir: string): string {
  return join(dataDir, page.id, "dist");
}

// Size and time of every source, and what is baked in: a changed one changes the key.
function buildKey(page: Page, { urls, env }: PageOptions): string {
  const hash = createHash("sha256").update(JSON.stringify(page.variables(urls, env)));
  const patterns = [`${page.folder}/*.*`, `${page.folder}/{src,public}/**`, page.packages, "pnpm-lock.yaml"];
  for (const path of [...globSync(patterns, { cwd: cloneRoot })].sort()) {
    const { size, mtimeMs } = statSync(join(cloneRoot, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
