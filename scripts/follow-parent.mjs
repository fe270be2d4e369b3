// Loaded before a program (`node --import`): ends it when the process that started it is gone, so that a `kill -9` of
// the parent, which runs no handler there, leaves nobody behind. First SIGTERM, like everybody else; then the hard way.
import { isMainThread } from "node:worker_threads";

const pollMs = 300;
const graceMs = 5000;

if (isMainThread) {
  const parent = Number(process.env.MODELFAUCET_PARENT_PID) || process.ppid;
  // Meant for this process alone: its own children have another parent.
  delete process.env.MODELFAUCET_PARENT_PID;
  const poll = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(poll);
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), graceMs).unref();
  }, pollMs);
  poll.unref();
}
