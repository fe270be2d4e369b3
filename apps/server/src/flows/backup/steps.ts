/** One step of a restore as it is reported: what was done, whether it holds, how long it took. */
export type Step = { name: string; ok: boolean; ms: number; detail: string };

/** A step whose failure leaves nothing to go on with. Its sentence is the step's detail. */
export class StepFailed extends Error {}

export type Steps = {
  readonly done: Step[];
  /** Runs a step. @throws StepFailed when it throws */
  run<T>(name: string, work: () => Promise<T & { detail: string; ok?: boolean }>): Promise<T>;
};

/** Once `signal` has fired no further step begins; without one every step runs. */
export function createSteps(tell: (line: string) => void, signal?: AbortSignal): Steps {
  const done: Step[] = [];
  return {
    done,
    run: async (name, work) => {
      tell(`${name} …`);
      const startedAt = performance.now();
      const note = (ok: boolean, detail: string): void => {
        done.push({ name, ok, ms: Math.round(performance.now() - startedAt), detail });
      };
      try {
        if (signal?.aborted) throw new Error("it was told to end");
        const result = await work();
        note(result.ok ?? true, result.detail);
        return result;
      } catch (error) {
        note(false, (error as Error).message);
        throw new StepFailed((error as Error).message, { cause: error });
      }
    },
  };
}
