import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hasPortkey, portkeyFolder, portkeyManifest, portkeyResolvedOn } from "../bench/portkey.ts";

// Portkey's gateway for `pnpm bench`: from npm into the git-ignored cache, without running any script of a package.
process.exitCode = install();

function install(): number {
  if (hasPortkey()) {
    console.log(`Portkey's gateway is installed in ${portkeyFolder}`);
    return 0;
  }
  rmSync(portkeyFolder, { recursive: true, force: true });
  mkdirSync(portkeyFolder, { recursive: true });
  writeFileSync(join(portkeyFolder, "package.json"), JSON.stringify(portkeyManifest));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  const { status } = spawnSync("npm", ["install", ...flags, `--before=${portkeyResolvedOn}`], {
    cwd: portkeyFolder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status === 0 && hasPortkey()) {
    console.log(`Portkey's gateway is installed in ${portkeyFolder}`);
    return 0;
  }
  rmSync(portkeyFolder, { recursive: true, force: true });
  console.error("Portkey's gateway was not installed: npm did not bring it.");
  return 1;
}
