import type { z } from "zod";
import { ApiError } from "../lib/errors.ts";

type Issue = { param: string; message: string };

const mostIssues = 50;

/** One 400 for everything that is wrong with an input: `param` is the first field, `details.issues` has all. */
export function invalidInput(error: z.ZodError, where: "query" | "body"): ApiError {
  const issues = issuesOfInput(error);
  const first = issues[0] ?? { param: "", message: "is malformed" };
  const sentence =
    first.param === "" ? `The ${where} ${first.message}.` : `\`${first.param}\` ${first.message}.`;
  return new ApiError("invalid_request", sentence, {
    ...(first.param === "" ? {} : { param: first.param }),
    details: { issues },
  });
}

/** Everything that is wrong with an input, path by path. */
export function issuesOfInput(error: z.ZodError): Issue[] {
  return error.issues.flatMap((issue) => issuesOf(issue, [])).slice(0, mostIssues);
}

function issuesOf(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): Issue[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      param: nameOf([...path, key]),
      message: "is not a field of this request",
    }));
  }
  if (issue.code === "invalid_union") {
    // The branch that got past the type at its root is the one that was meant.
    const meant = issue.errors.find(
      (branch) => !branch.some((inner) => inner.code === "invalid_type" && inner.path.length === 0),
    );
    if (
      meant &&
      meant.length > 0 &&
      meant.some((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys")
    ) {
      return meant.flatMap((inner) => issuesOf(inner, path));
    }
  }
  return [{ param: nameOf(path), message: wordsOf(issue) }];
}

function nameOf(path: readonly PropertyKey[]): string {
  return path.map(String).join(".").slice(0, 256);
}

/** zod's own sentences speak of types; ours say what to do. They never contain the value. */
function wordsOf(issue: z.core.$ZodIssue): string {
  if (!/^(Invalid|Too|Unrecognized)/.test(issue.message)) return issue.message;
  if (issue.code === "invalid_type") {
    if (issue.message.endsWith("received undefined")) return "is required";
    const article = /^[aeio]/.test(issue.expected) ? "an" : "a";
    return `must be ${article} ${issue.expected === "int" ? "whole number" : issue.expected}`.replace(
      "an whole",
      "a whole",
    );
  }
  if (issue.code === "too_small") return `must be at least ${issue.minimum}${unitOf(issue.origin)}`;
  if (issue.code === "too_big") return `must be at most ${issue.maximum}${unitOf(issue.origin)}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.map(String).join(", ")}`;
  return "has a wrong form";
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters long";
  return origin === "array" || origin === "set" ? " items long" : "";
}

/**
 * PostgreSQL stores neither U+0000 nor half of a surrogate pair. JSON can carry both, but only as escapes, so a body
 * without one need not be walked. @throws ApiError invalid_request that names the first such text
 */
export function refuseUnstorable(value: unknown, rawBody: Buffer): void {
  if (!rawBody.includes("\\u")) return;
  const at = unstorableAt(value, []);
  if (at === null) return;
  const param = nameOf(at);
  const message = "must not contain U+0000 or half of a surrogate pair";
  throw new ApiError("invalid_request", `${param === "" ? "The body" : `\`${param}\``} ${message}.`, {
    ...(param === "" ? {} : { param }),
    details: { issues: [{ param, message }] },
  });
}

function unstorableAt(value: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] | null {
  if (typeof value === "string") return isStorable(value) ? null : path;
  if (typeof value !== "object" || value === null) return null;
  for (const [name, inner] of Object.entries(value)) {
    if (!isStorable(name)) return path;
    const found = unstorableAt(inner, [...path, name]);
    if (found !== null) return found;
  }
  return null;
}

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000");
