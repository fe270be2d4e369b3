// Loaded before a program (`node --import`): ends it when the process that started it is gone. A parent that is told to
// end waits for its child, so one that is gone was killed the hard way, and the child ends as hard: whoever kills the
// command kills the server, and what it leaves behind is for recovery.
import { isMainThread } from "node:worker_threads";

const pollMs = 200;

if (isMainThread) {
  const parent = Number(process.env.MODELFAUCET_PARENT_PID) || process.ppid;
  // Meant for this process alone: its own children have another parent.
  delete process.env.MODELFAUCET_PARENT_PID;
  const poll = setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, pollMs);
  poll.unref();
}
