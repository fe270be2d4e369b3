/** What an instance knows of its own last minutes and tells with its heartbeat: counts and ages, never names or content. */
export type InstanceFacts = {
  /** One answer left, with that status. */
  answered(status: number): void;
  /** One model call is over, and took so many milliseconds of ours. */
  called(overheadMs: number): void;
  /** An answer left before its settlement was committed; `done` ends when it has been, or has failed. */
  settlesLate(done: Promise<unknown>): void;
  secretFailed(): void;
  /** The egress guard has said no. */
  egressRefused(): void;
  /** A switch holds here, so many seconds after it was written. */
  switched(seconds: number): void;
  /** Where the worker tells how long which of its jobs have been due. */
  setLateJobs(read: () => Readonly<Record<string, number>>): void;
  /** As it goes into the row of this instance. */
  snapshot(): Record<string, unknown>;
};

const slotMs = 10_000;
const slotsKept = 30;
const slowMs = 50;

type Slot = {
  number: number;
  answers: number;
  failures: number;
  calls: number;
  slowCalls: number;
  switchSeconds: number;
  egressRefusals: number;
};

/** `now` is a clock in milliseconds that is never set. Counts are kept for five minutes, in slots of ten seconds. */
export function createInstanceFacts(now: () => number): InstanceFacts {
  const slots: Slot[] = [];
  const pending = new Set<number>();
  let secretFailedAt: number | null = null;
  let readLateJobs: () => Readonly<Record<string, number>> = () => ({});
  const current = (): Slot => {
    const number = Math.floor(now() / slotMs);
    const last = slots.at(-1);
    if (last?.number === number) return last;
    const fresh = {
      number,
      answers: 0,
      failures: 0,
      calls: 0,
      slowCalls: 0,
      switchSeconds: 0,
      egressRefusals: 0,
    };
    slots.push(fresh);
    while (slots[0]!.number <= number - slotsKept) slots.shift();
    return fresh;
  };
  return {
    answered: (status) => {
      const slot = current();
      slot.answers++;
      if (status >= 500) slot.failures++;
    },
    called: (overheadMs) => {
      const slot = current();
      slot.calls++;
      if (overheadMs > slowMs) slot.slowCalls++;
    },
    settlesLate: (done) => {
      let since = now();
      // Two at the same instant are two.
      while (pending.has(since)) since += 0.001;
      pending.add(since);
      const over = (): void => void pending.delete(since);
      done.then(over, over);
    },
    egressRefused: () => {
      current().egressRefusals++;
    },
    secretFailed: () => {
      secretFailedAt = now();
    },
    switched: (seconds) => {
      const slot = current();
      slot.switchSeconds = Math.max(slot.switchSeconds, seconds);
    },
    setLateJobs: (read) => {
      readLateJobs = read;
    },
    snapshot: () => {
      current();
      const sum = (name: Exclude<keyof Slot, "number">): number =>
        slots.reduce((total, slot) => total + slot[name], 0);
      const seconds = (since: number): number => Math.round((now() - since) / 1_000);
      const [oldestPending] = pending;
      const slowestSwitch = slots.reduce((slowest, slot) => Math.max(slowest, slot.switchSeconds), 0);
      return {
        answers: sum("answers"),
        failures: sum("failures"),
        calls: sum("calls"),
        slow_calls: sum("slowCalls"),
        egress_refusals: sum("egressRefusals"),
        ...(oldestPending === undefined ? {} : { settlement_pending_seconds: seconds(oldestPending) }),
        ...(slowestSwitch === 0 ? {} : { switch_seconds: Math.round(slowestSwitch * 1_000) / 1_000 }),
        ...(secretFailedAt === null ? {} : { secret_failed_seconds_ago: seconds(secretFailedAt) }),
        late_jobs: readLateJobs(),
      };
    },
  };
}
