// Runs one TypeScript entry on a Node that strips types: this one if it is new enough, else the pinned one.
// Plain JavaScript, because the machine's Node may be 20.
import { fail, handOver } from "./hand-over.mjs";

const [entry, ...args] = process.argv.slice(2);
if (!entry) {
  console.error("usage: node scripts/run.mjs <entry.ts> [arguments]");
  process.exit(2);
}
await handOver(entry, args).catch(fail);
