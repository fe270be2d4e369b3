// Hands over to one TypeScript program and becomes a wire to it: signals go in, the exit code comes out.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { nodeForTypeScript } from "./node-runtime.mjs";

const followParent = new URL("./follow-parent.mjs", import.meta.url).href;

/** Runs `entry` with `args`; never returns. @throws {Error} one sentence when there is no Node for it. */
export async function handOver(entry, args, { onInstall } = {}) {
  const node = await nodeForTypeScript({ onInstall });
  const child = spawn(
    node,
    ["--disable-warning=ExperimentalWarning", "--import", followParent, entry, ...args],
    {
      stdio: "inherit",
      // A session of its own: Ctrl-C reaches the whole foreground group, and a server takes its second signal as "at once".
      detached: true,
      env: { ...process.env, MODELFAUCET_PARENT_PID: String(process.pid) },
    },
  );
  forwardSignals(child);
  endWithPackageManager(child);
  child.on("error", (error) =>
    fail(new Error(`Node could not be started (${error.message}): install Node 24 or newer.`)),
  );
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)));
}

/** Tells a failure as one sentence and exits 1. */
export function fail(error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

// Terminal and package manager both deliver the same Ctrl-C; what comes within this time is one key press.
const samePressMs = 400;
let isEnding = false;

function forwardSignals(child) {
  let lastAt = -Infinity;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      isEnding = true;
      const now = performance.now();
      if (now - lastAt < samePressMs) return;
      lastAt = now;
      child.kill(signal);
    });
  }
}

// A killed `npm` or `pnpm` leaves this process to init, often with a shell or a second package manager between the two.
// Without a package manager nobody promised to stay: `node scripts/run.mjs … &` outlives its shell, as any command does.
function endWithPackageManager(child) {
  if (!process.env.npm_lifecycle_event) return;
  const chain = packageManagersAbove(process.pid).map((pid) => [pid, parentOf(pid)]);
  const poll = setInterval(() => {
    if (chain.every(([pid, parent]) => parent === null || parentOf(pid) === parent)) return;
    clearInterval(poll);
    // One that passed a signal on may go first; the child is ending then, in its own time. `npx` passes none on.
    if (!isEnding) child.kill("SIGTERM");
  }, 300);
  poll.unref();
}

/** This process and those above it that belong to the same command: `npx`, `pnpm`, and the shells that they use. */
function packageManagersAbove(pid) {
  const chain = [pid];
  for (let above = parentOf(pid); above !== null && above > 1 && chain.length < 8; above = parentOf(above)) {
    if (!/(^|[\s/'"])(npm|npx|pnpm)/.test(commandOf(above))) break;
    chain.push(above);
  }
  return chain;
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

function parentOf(pid) {
  if (pid === process.pid) return process.ppid;
  try {
    // The second field, a name in brackets, may hold anything; the parent is the second one after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return null;
  }
}
