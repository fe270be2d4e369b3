/** A failure that is told to the person at the terminal: one sentence that says what to do, no stack trace. */
export class Failure extends Error {}

/** Wrong usage of a command: told like any failure, but the exit code is 2. */
export class UsageFailure extends Failure {}

/** The sentence of a failure; of anything unexpected its message, so that nothing is hidden. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
