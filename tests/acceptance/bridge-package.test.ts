import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startBridge } from "@modelfaucet/testkit/local-servers/bridge.ts";
import { startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { afterAll, beforeAll, expect, test } from "vitest";

// The bridge as it ships: built JavaScript, installed from its tarball into an empty folder, run by the machine's Node.

const run = promisify(execFile);
const source = join(import.meta.dirname, "../../apps/bridge");
let folder: string;
let installed: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mf-bridge-package-"));
  await run(process.execPath, [join(source, "build.ts")]);
  const npm = { cwd: folder, env: { PATH: process.env.PATH, HOME: folder } };
  const { stdout } = await run("npm", ["pack", source, "--json", "--ignore-scripts"], npm);
  const [{ filename }] = JSON.parse(stdout);
  // Offline: whatever it needs is in it.
  await run(
    "npm",
    ["install", join(folder, filename), "--offline", "--no-audit", "--no-fund", "--ignore-scripts"],
    npm,
  );
  installed = join(folder, "node_modules/modelfaucet-bridge");
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("brings no dependency and no source, and the licences of what is in it", async () => {
  expect(await readdir(join(folder, "node_modules"))).toEqual(expect.not.arrayContaining(["zod", "yaml"]));
  const files = (await readdir(installed, { recursive: true })).sort();
  expect(files).toEqual([
    "README.md",
    "dist",
    "dist/LICENSE",
    "dist/THIRD-PARTY-LICENSES.txt",
    "dist/modelfaucet-bridge.js",
    "dist/token-worker.js",
    "package.json",
  ]);
  const licences = await readFile(join(installed, "dist/THIRD-PARTY-LICENSES.txt"), "utf8");
  for (const name of ["eventsource-parser", "gpt-tokenizer", "yaml", "zod"])
    expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
  const program = await readFile(join(installed, "dist/modelfaucet-bridge.js"), "utf8");
  expect(program.startsWith("#!/usr/bin/env node\n")).toBe(true);
  expect(program).not.toContain(source);
});

test("runs, pairs, streams and counts with the machine's own Node", async () => {
  const models = await startLocalServer("ollama", [
    { name: "qwen3:8b", contextLength: 4096, isLoaded: true },
  ]);
  models.script({ usage: "missing" });
  const bridge = await startBridge({
    program: { node: "node", entry: join(folder, "node_modules/.bin/modelfaucet-bridge") },
    config: `version: 1\nendpoints: [{ id: ollama, kind: ollama, base_url: "${models.baseUrl}" }]\n`,
  });
  try {
    const origin = "https://app.example";
    const token = await bridge.pair(origin);
    const ask = () =>
      bridge.send({
        method: "POST",
        path: "/v1/chat/completions",
        headers: { origin, authorization: `Bearer ${token}` },
        body: {
          model: "ollama:qwen3:8b",
          stream: true,
          stream_options: { include_usage: true },
          messages: [{ role: "user", content: "hello world" }],
        },
      });
    // The tokenizer is in its own file, in its own thread: two words are two tokens once it has loaded.
    await expect.poll(async () => (await ask()).text, { timeout: 10_000 }).toContain('"prompt_tokens":2,');
    const { stdout } = await bridge.command("status", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ running: true, pid: bridge.pid });
  } finally {
    expect(await bridge.stop()).toBe(0);
    await models.close();
  }
});
