import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type RunningPlatform = AsyncDisposable & {
  pageUrl: string;
  consoleUrl: string;
  apiUrl: string;
  gatewayUrl: string;
  /** Each signs in once, within ten minutes. */
  signInLinks: { developer: string; operator: string };
};

const startWithinMs = 110_000;
const stopWithinMs = 10_000;

/**
 * The whole platform as a newcomer starts it, on free ports and in a data folder of its own; or, with
 * `MODELFAUCET_E2E_URLS` (what `npm start -- --json` prints), one that runs already.
 */
export async function startPlatform(): Promise<RunningPlatform> {
  const given = process.env.MODELFAUCET_E2E_URLS;
  const running = given === undefined ? null : urlsIn(given);
  if (running) return { ...running, [Symbol.asyncDispose]: async () => {} };

  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-e2e-"));
  const root = join(import.meta.dirname, "..", "..");
  const child = spawn(process.execPath, ["apps/platform/src/main.ts", "--ports", "free", "--json"], {
    cwd: root,
    env: { ...withoutProviders(process.env), MODELFAUCET_DATA_DIR: dataDir, NODE_ENV: "development" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
    await ended;
    clearTimeout(timer);
    rmSync(dataDir, { recursive: true, force: true });
  };
  const ready = new Promise<Urls>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const started = urlsIn(line);
      if (started) resolve(started);
    });
    void ended.then(() => reject(new Error(`the platform ended before it was ready:\n${said.join("")}`)));
    setTimeout(
      () => reject(new Error(`the platform is not ready:\n${said.join("")}`)),
      startWithinMs,
    ).unref();
  });
  try {
    return { ...(await ready), [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Urls = Omit<RunningPlatform, keyof AsyncDisposable>;

/** The addresses in the line of JSON that the platform prints when it is ready. */
function urlsIn(line: string): Urls | null {
  try {
    const started = JSON.parse(line) as {
      urls: Record<string, string>;
      sign_in_links: RunningPlatform["signInLinks"] | null;
    };
    const { crmDemo, dashboard, api, gateway } = started.urls;
    const signInLinks = started.sign_in_links;
    if (!crmDemo || !dashboard || !api || !gateway || !signInLinks) return null;
    return { pageUrl: crmDemo, consoleUrl: dashboard, apiUrl: api, gatewayUrl: gateway, signInLinks };
  } catch {
    return null;
  }
}

// A key in the environment of whoever runs the tests must not turn them into real calls.
function withoutProviders(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { OPENAI_API_KEY, OPENROUTER_API_KEY, LITELLM_BASE_URL, LITELLM_MASTER_KEY, DATABASE_URL, ...rest } =
    env;
  return rest;
}
