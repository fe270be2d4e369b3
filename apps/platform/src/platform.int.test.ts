import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cloneRoot, deleteDataFolder } from "./data-folder.ts";
import { findPlatform, type PlatformState } from "./state-file.ts";

// The tests follow one platform through its life, in order: a start costs seconds.
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "modelfaucet-test-"));
  chmodSync(folder, 0o755);
});
afterAll(() => {
  deleteDataFolder(folder);
  rmSync(folder, { recursive: true, force: true });
});

type Run = {
  readonly child: ChildProcess;
  readonly lines: () => string[];
  readonly code: Promise<number | null>;
};

function run(entry: string, ...args: string[]): Run {
  const child = spawn(process.execPath, [join(cloneRoot, "scripts", "run.mjs"), entry, ...args], {
    cwd: cloneRoot,
    env: {
      ...process.env,
      MODELFAUCET_DATA_DIR: folder,
      NODE_ENV: "development",
      npm_lifecycle_event: undefined,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (piece) => (text += piece));
  return {
    child,
    lines: () => text.split("\n").filter((line) => line !== ""),
    code: new Promise((resolve) => child.on("close", resolve)),
  };
}

const start = (...flags: string[]) =>
  run("apps/platform/src/main.ts", "--no-ui", "--ports", "free", ...flags);

async function untilReady(platform: Run): Promise<PlatformState> {
  let ended = false;
  void platform.code.then(() => {
    ended = true;
  });
  const deadline = Date.now() + 60_000;
  while (!/^ready in \d+ ms$/.test(platform.lines().at(-1) ?? "")) {
    if (ended || Date.now() > deadline) throw new Error(`not ready: ${platform.lines().join("\n")}`);
    await delay(50);
  }
  const state = findPlatform(folder);
  if (!state) throw new Error("a ready platform has no platform.json");
  return state;
}

/** Every process that has the data folder in its environment, its command or as its working folder's cluster. */
function processesOfFolder(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const [command, environment] = ["cmdline", "environ"].map((file) =>
        readOrEmpty(`/proc/${pid}/${file}`),
      );
      const isOurs =
        command!.includes(folder) || environment!.split("\0").includes(`MODELFAUCET_DATA_DIR=${folder}`);
      return isOurs ? [`${pid} ${command!.replaceAll("\0", " ")}`] : [];
    });
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function untilNoProcesses(withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (processesOfFolder().length > 0) {
    if (Date.now() > deadline) throw new Error(`still running:\n${processesOfFolder().join("\n")}`);
    await delay(50);
  }
}

function serverPid(): number {
  return Number(
    processesOfFolder()
      .find((line) => /main\.ts serve /.test(line))
      ?.split(" ")[0],
  );
}

test("starts, streams with the printed command, lets commands in, refuses a second start; Ctrl-C ends all within 5 s", async () => {
  const platform = start();
  const { urls } = await untilReady(platform);
  for (const base of [urls.api, urls.gateway, urls.worker]) {
    expect((await fetch(new URL("/ready", base))).status).toBe(200);
  }
  const curl = platform.lines().find((line) => line.startsWith("curl "));
  const shell = spawn("sh", ["-c", `${curl} --silent`], { stdio: ["ignore", "pipe", "inherit"] });
  let answer = "";
  shell.stdout.setEncoding("utf8").on("data", (piece) => (answer += piece));
  await new Promise((resolve) => shell.on("close", resolve));
  expect(answer).toMatch(/^data: .*"delta"/);
  expect(answer).toContain('"simulated":true');
  expect(answer.trimEnd()).toMatch(/data: \[DONE\]$/);

  const second = start();
  expect(await second.code).toBe(1);
  expect(second.lines()).toEqual([
    expect.stringMatching(/^The data folder .+ is in use by `npm start` \(process \d+\): /),
  ]);

  const books = run("apps/platform/src/local.ts", "books");
  expect(await books.code, books.lines().join("\n")).toBe(0);
  expect(books.lines()).toEqual(expect.arrayContaining([expect.stringMatching(/^PASS /)]));

  const stoppedAt = Date.now();
  platform.child.kill("SIGINT");
  expect(await platform.code).toBe(0);
  await untilNoProcesses(Math.max(0, 5000 - (Date.now() - stoppedAt)));
  expect(existsSync(join(folder, "platform.json"))).toBe(false);
  expect(existsSync(join(folder, "platform.lock"))).toBe(false);
}, 120_000);

test("the demo starts a platform of its own, finds no difference and leaves nothing running", async () => {
  const demo = run("apps/platform/src/demo.ts", "--json");
  expect(await demo.code, demo.lines().join("\n")).toBe(0);
  const result = JSON.parse(demo.lines().find((line) => line.startsWith("{"))!);
  expect(result).toMatchObject({ differences: [], refusal: { status: 402 }, receipt: { simulated: true } });
  await untilNoProcesses(5000);
}, 120_000);

test("a command without a running platform starts the database for its duration", async () => {
  const alone = run("apps/platform/src/local.ts", "books");
  expect(await alone.code, alone.lines().join("\n")).toBe(0);
  expect(alone.lines()).toContain("starting PostgreSQL 18 …");
  await untilNoProcesses(5000);
}, 120_000);

test("a server that dies takes the platform with it, in one sentence", async () => {
  const platform = start();
  await untilReady(platform);
  const readyLines = platform.lines().length;
  process.kill(serverPid(), "SIGKILL");
  expect(await platform.code).toBe(1);
  expect(platform.lines().slice(readyLines)).toEqual([
    expect.stringMatching(/^`serve` ended with exit code 137: read .+server\.log/),
  ]);
  await untilNoProcesses(5000);
}, 120_000);

test("after `kill -9` of the platform nothing lingers, and the next start works", async () => {
  const platform = start();
  const { pid } = await untilReady(platform);
  process.kill(pid, "SIGKILL");
  await untilNoProcesses(15_000);
  const next = start();
  await untilReady(next);
  next.child.kill("SIGTERM");
  expect(await next.code).toBe(0);
}, 180_000);

test("`--fresh` asks where there is a terminal and wants `--yes` where there is none", async () => {
  const asked = start("--fresh");
  expect(await asked.code).toBe(1);
  expect(asked.lines()).toEqual([expect.stringMatching(/add `--yes`/)]);
  expect(existsSync(join(folder, "dev.env"))).toBe(true);
});

test("wrong usage is one sentence and exit code 2", async () => {
  const wrong = start("--sideways");
  expect(await wrong.code).toBe(2);
  expect(wrong.lines()).toEqual([expect.stringContaining("--sideways")]);
});
