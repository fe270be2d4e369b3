import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { hasPortkey, portkeyFolder, portkeyPackage } from "../bench/portkey.ts";

// Portkey's gateway for `pnpm bench`: from npm into the git-ignored cache, without running any script of a package.
process.exitCode = install();

function install(): number {
  const { name, version, resolvedOn } = portkeyPackage;
  if (hasPortkey()) {
    console.log(`${name} ${version} is installed in ${portkeyFolder}`);
    return 0;
  }
  mkdirSync(portkeyFolder, { recursive: true });
  // What it depends on is resolved as of one day, so that every machine measures the same.
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--no-package-lock"];
  const { status } = spawnSync(
    "npm",
    ["install", "--prefix", portkeyFolder, ...flags, `--before=${resolvedOn}`, `${name}@${version}`],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  if (status === 0 && hasPortkey()) return 0;
  rmSync(portkeyFolder, { recursive: true, force: true });
  console.error(`${name} ${version} was not installed: npm did not bring it.`);
  return 1;
}
