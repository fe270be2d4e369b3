import { parseArgs } from "node:util";
import { type SeedDeps, type SeededRow, seed } from "../flows/seed.ts";

export const seedHelp = `usage: pnpm db:seed [--demo | --no-demo] [--json]
Makes what is missing and changes nothing that exists. The demo tenants come by default, in production only with --demo.`;

/** `seed`: prints what was made and what was there. 0 when it is done, 2 on wrong usage. @throws when it is not done */
export async function runSeed(deps: SeedDeps, args: readonly string[]): Promise<number> {
  const values = readArgs(args);
  if (values === null || (values.demo && values["no-demo"])) {
    console.error(seedHelp);
    return 2;
  }
  if (values.help) {
    console.log(seedHelp);
    return 0;
  }
  const demo = values.demo ?? (values["no-demo"] ? false : !deps.production);
  print(await seed(deps, { demo }), values.json === true);
  return 0;
}

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        demo: { type: "boolean" },
        "no-demo": { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch {
    return null;
  }
}

function print(rows: readonly SeededRow[], asJson: boolean): void {
  const created = rows.filter((row) => row.created).length;
  if (asJson) {
    console.log(JSON.stringify({ created, left_alone: rows.length - created, rows }));
    return;
  }
  for (const row of rows) console.log(`${row.created ? "made " : "there"}  ${row.what}`);
  console.log(`${created} made, ${rows.length - created} left alone`);
}
