import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "./product.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The version that the image installs, and so the one that tests run. */
export function litellmVersion(): string {
  const pinned = /litellm\[proxy\]==([\d.]+)/.exec(
    readFileSync(join(root, "infra/docker/litellm.Dockerfile"), "utf8"),
  );
  if (!pinned) throw new Error("infra/docker/litellm.Dockerfile pins no version of litellm");
  return pinned[1]!;
}

/** A virtual environment of that version, in the git-ignored cache; `pnpm litellm:install` makes it. */
export const litellmFolder = (): string => join(root, ".cache", `litellm-${litellmVersion()}`);
export const hasLitellm = (): boolean => existsSync(join(litellmFolder(), "installed"));

export type Litellm = {
  /** Without `/v1`. */
  readonly url: string;
  readonly masterKey: string;
  output(): string;
  stop(): Promise<void>;
};

const startsWithinMs = 120_000;

/**
 * The real LiteLLM proxy with the configuration that we ship, word for word: only where its vendor's API lies is told by
 * the variable that it reads for that.
 */
export async function startLitellm(options: {
  upstreamUrl: string;
  masterKey: string;
  port?: number;
}): Promise<Litellm> {
  const port = options.port ?? (await freePorts(1))[0]!;
  const folder = await mkdtemp(join(tmpdir(), "mf-litellm-"));
  const written: string[] = [];
  const child = spawn(
    join(litellmFolder(), "bin", "litellm"),
    [
      "--config",
      join(root, "infra/litellm/config.yaml"),
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--telemetry",
      "False",
    ],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        LITELLM_MASTER_KEY: options.masterKey,
        LITELLM_LOCAL_MODEL_COST_MAP: "True",
        DISABLE_ADMIN_UI: "True",
        LITELLM_NON_ROOT: "true",
        OPENAI_API_KEY: "sk-of-the-stub-only",
        OPENAI_BASE_URL: options.upstreamUrl,
        OPENROUTER_API_KEY: "sk-or-of-the-stub-only",
        OPENROUTER_API_BASE: options.upstreamUrl,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  for (const stream of [child.stdout!, child.stderr!])
    stream.on("data", (data: Buffer) => written.push(data.toString()));
  const url = `http://127.0.0.1:${port}`;
  await answers(`${url}/health/liveliness`, child, written);
  return {
    url,
    masterKey: options.masterKey,
    output: () => written.join(""),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await gone;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string, child: ChildProcess, written: readonly string[]): Promise<void> {
  const deadline = performance.now() + startsWithinMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`LiteLLM ended: ${written.join("").slice(-2_000)}`);
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    if (performance.now() > deadline)
      throw new Error(`LiteLLM does not answer: ${written.join("").slice(-2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
