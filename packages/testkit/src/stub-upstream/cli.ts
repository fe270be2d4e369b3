import { parseArgs } from "node:util";
import { startStubUpstream } from "./stub-upstream.ts";

// Runs the stub on its own: `node scripts/run.mjs packages/testkit/src/stub-upstream/cli.ts --port 4100`.
const { values } = parseArgs({ options: { port: { type: "string", default: "0" } } });
const stub = await startStubUpstream({ port: Number(values.port) });
console.log(`stub upstream ready at ${stub.url}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void stub.close().then(() => process.exit(0)));
}
