import { Problem } from "./call.ts";

/** The faults of a refused body by the field that they belong to, and what belongs to none. */
export function faultsOf(
  error: Error | null,
  fields: readonly string[],
): { of: Map<string, string>; rest: Error | null } {
  const of = new Map<string, string>();
  if (!(error instanceof Problem) || error.status !== 400) return { of, rest: error };
  const issues = Array.isArray(error.details.issues) ? (error.details.issues as Issue[]) : [];
  const all = issues.length > 0 ? issues : [{ param: error.param ?? "", message: error.message }];
  for (const { param, message } of all) {
    const field = fields.find((name) => param === name || param.startsWith(`${name}.`));
    if (field === undefined) return { of, rest: error };
    if (!of.has(field)) of.set(field, message);
  }
  return { of, rest: null };
}

type Issue = { param: string; message: string };
