import { readFileSync } from "node:fs";
import { parseArgs, parseEnv } from "node:util";
import { type Environment, judgeHosted } from "../config.ts";

export const hostedVerifyEnvHelp = `usage: pnpm hosted:verify-env [--file <env>] [--json]
Judges the environment as the servers of a hosted deployment do at their start, and tells every fault at once: variable,
fault, what to do; never a value. It opens no connection and resolves no name.

  --file <env>   judge that file instead of the environment of this process`;

/** `hosted verify-env`: 0 when nothing is wrong; 1 when something is, or the file cannot be read. */
export async function runHostedVerifyEnv(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { file: { type: "string" }, json: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(hostedVerifyEnvHelp);
    return 0;
  }
  const env = values.file === undefined ? undefined : readEnvFile(values.file);
  if (env === null) {
    console.error(`${values.file} cannot be read: name a file of NAME=value lines`);
    return 1;
  }
  const { faults, warnings } = judgeHosted(env);
  for (const warning of warnings) console.error(`warning: ${warning}`);
  if (values.json) {
    console.log(JSON.stringify({ ok: faults.length === 0, faults, warnings }));
  } else {
    for (const { variable, fault, remedy } of faults) console.log(`${variable} ${fault}: ${remedy}`);
    console.log(outcomeOf(faults.length));
  }
  return faults.length === 0 ? 0 : 1;
}

function outcomeOf(faults: number): string {
  if (faults === 0) return "nothing is wrong with this environment";
  return faults === 1
    ? "1 fault: the servers will not start"
    : `${faults} faults: the servers will not start`;
}

function readEnvFile(path: string): Environment | null {
  try {
    return parseEnv(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
