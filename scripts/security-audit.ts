// `pnpm security:audit`: known weaknesses of the lock file's packages, asked of the registry. A registry that cannot say is no
// pass: the sentence says so, and the exit code is 1.
import { spawn } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const withinMs = 120_000;
const mostOutput = 16 * 1024 * 1024;

const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(
    "usage: pnpm security:audit [--json]\n\nAsks the package registry for known weaknesses of what the lock file names; 1 when there are\nhigh or critical ones, or when the registry does not answer.",
  );
  process.exit(0);
}
if (args.some((arg) => arg !== "--json")) {
  console.error("`pnpm security:audit` takes only `--json` and `--help`.");
  process.exit(2);
}
process.exit(await audit(args.includes("--json")));

type Advisory = { severity?: string; module_name?: string; name?: string; title?: string; url?: string };

async function audit(json: boolean): Promise<number> {
  const { stdout, stderr } = await runPnpmAudit();
  const answer = parseAnswer(stdout);
  if (answer === null) {
    console.error(whyNoAnswer(stdout + stderr));
    return 1;
  }
  const grave = answer.filter(({ severity }) => severity === "high" || severity === "critical");
  if (json) {
    console.log(JSON.stringify({ ok: grave.length === 0, advisories: answer }));
  } else {
    for (const { severity, module_name, name, title, url } of answer)
      console.log(
        `${severity ?? "unrated"}  ${module_name ?? name ?? "?"}: ${title ?? ""} ${url ?? ""}`.trimEnd(),
      );
    console.log(`${answer.length} known weaknesses, ${grave.length} of them high or critical`);
  }
  return grave.length === 0 ? 0 : 1;
}

function runPnpmAudit(): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn("npx", ["--yes", "pnpm@12", "audit", "--json"], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: withinMs,
    });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const)
      child[name].setEncoding("utf8").on("data", (text: string) => {
        said[name] = (said[name] + text).slice(-mostOutput);
      });
    child.on("error", (error) => resolve({ stdout: "", stderr: error.message }));
    child.on("close", () => resolve(said));
  });
}

/** The advisories of an answer, `null` when it is none. */
function parseAnswer(text: string): Advisory[] | null {
  try {
    const answer = JSON.parse(text) as { advisories?: Record<string, Advisory>; error?: unknown };
    if (answer.error !== undefined || answer.advisories === undefined) return null;
    return Object.values(answer.advisories);
  } catch {
    return null;
  }
}

function whyNoAnswer(said: string): string {
  const status = /responded with (\d{3})/.exec(said)?.[1];
  if (status !== undefined)
    return `the registry has no audit to ask (it answered ${status}): nothing was checked; ask another registry`;
  if (/ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|fetch failed|META_FETCH_FAIL/i.test(said))
    return "the registry cannot be reached: nothing was checked";
  const line = said.split("\n").find((part) => part.trim() !== "") ?? "it said nothing";
  return `the audit gave no answer (${line.trim().slice(0, 200)}): nothing was checked`;
}
