/**
 * Places at which a test may end this process or make it fail, so that crash recovery is tried where it hurts. The list
 * is closed, and nothing here works in production.
 */
export const failpoints = [
  "before_hold",
  "before_counted_hold",
  "in_hold_before_write",
  "in_hold_before_commit",
  "after_hold",
  "before_upstream",
  "before_retry",
  "after_upstream_headers",
  "after_first_byte",
  "mid_stream",
  "reader_stalled",
  "awaiting_usage",
  "before_metering",
  "before_settle",
  "in_settle_before_write",
  "in_settle_before_commit",
  "after_settle",
  "before_last_chunk",
  "after_answer",
] as const;
export type Failpoint = (typeof failpoints)[number];

type Action = "kill" | "throw";
type Armed = { action: Action; skip: number };

const armed = new Map<Failpoint, Armed>();

/**
 * Arms failpoints from `name:action[:skip]`, comma-separated. Actions: `kill` (SIGKILL), `throw`; the first `skip`
 * passes do nothing. @throws on an unknown name or action, and in production
 */
export function armFailpoints(text: string | null, production: boolean): void {
  armed.clear();
  if (!text) return;
  if (production) throw new Error("failpoints are refused in production");
  for (const entry of text.split(",")) {
    const [name, action, skip] = entry.trim().split(":");
    if (!(failpoints as readonly string[]).includes(name ?? ""))
      throw new Error(`unknown failpoint "${name}"`);
    armed.set(name as Failpoint, { action: actionOf(action ?? "kill"), skip: Number(skip ?? 0) });
  }
}

/**
 * Does nothing unless a test has armed this place. `first` is work that has to be done before the action, where code
 * that is not armed would not wait for it.
 */
export function failpoint(name: Failpoint, first?: () => Promise<unknown>): void | Promise<void> {
  if (armed.size === 0) return;
  const found = armed.get(name);
  if (!found) return;
  if (found.skip > 0) {
    found.skip--;
    return;
  }
  return act(name, found.action, first);
}

async function act(name: Failpoint, action: Action, first?: () => Promise<unknown>): Promise<void> {
  await first?.();
  if (action === "throw") throw new Error(`failpoint ${name}`);
  process.kill(process.pid, "SIGKILL");
  // The signal ends the process before this line is left.
  await new Promise(() => {});
}

function actionOf(text: string): Action {
  if (text === "kill" || text === "throw") return text;
  throw new Error(`unknown failpoint action "${text}"`);
}
