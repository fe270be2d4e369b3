import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { secretsWritten } from "@modelfaucet/testkit/planted-secrets.ts";

export type RunningPlatform = AsyncDisposable & {
  pageUrl: string;
  consoleUrl: string;
  apiUrl: string;
  gatewayUrl: string;
  /** Each signs in once, within ten minutes. */
  signInLinks: { developer: string; operator: string };
  /** The database as its superuser, of a platform that was started here; `null` for one that ran already. */
  superuserUrl: string | null;
  /** Of its operator; `null` for a platform that ran already. */
  adminToken: string | null;
};

const startWithinMs = 110_000;
const stopWithinMs = 10_000;

/**
 * The whole platform as a newcomer starts it, on free ports and in a data folder of its own; or, with
 * `MODELFAUCET_E2E_URLS` (what `npm start -- --json` prints), one that runs already. `env` is added to its environment: then it
 * is always a platform of its own.
 */
export async function startPlatform(env: Record<string, string> = {}): Promise<RunningPlatform> {
  const given = Object.keys(env).length > 0 ? undefined : process.env.MODELFAUCET_E2E_URLS;
  const running = given === undefined ? null : urlsIn(given);
  if (running)
    return { ...running, superuserUrl: null, adminToken: null, [Symbol.asyncDispose]: async () => {} };

  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-e2e-"));
  const root = join(import.meta.dirname, "..", "..");
  const child = spawn(process.execPath, ["apps/platform/src/main.ts", "--ports", "free", "--json"], {
    cwd: root,
    env: {
      ...withoutProviders(process.env),
      MODELFAUCET_DATA_DIR: dataDir,
      NODE_ENV: "development",
      ...env,
    },
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
    const secrets = secretsOf(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
    // What it made for itself at its first start, and whatever a test did with it.
    const written = secretsWritten(said.join(""), { ...secrets, ...env });
    if (written.length > 0) throw new Error(`the platform wrote ${written.join(", ")} into its log`);
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
    return {
      ...(await ready),
      superuserUrl: superuserUrlIn(dataDir),
      adminToken: adminTokenIn(dataDir),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Urls = Omit<RunningPlatform, keyof AsyncDisposable | "superuserUrl" | "adminToken">;

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

/** From what the platform keeps of its embedded database. */
function superuserUrlIn(dataDir: string): string {
  const { port, passwords } = JSON.parse(readFileSync(join(dataDir, "postgres.json"), "utf8")) as {
    port: number;
    passwords: { postgres: string };
  };
  return `postgres://postgres:${passwords.postgres}@127.0.0.1:${port}/modelfaucet`;
}

function adminTokenIn(dataDir: string): string {
  const token = secretsOf(dataDir).ADMIN_TOKEN;
  if (!token) throw new Error("the platform has made no ADMIN_TOKEN");
  return token;
}

function secretsOf(dataDir: string): Record<string, string> {
  const file = join(dataDir, "dev.env");
  if (!existsSync(file)) return {};
  const lines = readFileSync(file, "utf8").matchAll(/^([A-Z_]+)=(.+)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name!, value!.replace(/^"|"$/g, "")]));
}

// A key in the environment of whoever runs the tests must not turn them into real calls.
function withoutProviders(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { OPENAI_API_KEY, OPENROUTER_API_KEY, LITELLM_BASE_URL, LITELLM_MASTER_KEY, DATABASE_URL, ...rest } =
    env;
  return rest;
}
