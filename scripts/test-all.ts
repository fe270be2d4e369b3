// `npm test`: what CI runs. The last line is `N passed, N failed`; a failed part of the check and each process that a
// test left behind count as one failure.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { type PartResult, partLine, runStaticParts, runUnitTests } from "./check-parts.ts";
import { endLeaked, markTestRun } from "./leaked-processes.ts";
import { needs } from "./test-needs.ts";
import { testPart } from "./vitest-run.ts";

const help = `usage: npm test [-- <vitest's arguments>]

Without arguments: the check (format, lint, types, unused code, generated files, import table, unit tests), then the
integration, acceptance, crash, conformance and browser tests. With arguments only vitest, with those.`;

// The acceptance tests mostly wait; two files side by side nearly halve their time.
const besides = (project: string): string[] => (project === "acceptance" ? ["--maxWorkers", "2"] : []);
// One after the other: the crash and browser tests measure time, and a small machine has two cores.
const projects = ["integration", "acceptance", "conformance", "crash", "e2e"];
const chromiumPaths = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "--help" || args[0] === "-h") {
    console.log(help);
    return 0;
  }
  const mark = markTestRun();
  const results =
    args.length > 0 ? [await testPart("vitest", args, { quiet: false })] : await runEverything();
  const leaked = await endLeaked(mark);
  for (const process of leaked) console.log(`LEAKED  ${process}`);

  const failedParts = results.filter(({ ok }) => !ok);
  if (failedParts.length > 0) console.log(`\nfailed: ${failedParts.map(({ name }) => name).join(", ")}`);
  const passed = sum(results, (result) => result.tests?.passed ?? (result.ok ? 1 : 0));
  const failed = sum(results, (result) => result.tests?.failed ?? (result.ok ? 0 : 1)) + leaked.length;
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && failedParts.length === 0 ? 0 : 1;
}

async function runEverything(): Promise<PartResult[]> {
  const tell = (result: PartResult) => console.log(partLine(result));
  const litellm = installLitellm();
  const results = [...(await runStaticParts(tell)), await runUnitTests(tell)];
  for (const project of projects) {
    if (project === "conformance") await litellm;
    if (project === "e2e" && !chromiumPaths.some((path) => existsSync(path))) {
      console.log("\nThe browser tests did not run: no Chromium was found, install the package `chromium`.");
      continue;
    }
    console.log(`\n${project} tests …`);
    const result = await testPart(`${project} tests`, ["--project", project, ...besides(project)], {
      quiet: false,
    });
    console.log(partLine({ ...result, output: "" }));
    results.push(result);
  }
  for (const { sentence, files } of needs.filter(({ isMet }) => !isMet))
    console.log(`\nThese did not run: ${sentence}: ${files.join(", ")}`);
  return results;
}

/** Takes minutes of waiting for a network, so it goes on beside the first tests; without it its tests are left out. */
function installLitellm(): Promise<void> {
  const child = spawn(process.execPath, ["scripts/install-litellm.ts"], { stdio: "ignore" });
  return new Promise((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", () => resolve());
  });
}

function sum(results: readonly PartResult[], count: (result: PartResult) => number): number {
  return results.reduce((total, result) => total + count(result), 0);
}

const separated = process.argv.slice(2);
process.exit(await main(separated[0] === "--" ? separated.slice(1) : separated));
