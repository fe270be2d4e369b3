import { parseArgs } from "node:util";
import { type Environment, inspectConfig } from "../../config.ts";
import { openDatabase } from "../../lib/db.ts";
import { connectionBudget, diskFindings, portFindings } from "./capacity.ts";
import { configurationFindings, permissionFindings } from "./configuration.ts";
import { clockFindings, connectionFindings, poolerFindings, schemaFindings } from "./database.ts";
import { type Finding, fail, type Patient } from "./finding.ts";
import { keyFindings } from "./keys.ts";
import { loginFindings } from "./logins.ts";
import { alertFindings, backupFindings, redisFindings } from "./upkeep.ts";
import { upstreamFindings } from "./upstreams.ts";

export const doctorHelp = `usage: pnpm mf doctor [--fix-permissions] [--json]
Looks at configuration, database, logins, keys, upstreams, capacity and upkeep, and says what is wrong and what to do.
It writes nothing. 1 when something fails; what only wants an eye is a warning.

  --fix-permissions   makes the file of this machine's secrets its owner's alone`;

type Check = readonly [name: string, run: (patient: Patient) => Promise<Finding[]>];

/** What needs no database. */
const ofTheMachine: readonly Check[] = [
  ["ports", ({ config }) => portFindings(config)],
  ["disk", ({ config }) => diskFindings(config)],
  ["database", ({ config }) => connectionFindings(config)],
];

/** What is asked only where the database answers with a schema of ours. */
const ofTheDatabase: readonly Check[] = [
  ["pooler", poolerFindings],
  ["logins", loginFindings],
  ["clock", clockFindings],
  ["key ring", keyFindings],
  ["connections", connectionBudget],
  ["redis", redisFindings],
  ["prices", upstreamFindings],
  ["backup", backupFindings],
  ["alerts", alertFindings],
];

const withinMs = 15_000;

/** `doctor`: 0 when nothing fails, else 1. */
export async function runDoctor(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "fix-permissions": { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(doctorHelp);
    return 0;
  }
  const findings: Finding[] = [];
  await diagnose({ fixPermissions: values["fix-permissions"] ?? false }, (some) => {
    findings.push(...some);
    if (!values.json) for (const finding of some) console.log(lineOf(finding));
  });
  const failed = findings.filter(({ level }) => level === "fail").length;
  const warned = findings.filter(({ level }) => level === "warn").length;
  if (values.json) console.log(JSON.stringify({ ok: failed === 0, findings }));
  else console.log(`\n${findings.length} looked at, ${failed} failed, ${warned} to look at`);
  return failed === 0 ? 0 : 1;
}

/** Looks at everything, and tells what it finds as it goes. */
export async function diagnose(
  options: { fixPermissions: boolean; env?: Environment },
  tell: (findings: readonly Finding[]) => void,
): Promise<void> {
  const { config, faults, warnings } = inspectConfig(options.env);
  tell(configurationFindings(config, faults, warnings));
  tell(permissionFindings(config, options.fixPermissions));
  const { url } = config.database;
  const database = openDatabase({
    ...config.database,
    url: url ?? "postgresql://127.0.0.1:1/none",
    poolMax: 2,
    applicationName: "modelfaucet doctor",
    // Whether it is behind one is a question of this command's; one that is may refuse anything else.
    behindPooler: true,
  });
  try {
    await examine({ config, database }, tell);
  } finally {
    await database.close();
  }
}

async function examine(patient: Patient, tell: (findings: readonly Finding[]) => void): Promise<void> {
  let answers = true;
  for (const check of ofTheMachine) {
    const found = await looked(check, patient);
    tell(found);
    if (found.some(({ check: name, level }) => name === "database" && level === "fail")) answers = false;
  }
  if (!answers) return;
  const schema = await looked(["schema", schemaFindings], patient);
  tell(schema);
  if (schema.some(({ level }) => level === "fail")) return;
  for (const check of ofTheDatabase) tell(await looked(check, patient));
}

/** A check that cannot be made is a finding too. */
async function looked([name, run]: Check, patient: Patient): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Finding[]>((resolve) => {
    const says = `no answer within ${withinMs / 1000} s`;
    timer = setTimeout(() => resolve([fail(name, says, "look at what it depends on")]), withinMs);
  });
  try {
    return await Promise.race([run(patient), late]);
  } catch (error) {
    return [fail(name, (error as Error).message, "this could not be looked at: see the reason")];
  } finally {
    clearTimeout(timer);
  }
}

function lineOf({ check, level, says, remedy }: Finding): string {
  const head = `${level.padEnd(4)}  ${check.padEnd(14)}  ${says}`;
  return remedy === null ? head : `${head}\n${" ".repeat(22)}${remedy}`;
}
