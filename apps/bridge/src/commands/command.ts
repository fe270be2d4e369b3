import type { Environment } from "../config/environment.ts";
import type { Home } from "../home/home.ts";

/** What every command gets, and all of its way out. */
export type CommandContext = {
  environment: Environment;
  home: Home;
  version: string;
  print(line: string): void;
  complain(line: string): void;
};

/** A call that makes no sense: exit 2. */
export class UsageError extends Error {}

export const exitFine = 0;
export const exitFailed = 1;
export const exitUsage = 2;

/** Flags as they were parsed. */
export type Values = Readonly<Record<string, string | boolean | undefined>>;

/** A whole number in a flag. */
export function numberFlag(
  values: Values,
  name: string,
  bounds: { min: number; max: number },
): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const number = /^\d{1,6}$/.test(String(value)) ? Number(value) : -1;
  if (number < bounds.min || number > bounds.max)
    throw new UsageError(`--${name} must be a whole number from ${bounds.min} to ${bounds.max}`);
  return number;
}

export function textFlag(values: Values, name: string): string | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  if (value === "") throw new UsageError(`--${name} is empty`);
  return String(value);
}
