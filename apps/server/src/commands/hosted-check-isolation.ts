import { parseArgs } from "node:util";
import type { Database } from "../lib/db.ts";
import {
  type IsolationResult,
  type ReadingLogin,
  readLogin,
  runIsolationChecks,
} from "../modules/isolation/isolation.ts";

export const checkIsolationHelp = `usage: pnpm hosted:check-isolation [--attack] [--json]
Compares every owned row with its app, developer and end user, and every owned table with what the schema promises, in one
read-only transaction of DATABASE_READONLY_URL or DATABASE_URL. It prints counts and no content. 1 on any mismatch.

  --attack   asks a running deployment from outside instead, at MODELFAUCET_API_BASE_URL and MODELFAUCET_GATEWAY_BASE_URL: as
             the demo tenant, by a token and a session of 15 minutes that DEVELOPER_ADMIN_TOKEN mints and revokes, every route
             that takes an id with the ids of the isolation tenant. What is not answered with 401, 403 or 404 is a mismatch.
             Both tenants have to be there: pnpm db:seed --demo. Needs no database.`;

/** `hosted check-isolation`: 0 when every check holds, 1 when one does not. */
export async function runCheckIsolation(args: readonly string[], database: Database): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { json: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(checkIsolationHelp);
    return 0;
  }
  const { login, results } = await database.read({ purpose: "isolation" }, async (tx) => {
    return { login: await readLogin(tx), results: await runIsolationChecks(tx) };
  });
  const ok = results.every(({ mismatches }) => mismatches === 0);
  if (values.json) {
    const checks = results.map((result) => ({ ...result, ok: result.mismatches === 0 }));
    console.log(JSON.stringify({ ok, login, checks }));
  } else {
    for (const line of linesOf(results, login)) console.log(line);
  }
  return ok ? 0 : 1;
}

function linesOf(results: readonly IsolationResult[], login: ReadingLogin): string[] {
  const width = Math.max(...results.map(({ name }) => name.length));
  const failed = results.filter(({ mismatches }) => mismatches > 0).length;
  return [
    ...results.map(({ name, rows, mismatches, tables }) => {
      const line = `${mismatches === 0 ? "PASS" : "FAIL"}  ${name.padEnd(width)}  ${String(rows).padStart(9)} compared`;
      const named = tables.length > 0 ? `: ${tables.join(", ")}` : "";
      return mismatches === 0 ? line : `${line}, ${mismatches} mismatched${named}`;
    }),
    `${results.length - failed} passed, ${failed} failed, read as "${login.name}"${login.can_write ? "" : ", which cannot write"}`,
  ];
}
