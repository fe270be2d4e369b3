// Runs one TypeScript entry on a Node that strips types: this one if it is new enough, else the pinned one that
// `npm start` or `npm test` has installed. Plain JavaScript, because the machine's Node may be 20.
import { spawn } from "node:child_process";
import { nodeForTypeScript } from "./node-runtime.mjs";

const [entry, ...args] = process.argv.slice(2);
if (!entry) {
  console.error("usage: node scripts/run.mjs <entry.ts> [arguments]");
  process.exit(2);
}

const child = spawn(await nodeForTypeScript(), ["--disable-warning=ExperimentalWarning", entry, ...args], {
  stdio: "inherit",
  env: { ...process.env, MODELFAUCET_PARENT_PID: String(process.pid) },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
// A killed package manager leaves this process to init: then the child has nobody who would end it.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) child.kill("SIGKILL");
}, 500).unref();
child.on("error", (error) => {
  console.error(`cannot start Node: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
