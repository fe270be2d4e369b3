// A rehearsal is a list of steps. What fails stops only what depends on it.

export type Step = {
  readonly name: string;
  /** Steps that must have passed. */
  readonly needs: readonly string[];
  /** Gives what to tell. @throws Error the promise that was broken */
  run(): Promise<string>;
};

export type StepResult = {
  readonly step: string;
  readonly result: "PASS" | "FAIL" | "SKIP";
  readonly ms: number;
  readonly says: string;
};

/** Runs the steps in order; one that is longer than its limit has failed. */
export async function runSteps(
  steps: readonly Step[],
  tell: (result: StepResult) => void,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const passed = new Set<string>();
  for (const step of steps) {
    const missing = step.needs.find((name) => !passed.has(name));
    const result: StepResult =
      missing === undefined
        ? await timed(step)
        : { step: step.name, result: "SKIP", ms: 0, says: `not without "${missing}"` };
    if (result.result === "PASS") passed.add(step.name);
    results.push(result);
    tell(result);
  }
  return results;
}

const stepWithinMs = 150_000;

async function timed({ name, run }: Step): Promise<StepResult> {
  const startedAt = performance.now();
  const took = (): number => Math.round(performance.now() - startedAt);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${stepWithinMs / 1000} s`)), stepWithinMs);
  });
  try {
    const says = await Promise.race([run(), late]);
    return { step: name, result: "PASS", ms: took(), says };
  } catch (error) {
    return { step: name, result: "FAIL", ms: took(), says: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

/** One line, and under a failure whatever else it said. */
export function lineOf({ result, step, ms, says }: StepResult): string {
  const [first = "", ...rest] = says.trim().split("\n");
  const head = `${result}  ${step.padEnd(22)} ${String(ms).padStart(6)} ms  ${first}`;
  return [head, ...rest.slice(-20).map((line) => `      ${line}`)].join("\n");
}

/** Asks again and again. @throws Error when it is not true in time */
export async function until(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A promise of the product, checked. @throws Error with the sentence where it is broken */
export function promise(holds: boolean, sentence: string): void {
  if (!holds) throw new Error(sentence);
}
