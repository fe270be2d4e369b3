import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { lineOf, runSteps } from "../../scripts/rehearse/steps.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);

type Result = { step: string; result: string; ms: number; says: string };

it("`pnpm hosted:rehearse` keeps every promise, in time, and leaves nothing behind", async () => {
  const hosts = readFileSync("/etc/hosts", "utf8");
  const left = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("modelfaucet-hosted-"));
  const before = left();
  // The real LiteLLM is a suite of its own: here the rest, with the shortest waits.
  const { stdout, stderr } = await run(
    process.execPath,
    ["scripts/hosted-rehearse.ts", "--stub", "--outage", "3", "--json"],
    { cwd: root, timeout: 280_000, maxBuffer: 4_194_304 },
  ).catch((error: { stdout: string; stderr: string }) => error);
  const report = JSON.parse(stdout) as { ok: boolean; seconds: number; steps: Result[] };
  expect(
    report.steps.filter(({ result }) => result !== "PASS"),
    stderr,
  ).toEqual([]);
  expect(report.ok).toBe(true);
  expect(report.seconds).toBeLessThan(300);
  expect(report.steps.map(({ step }) => step)).toEqual([
    ...["parts", "verify-env", "migrate", "seed", "check-isolation", "servers", "doctor", "smoke-readiness"],
    "attack",
    ...[
      "paid streams",
      "suspend",
      "kill -9 of a gateway",
      "database outage",
      "closed exactly once",
      "books",
      "key rotation",
      "backup",
    ],
    ...["restore drill", "doctor, afterwards", "drain"],
  ]);
  expect(readFileSync("/etc/hosts", "utf8")).toBe(hosts);
  expect(left()).toEqual(before);
}, 300_000);

it("what fails stops only what needs it, and is told with its reason", async () => {
  const ran: string[] = [];
  const step = (name: string, needs: string[], broken?: string) => ({
    name,
    needs,
    run: async () => {
      ran.push(name);
      if (broken) throw new Error(broken);
      return `${name} holds`;
    },
  });
  const told: string[] = [];
  const results = await runSteps(
    [
      step("first", []),
      step("second", ["first"], "a promise is broken\nby this"),
      step("third", ["second"]),
      step("fourth", ["first"]),
      step("fifth", ["third"]),
    ],
    (result) => told.push(lineOf(result)),
  );
  expect(ran).toEqual(["first", "second", "fourth"]);
  expect(results.map(({ result }) => result)).toEqual(["PASS", "FAIL", "SKIP", "PASS", "SKIP"]);
  expect(told[1]).toMatch(/^FAIL {2}second +\d+ ms {2}a promise is broken\n {6}by this$/);
  expect(told[2]).toContain('not without "second"');
});
