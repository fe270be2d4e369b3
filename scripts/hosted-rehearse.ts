// `pnpm hosted:rehearse`: plays the operator of a hosted deployment on one machine, without Docker.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deploySteps } from "./rehearse/deploy-steps.ts";
import { Rehearsal } from "./rehearse/rehearsal.ts";
import { lineOf, runSteps } from "./rehearse/steps.ts";
import { trafficSteps } from "./rehearse/traffic-steps.ts";
import { upkeepSteps } from "./rehearse/upkeep-steps.ts";

const usage = `usage: pnpm hosted:rehearse [--keep] [--json] [--stub] [--outage <seconds>]
Brings up a hosted deployment on this machine, loses a gateway and the database under paid traffic, backs up, restores
and drains: one line per step, PASS or FAIL with its time. 1 at any FAIL, after all steps that can still run.
Needs Linux, root, and the packages postgresql-15, nginx-light and redis-server.

  --keep       leaves environment, logs and backup in their folder, and says where it is
  --stub       a stub in place of LiteLLM, also where that is installed
  --outage 5   so long the database is away`;

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: "boolean" },
      json: { type: "boolean" },
      stub: { type: "boolean" },
      outage: { type: "string", default: "5" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const outageMs = Number(values.outage) * 1_000;
  if (!(outageMs >= 3_000 && outageMs <= 60_000)) {
    console.error("--outage takes a number of seconds between 3 and 60");
    return 2;
  }
  const startedAt = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-hosted-"));
  chmodSync(folder, 0o700);
  const rehearsal = new Rehearsal({ folder, withLitellm: !values.stub, outageMs });
  const close = async (): Promise<void> => {
    await rehearsal.close();
    if (values.keep) console.error(`kept: ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void close().finally(() => process.exit(1)));
  const results = await runSteps(
    [...deploySteps(rehearsal), ...trafficSteps(rehearsal), ...upkeepSteps(rehearsal)],
    (result) => (values.json ? console.error : console.log)(lineOf(result)),
  );
  await close();
  const failed = results.filter(({ result }) => result !== "PASS").length;
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  if (values.json) console.log(JSON.stringify({ ok: failed === 0, seconds, steps: results }));
  else console.log(`${results.length - failed} passed, ${failed} failed or not run, ${seconds} s`);
  return failed === 0 ? 0 : 1;
}

process.exit(
  await main(process.argv.slice(2).filter((arg) => arg !== "--")).catch((error: unknown) => {
    console.error((error as Error).message);
    return String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS") ? 2 : 1;
  }),
);
