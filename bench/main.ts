// `pnpm bench`: how fast the gateway is beside a hop that keeps no books, and whether its books are right afterwards.
import { spawnSync } from "node:child_process";
import { layGround } from "./ground.ts";
import { type ManyStreamsResult, measureManyStreams } from "./many-streams.ts";
import { type BenchOptions, BenchUsage, benchHelp, readOptions } from "./options.ts";
import { connectionsOf, plansFor, trafficsOf, wantsPortkey } from "./plan.ts";
import { createProbe } from "./probe.ts";
import { proveBooks } from "./proof.ts";
import { compared, keep, machineFacts, type Report } from "./report.ts";
import { root, startRig } from "./rig.ts";
import { type Measuring, measure, type ScenarioResult, type Sent } from "./scenarios.ts";
import { targetsOf } from "./targets.ts";

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === null) {
      console.log(benchHelp);
      return 0;
    }
    if (options.cases[0] === "console") return readConsole(options);
    return judge(await run(options), options);
  } catch (error) {
    console.error(error instanceof BenchUsage ? error.message : error);
    return error instanceof BenchUsage ? 2 : 1;
  }
}

/** The console's reads have a database, a log and a judgement of their own. */
function readConsole({ logged }: BenchOptions): number {
  const args = [...process.execArgv, "bench/console.ts", "--requests", String(logged)];
  const env = { ...process.env, MODELFAUCET_PARENT_PID: String(process.pid) };
  return spawnSync(process.execPath, args, { cwd: root, stdio: "inherit", env }).status ?? 1;
}

async function run(options: BenchOptions): Promise<Report> {
  const tell = (step: string): void => console.error(`bench: ${step}`);
  const rig = await startRig({ profile: options.profile, portkey: wantsPortkey(options), tell });
  const interrupted = (): void => void rig.stop().finally(() => process.exit(130));
  process.once("SIGINT", interrupted).once("SIGTERM", interrupted);
  try {
    const machine = await machineFacts(rig);
    const plans = plansFor(options);
    tell(`opening ${plans.reduce((sum, { users }) => sum + users, 0)} sessions`);
    const ground = await layGround(rig, plans);
    const probe = await createProbe(rig, ground);
    const sent: Sent = { settled: 0, relayed: 0, probed: 0 };
    const { scenarios, streams } = await runCases(
      options,
      { rig, ground, probe, seconds: options.seconds, sent },
      tell,
    );
    await probe.stop();
    tell("checking the books");
    const books = await proveBooks(rig, sent);
    const targets = targetsOf(scenarios, streams);
    return { at: new Date().toISOString(), machine, scenarios, streams, targets, books };
  } finally {
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
    await rig.stop();
  }
}

async function runCases(
  options: BenchOptions,
  measuring: Measuring,
  tell: (step: string) => void,
): Promise<{ scenarios: ScenarioResult[]; streams: ManyStreamsResult[] }> {
  const scenarios: ScenarioResult[] = [];
  const streams: ManyStreamsResult[] = [];
  for (const name of options.cases) {
    if (name === "console") continue;
    for (const connections of options.connections ?? connectionsOf(name)) {
      tell(`${name}, ${connections === 1 ? "1 connection" : `${connections} connections`}`);
      if (name === "streams") {
        streams.push(...printed(await measureManyStreams(measuring.rig, connections, options.seconds)));
        continue;
      }
      const traffics = trafficsOf(name, connections, measuring.ground, options.limits);
      scenarios.push(...printed(await measure(name, connections, traffics, measuring)));
    }
  }
  return { scenarios, streams };
}

function printed<T>(results: readonly T[]): readonly T[] {
  for (const result of results) console.log(JSON.stringify(result));
  return results;
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
  const errors =
    report.scenarios.reduce((sum, result) => sum + result.errors, 0) +
    report.streams.reduce((sum, result) => sum + result.broken, 0);
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
