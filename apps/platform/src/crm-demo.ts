// The CRM demo page: built once into the data folder, again when its sources or its addresses change, then served as
// static files. A development server would be quicker to write, but its page flashes while styles arrive.
import { createHash } from "node:crypto";
import { globSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Program, type RunningProgram, runProgram } from "./children.ts";
import { cloneRoot } from "./data-folder.ts";
import type { Urls } from "./settings.ts";

const folder = join(cloneRoot, "examples", "crm-demo");
const vite = "examples/crm-demo/node_modules/vite/bin/vite.js";
const publicAppId = "app_pub_demo";

export type PageOptions = {
  readonly dataDir: string;
  readonly urls: Urls;
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
};

/** Builds the page unless the last build still stands. @throws Failure with the builder's last words. */
export async function buildPage(
  options: PageOptions,
  log: (step: string) => void,
  onStart: (running: RunningProgram) => void,
): Promise<void> {
  const variables = pageVariables(options.urls);
  const keyFile = join(options.dataDir, "crm-demo", "key");
  const key = buildKey(variables);
  if (readOrEmpty(keyFile) === key) return;
  log("building the CRM demo page");
  rmSync(keyFile, { force: true });
  await runProgram(
    {
      ...pageProgram(options, variables, "production"),
      args: ["build", "--outDir", outDir(options.dataDir), "--emptyOutDir", "--logLevel", "warn"],
    },
    onStart,
  );
  writeFileSync(keyFile, key);
}

/** Serves what `buildPage` has built. */
export function pageServer(options: PageOptions): Program {
  return {
    ...pageProgram(options, pageVariables(options.urls), "production"),
    args: [
      "preview",
      "--outDir",
      outDir(options.dataDir),
      "--host",
      "127.0.0.1",
      "--port",
      String(options.port),
      "--strictPort",
    ],
  };
}

/** Serves the sources and reloads on change, for `pnpm dev`. */
export function pageDevServer(options: PageOptions): Program {
  return {
    ...pageProgram(options, pageVariables(options.urls), "development"),
    args: ["--host", "127.0.0.1", "--port", String(options.port), "--strictPort"],
  };
}

function pageProgram(options: PageOptions, variables: Record<string, string>, nodeEnv: string): Program {
  return {
    name: "CRM demo page",
    entry: vite,
    args: [],
    cwd: folder,
    env: { ...options.env, ...variables, NODE_ENV: nodeEnv, PORT_CRM_DEMO: String(options.port) },
    logFile: join(options.dataDir, "logs", "crm-demo.log"),
  };
}

function pageVariables(urls: Urls): Record<string, string> {
  return {
    VITE_MODELFAUCET_API_BASE_URL: urls.api,
    VITE_MODELFAUCET_GATEWAY_BASE_URL: urls.gateway,
    VITE_MODELFAUCET_PUBLIC_APP_ID: publicAppId,
  };
}

function outDir(dataDir: string): string {
  return join(dataDir, "crm-demo", "dist");
}

// Size and time of every source, and what is baked in: a changed one changes the key.
function buildKey(variables: Record<string, string>): string {
  const hash = createHash("sha256").update(JSON.stringify(variables));
  const patterns = [
    "examples/crm-demo/*.*",
    "examples/crm-demo/{src,public}/**",
    "packages/{sdk,contract}/src/**",
  ];
  for (const path of [...globSync([...patterns, "pnpm-lock.yaml"], { cwd: cloneRoot })].sort()) {
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
