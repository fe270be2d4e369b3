import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasLitellm, litellmFolder, litellmVersion } from "@modelfaucet/testkit/litellm.ts";

// The real LiteLLM proxy, for tests and the rehearsal: from PyPI into a virtual environment in the git-ignored cache.
const help = `usage: pnpm litellm:install
Installs the pinned LiteLLM proxy from PyPI into a virtual environment under .cache; does nothing where it is there.`;

if (process.argv.includes("--help")) console.log(help);
else process.exitCode = install();

function install(): number {
  if (hasLitellm()) {
    console.log(`litellm ${litellmVersion()} is installed in ${litellmFolder()}`);
    return 0;
  }
  const python = ["python3.13", "python3.12", "python3.11", "python3"].find(runs);
  if (!python) {
    console.error("LiteLLM was not installed: there is no python3 with venv here.");
    return 1;
  }
  const folder = litellmFolder();
  console.log(`installing litellm ${litellmVersion()} by ${python}; this takes a few minutes …`);
  const pip = join(folder, "bin", "pip");
  // The folder is in the scripts that pip writes, so it is made where it stays; the mark comes last.
  rmSync(folder, { recursive: true, force: true });
  const steps: [string, string[]][] = [
    [python, ["-m", "venv", folder]],
    [pip, ["install", "--quiet", "--disable-pip-version-check", `litellm[proxy]==${litellmVersion()}`]],
  ];
  for (const [command, args] of steps) {
    if (spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"] }).status !== 0) {
      console.error(`LiteLLM was not installed: \`${command} ${args.join(" ")}\` failed.`);
      return 1;
    }
  }
  writeFileSync(join(folder, "installed"), `${litellmVersion()}\n`);
  console.log(`litellm ${litellmVersion()} is installed in ${folder}`);
  return 0;
}

function runs(command: string): boolean {
  return spawnSync(command, ["-c", "import venv, ensurepip"], { stdio: "ignore" }).status === 0;
}
