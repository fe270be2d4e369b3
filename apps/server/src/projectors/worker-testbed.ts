// Reads the log on in small batches until somebody ends this process: `node worker-testbed.ts <database url>`.
import { setTimeout as wait } from "node:timers/promises";
import { openDatabase } from "../lib/db.ts";
import { allProjectors, projectBatch } from "./projectors.ts";

const database = openDatabase({
  url: process.argv[2]!,
  poolMax: 2,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 10_000,
  idleTransactionTimeoutMs: 10_000,
  applicationName: "projectors-test",
});
console.log("reads");
for (;;) {
  let read = 0;
  for (const state of ["live", "building"] as const) {
    for (const projector of allProjectors) {
      if ((await projectBatch({ database }, projector, state, 100)) === "more") read++;
    }
  }
  if (read === 0) await wait(5);
}
