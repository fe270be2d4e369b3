// `pnpm check`: everything that is checked before a commit, in under a minute.
import { type PartResult, partLine, runStaticParts, runUnitTests } from "./check-parts.ts";

const args = process.argv.slice(2).filter((arg) => arg !== "--");
if (args.includes("--help")) {
  console.log(
    "usage: pnpm check [--json]\n\nFormat, lint, types, unused code, generated files, secrets, the import table and the unit tests.",
  );
  process.exit(0);
}
const json = args.includes("--json");
if (args.some((arg) => arg !== "--json")) {
  console.error("`pnpm check` takes only `--json` and `--help`.");
  process.exit(2);
}

const startedAt = performance.now();
const tell = (result: PartResult) => (json ? console.error : console.log)(partLine(result));
const results = [...(await runStaticParts(tell)), await runUnitTests(tell)];
const failed = results.filter(({ ok }) => !ok);
const seconds = (performance.now() - startedAt) / 1000;
if (json) {
  console.log(JSON.stringify({ ok: failed.length === 0, seconds, parts: results }));
} else {
  const outcome = failed.length === 0 ? "all good" : `failed: ${failed.map(({ name }) => name).join(", ")}`;
  console.log(`\ncheck: ${outcome}, in ${seconds.toFixed(1)} s`);
}
process.exit(failed.length === 0 ? 0 : 1);
