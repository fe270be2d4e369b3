// Installs the workspace when it is missing or older than the lockfile. Once installed, nothing here uses the network.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockfile = join(root, "pnpm-lock.yaml");
const modules = join(root, "node_modules");
// Git sets a file's time at check-out, so after an installation of our own its content is what counts.
const stamp = join(modules, ".modelfaucet-installed");

/** @throws {Error} one sentence that says what to do. */
export async function installWorkspace({ onInstall = () => {} } = {}) {
  if (isInstalled()) return;
  onInstall();
  const { code, output } = await runPnpm();
  if (code !== 0) {
    const why =
      output
        .split("\n")
        .find((line) => /ERR_|ENO|EAI|error/i.test(line))
        ?.trim() ?? `exit code ${code}`;
    throw new Error(
      `The packages could not be installed (${why}): check the connection to the npm registry and the free space, then try again.`,
    );
  }
  writeFileSync(stamp, lockHash());
}

function isInstalled() {
  const installedAt = join(modules, ".modules.yaml");
  if (!existsSync(installedAt)) return false;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash()) return true;
  return statSync(installedAt).mtimeMs >= statSync(lockfile).mtimeMs;
}

function lockHash() {
  return createHash("sha256").update(readFileSync(lockfile)).digest("hex");
}

function runPnpm() {
  return new Promise((resolve) => {
    const child = spawn("npx", ["--yes", "pnpm@12", "install", "--frozen-lockfile"], {
      cwd: root,
      // Without a terminal pnpm would ask before it replaces a node_modules of another version.
      env: { ...process.env, CI: "true" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-20_000);
        const progress = text.split("\n").findLast((line) => line.startsWith("Progress:"));
        if (progress) console.error(`  ${progress}`);
      });
    }
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
