// `pnpm bench`: how fast the gateway is beside a hop that keeps no books, and whether its books are right afterwards.
import { layGround } from "./ground.ts";
import { type BenchOptions, BenchUsage, benchHelp, readOptions } from "./options.ts";
import { createProbe } from "./probe.ts";
import { proveBooks } from "./proof.ts";
import { compared, keep, machineFacts, type Report, targetsOf } from "./report.ts";
import { startRig } from "./rig.ts";
import { measure, type ScenarioResult, type Sent } from "./scenarios.ts";

const sessions = 1_000;

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === null) {
      console.log(benchHelp);
      return 0;
    }
    return judge(await run(options), options);
  } catch (error) {
    console.error(error instanceof BenchUsage ? error.message : error);
    return error instanceof BenchUsage ? 2 : 1;
  }
}

async function run(options: BenchOptions): Promise<Report> {
  const tell = (step: string): void => console.error(`bench: ${step}`);
  const rig = await startRig({ profile: options.profile, tell });
  const interrupted = (): void => void rig.stop().finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    const machine = await machineFacts(rig);
    tell(`opening ${sessions} sessions`);
    const ground = await layGround(rig, sessions);
    const probe = await createProbe(rig, ground);
    const sent: Sent = { settled: 0, relayedBare: 0, probed: 0 };
    const scenarios: ScenarioResult[] = [];
    for (const name of options.cases) {
      for (const connections of options.connections) {
        tell(`${name}, ${connections === 1 ? "1 connection" : `${connections} connections`}`);
        const results = await measure(name, connections, {
          rig,
          ground,
          probe,
          seconds: options.seconds,
          sent,
        });
        for (const result of results) console.log(JSON.stringify(result));
        scenarios.push(...results);
      }
    }
    await probe.stop();
    tell("checking the books");
    const books = await proveBooks(rig, sent);
    return { at: new Date().toISOString(), machine, scenarios, targets: targetsOf(scenarios), books };
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await rig.stop();
  }
}

/** Tells what it came to; 1 when the books are not clean, when an answer was wrong, or when a gate was crossed. */
function judge(report: Report, options: BenchOptions): number {
  const tell = options.json ? console.error : console.log;
  const moved = options.compare === null ? null : compared(options.compare, report.scenarios);
  tell(`\nmachine ${JSON.stringify(report.machine)}`);
  for (const { target, wanted, measured, ok } of report.targets) {
    tell(`${ok ? "reached" : "missed "}  ${measured} (wanted ${wanted})  ${target}`);
  }
  for (const { place, before, now, lostPercent } of moved ?? []) {
    tell(`ratio ${before} → ${now} (${lostPercent > 0 ? "-" : "+"}${Math.abs(lostPercent)} %)  ${place}`);
  }
  const { books } = report;
  tell(`books   ${books.ok ? "clean" : "NOT CLEAN"}: ${JSON.stringify(books)}`);
  tell(`written to ${keep(report)}`);
  const errors = report.scenarios.reduce((sum, result) => sum + result.errors, 0);
  if (errors > 0) console.error(`bench: ${errors} answers were not what was asked for`);
  return books.ok && errors === 0 && isWithinGate(report, moved, options.gatePercent) ? 0 : 1;
}

function isWithinGate(
  { targets }: Report,
  moved: ReturnType<typeof compared> | null,
  gatePercent: number | null,
): boolean {
  if (gatePercent === null) return true;
  if (moved) return moved.every(({ lostPercent }) => lostPercent <= gatePercent);
  return targets.every(({ ok, reached }) => ok || 100 * (1 - reached) <= gatePercent);
}
