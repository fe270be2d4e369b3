// The parts of `pnpm check`. Each is a tool of its own; what it prints names file and line.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { testPart } from "./vitest-run.ts";

export type PartResult = {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly output: string;
  /** Single tests; `null`: the part counts as one. */
  readonly tests: { readonly passed: number; readonly failed: number } | null;
};

const root = join(import.meta.dirname, "..");

const staticParts: Record<string, string[]> = {
  "format and lint": [
    "node_modules/@biomejs/biome/bin/biome",
    ...["check", "--error-on-warnings", "--reporter=concise", "--max-diagnostics=none", "--colors=off", "."],
  ],
  types: ["node_modules/typescript/bin/tsc", "--noEmit", "--pretty", "false"],
  "unused code": ["node_modules/knip/bin/knip.js", "--no-progress", "--no-config-hints"],
  "generated files": ["scripts/generate.ts", "--check"],
  secrets: ["scripts/verify-secrets.ts"],
  "compose files": ["scripts/compose-verify.ts", "--static"],
};

/** Format, lint, types, unused code, generated files: two at a time, each result told as it comes. */
export async function runStaticParts(tell: (result: PartResult) => void): Promise<PartResult[]> {
  return runTwoAtATime(
    Object.entries(staticParts).map(([name, command]) => async () => {
      const result = await runTool(name, command);
      tell(result);
      return result;
    }),
  );
}

/** The unit tests with the architecture table. */
export async function runUnitTests(tell: (result: PartResult) => void): Promise<PartResult> {
  const result = await testPart("unit tests", ["--project", "unit"], { quiet: true });
  tell(result);
  return result;
}

/** One line per part, and beneath a failed one everything that its tool said. */
export function partLine(result: PartResult): string {
  const head = `${result.ok ? "ok  " : "FAIL"}  ${result.name.padEnd(18)}${result.seconds.toFixed(1).padStart(6)} s`;
  const tests = result.tests ? `  ${result.tests.passed} passed, ${result.tests.failed} failed` : "";
  return result.ok ? head + tests : `${head}${tests}\n${result.output.trimEnd()}`;
}

function runTool(name: string, [script, ...args]: string[]): Promise<PartResult> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, script!), ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-200_000);
      });
    }
    const end = (ok: boolean) =>
      resolve({ name, ok, seconds: (performance.now() - startedAt) / 1000, output, tests: null });
    child.on("error", (error) => {
      output += error.message;
      end(false);
    });
    child.on("close", (code) => end(code === 0));
  });
}

async function runTwoAtATime<T>(tasks: (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  const queue = [...tasks.entries()];
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await next[1]();
  };
  await Promise.all([lane(), lane()]);
  return results;
}
