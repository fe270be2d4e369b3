// One run of vitest: its counts come from the JSON report, not from what it prints.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PartResult } from "./check-parts.ts";

const root = join(import.meta.dirname, "..");

type Report = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: { readonly status: string; readonly assertionResults: unknown[] }[];
};

/**
 * Runs `vitest run` with these arguments. A file that cannot be loaded, an error outside a test and a skipped test each
 * count as failed. Quiet: the output is kept for the result instead of going to the terminal.
 */
export async function testPart(
  name: string,
  args: readonly string[],
  options: { readonly quiet: boolean },
): Promise<PartResult> {
  const startedAt = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-report-"));
  const reportFile = join(folder, "report.json");
  const { code, output } = await runVitest([...args, `--outputFile.json=${reportFile}`], options.quiet);
  const report = readReport(reportFile);
  rmSync(folder, { recursive: true, force: true });
  const seconds = (performance.now() - startedAt) / 1000;
  if (!report) {
    return {
      name,
      ok: false,
      seconds,
      output: `${output}\nvitest wrote no report`,
      tests: { passed: 0, failed: 1 },
    };
  }
  const tests = { passed: report.numPassedTests, failed: countFailed(report, code) };
  return { name, ok: tests.failed === 0, seconds, output, tests };
}

function countFailed(report: Report, code: number): number {
  const notLoaded = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + notLoaded + report.numPendingTests + report.numTodoTests;
  return failed === 0 && code !== 0 ? 1 : failed;
}

function runVitest(args: readonly string[], quiet: boolean): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        join(root, "node_modules/vitest/vitest.mjs"),
        ...["run", `--reporter=${quiet ? "dot" : "default"}`, "--reporter=json", ...args],
      ],
      {
        cwd: root,
        env: quiet ? { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined } : process.env,
        stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
      },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-200_000);
      });
    }
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

function readReport(path: string): Report | null {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return null;
  }
}
