import type { Metrics } from "../lib/metrics.ts";

/** What the worker does again and again, by name: its successes, failures and delays are told by it. */
export type Jobs = {
  /** Begins at once, then every `everyMs`; a run that takes longer is not overtaken by the next one. */
  every(name: string, everyMs: number, work: () => Promise<void>): void;
  /** Seconds for which jobs have been due, those that are on time left out. */
  late(): Record<string, number>;
  stop(): void;
};

type Job = { everyMs: number; doneAt: number };

export function createJobs(options: {
  metrics: Pick<Metrics, "jobs" | "jobOldestSeconds">;
  onError: (name: string, error: unknown) => void;
}): Jobs {
  const jobs = new Map<string, Job>();
  const timers: NodeJS.Timeout[] = [];
  const lateSeconds = ({ everyMs, doneAt }: Job): number =>
    Math.max(0, Math.round((performance.now() - doneAt - everyMs) / 1_000));
  return {
    every: (name, everyMs, work) => {
      const job: Job = { everyMs, doneAt: performance.now() };
      jobs.set(name, job);
      let running = false;
      const run = async (): Promise<void> => {
        if (running) return;
        running = true;
        try {
          await work();
          job.doneAt = performance.now();
          options.metrics.jobs.inc({ job: name, result: "done" });
        } catch (error) {
          options.metrics.jobs.inc({ job: name, result: "failed" });
          options.onError(name, error);
        }
        options.metrics.jobOldestSeconds.set({ job: name }, lateSeconds(job));
        running = false;
      };
      void run();
      timers.push(setInterval(run, everyMs).unref());
    },
    late: () =>
      Object.fromEntries(
        [...jobs].flatMap(([name, job]) => {
          const seconds = lateSeconds(job);
          options.metrics.jobOldestSeconds.set({ job: name }, seconds);
          return seconds > 0 ? [[name, seconds]] : [];
        }),
      ),
    stop: () => {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
