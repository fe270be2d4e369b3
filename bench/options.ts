import { parseArgs } from "node:util";

/** Everything that `all` measures, in its order. */
const caseNames = ["hold-settle", "stream", "streams", "auth", "boundary"] as const;
/** Measured when they are asked for by name. */
const namedCases = ["limits", "console"] as const;
export type CaseName = (typeof caseNames)[number] | (typeof namedCases)[number];

export type BenchOptions = {
  cases: readonly CaseName[];
  /** One run of each case per figure; `null` for the case's own. */
  connections: readonly number[] | null;
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
  /** Of `--case limits`: only the app with so many limits on a request. */
  limits: number | null;
  /** Of `--case console`: requests in the log that is read. */
  logged: number;
};

export const benchHelp = `usage: pnpm bench [flags]

Boots a database of its own, a stub upstream, the servers, a bare hop and Portkey's gateway on loopback, drives them from
outside and prints one JSON line per scenario. The result is kept under bench/results/.

  --case NAME        hold-settle, stream, streams, auth, boundary or all of these (default: all); beside
                     them limits (what limits on a request cost) and console (its reads over a long log)
  --connections N    only with N connections, or with each of N,M,… (default: 1, 64 and 256; streams: 1000)
  --seconds N        seconds for each target of a scenario (default: 8)
  --compare FILE     an earlier result; prints how the ratios moved
  --gate PERCENT     exit 1 when a scenario's ratio fell by more than PERCENT against --compare, or when, without it,
                     a target of docs/performance.md is missed by more than PERCENT
  --limits N         with --case limits: only the app with N limits, 0, 3 or 8
  --requests N       with --case console: requests in the log (default: 1000000)
  --json             progress and summary go to standard error
  --profile          also write a CPU profile of the gateway to bench/results/

Portkey's gateway is measured where \`pnpm portkey:install\` has put it into the cache.`;

/** A flag that cannot be understood; told to the person at the terminal, exit code 2. */
export class BenchUsage extends Error {}

/** `null` when help was asked for. @throws BenchUsage */
export function readOptions(args: readonly string[]): BenchOptions | null {
  const values = flagsOf(args);
  if (values.help) return null;
  const connections = values.connections?.split(",");
  const limits = values.limits === undefined ? null : wholeNumber("--limits", values.limits, 0, 8);
  if (limits !== null && ![0, 3, 8].includes(limits)) throw new BenchUsage("--limits must be 0, 3 or 8");
  return {
    cases: casesOf(values.case ?? "all"),
    connections: connections?.map((one) => wholeNumber("--connections", one, 1, 4096)) ?? null,
    seconds: wholeNumber("--seconds", values.seconds ?? "8", 1, 600),
    compare: values.compare ?? null,
    gatePercent: values.gate === undefined ? null : wholeNumber("--gate", values.gate, 0, 100),
    json: values.json === true,
    profile: values.profile === true,
    limits,
    logged: wholeNumber("--requests", values.requests ?? "1000000", 1, 100_000_000),
  };
}

function casesOf(which: string): readonly CaseName[] {
  if (which === "all") return caseNames;
  const known = [...caseNames, ...namedCases].find((name) => name === which);
  if (!known)
    throw new BenchUsage(`--case must be one of ${[...caseNames, ...namedCases].join(", ")} or all`);
  return [known];
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
        limits: { type: "string" },
        requests: { type: "string" },
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
