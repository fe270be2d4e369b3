import { parseArgs } from "node:util";

const caseNames = ["hold-settle", "stream", "auth", "boundary"] as const;
export type CaseName = (typeof caseNames)[number];

export type BenchOptions = {
  cases: readonly CaseName[];
  /** One figure per run of each case. */
  connections: readonly number[];
  /** How long each target of a scenario is measured, in seconds, warm-up apart. */
  seconds: number;
  /** An earlier result to compare with. */
  compare: string | null;
  /** How many percent of its ratio to the bare hop a scenario may lose before the run fails. */
  gatePercent: number | null;
  /** Nothing on standard output but one JSON line per scenario. */
  json: boolean;
  /** Writes a CPU profile of the gateway beside the results. */
  profile: boolean;
};

export const benchHelp = `usage: pnpm bench [flags]

Boots a database of its own, a stub upstream, the servers and a bare hop on loopback, drives them from outside and prints
one JSON line per scenario. The result is kept under bench/results/.

  --case NAME        hold-settle, stream, auth, boundary or all (default: all)
  --connections N    only with N connections (default: 1 and 64)
  --seconds N        seconds for each target of a scenario (default: 8)
  --compare FILE     an earlier result; prints how the ratios moved
  --gate PERCENT     exit 1 when a scenario's ratio fell by more than PERCENT against --compare, or when, without it,
                     a target of docs/performance.md is missed by more than PERCENT
  --json             progress and summary go to standard error
  --profile          also write a CPU profile of the gateway to bench/results/`;

/** A flag that cannot be understood; told to the person at the terminal, exit code 2. */
export class BenchUsage extends Error {}

/** `null` when help was asked for. @throws BenchUsage */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const values = flagsOf(args);
  if (values.help) return null;
  const which = values.case ?? "all";
  if (which !== "all" && !caseNames.includes(which as CaseName)) {
    throw new BenchUsage(`--case must be one of ${caseNames.join(", ")} or all`);
  }
  const connections = values.connections;
  return {
    cases: which === "all" ? caseNames : [which as CaseName],
    connections: connections === undefined ? [1, 64] : [wholeNumber("--connections", connections, 1, 4096)],
    seconds: wholeNumber("--seconds", values.seconds ?? "8", 1, 600),
    compare: values.compare ?? null,
    gatePercent: values.gate === undefined ? null : wholeNumber("--gate", values.gate, 0, 100),
    json: values.json === true,
    profile: values.profile === true,
  };
}

function flagsOf(args: readonly string[]) {
  try {
    return parseArgs({
      args: args.filter((arg) => arg !== "--"),
      options: {
        case: { type: "string" },
        connections: { type: "string" },
        seconds: { type: "string" },
        compare: { type: "string" },
        gate: { type: "string" },
        json: { type: "boolean" },
        profile: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new BenchUsage((error as Error).message);
  }
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw new BenchUsage(`${flag} must be a whole number between ${least} and ${most}`);
  }
  return value;
}
