// `pnpm test:soak`: the bigger figures of what the crash suites prove, with real waits, over and over until the time is up.
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { partLine } from "./check-parts.ts";
import { endLeaked, markTestRun } from "./leaked-processes.ts";
import { testPart } from "./vitest-run.ts";

const help = `usage: pnpm test:soak [flags]

Runs the suites of tests/crash at their release sizes, each with a seed of its own, until the minutes are over; one that
has begun is finished. Every suite ends with the checks of \`pnpm books\`; the table at the end says how often each held.

  --minutes N    how long suites are begun (default: 10)
  --seed N       the first seed (default: by chance; printed first)
  --only TEXT    only suites whose name contains it`;

const folder = join(import.meta.dirname, "../tests/crash");

process.exit(await main());

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "10" },
      seed: { type: "string", default: String(randomInt(1, 2 ** 31)) },
      only: { type: "string", default: "" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const [minutes, firstSeed] = [Number(values.minutes), Number(values.seed)];
  const suites = readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts") && name.includes(values.only))
    .sort();
  if (!(minutes > 0) || !Number.isSafeInteger(firstSeed) || suites.length === 0) {
    console.error(`--minutes is above 0, --seed a whole number, --only part of a suite's name\n\n${help}`);
    return 2;
  }
  console.log(`seed ${firstSeed}`);
  return soak(suites, minutes, firstSeed);
}

type Kept = { runs: number; passed: number; failed: number; seeds: number[] };

async function soak(suites: readonly string[], minutes: number, firstSeed: number): Promise<number> {
  const mark = markTestRun();
  const kept = new Map<string, Kept>(
    suites.map((name) => [name, { runs: 0, passed: 0, failed: 0, seeds: [] }]),
  );
  const endsAt = performance.now() + minutes * 60_000;
  process.env.MODELFAUCET_SOAK = "1";
  for (let round = 0; performance.now() < endsAt; round++) {
    const name = suites[round % suites.length]!;
    const seed = firstSeed + round;
    process.env.MODELFAUCET_SOAK_SEED = String(seed);
    console.log(`\n${name}, seed ${seed} …`);
    const result = await testPart(name, ["--project", "crash", join(folder, name)], { quiet: false });
    console.log(partLine({ ...result, output: "" }));
    const row = kept.get(name)!;
    row.runs += 1;
    row.passed += result.tests?.passed ?? 0;
    row.failed += result.tests?.failed ?? 1;
    if (!result.ok) row.seeds.push(seed);
  }
  const leaked = await endLeaked(mark);
  for (const process of leaked) console.log(`LEAKED  ${process}`);
  return told(kept, leaked.length);
}

function told(kept: ReadonlyMap<string, Kept>, leaked: number): number {
  console.log("\nbooks");
  let failed = leaked;
  for (const [name, { runs, passed, failed: broken, seeds }] of kept) {
    failed += broken;
    const verdict = runs === 0 ? "----" : broken === 0 ? "PASS" : "FAIL";
    const of = seeds.length === 0 ? "" : `, seeds ${seeds.join(" ")}`;
    console.log(`  ${verdict}  ${name.padEnd(28)} ${runs} runs, ${passed} held, ${broken} broke${of}`);
  }
  return failed === 0 ? 0 : 1;
}
