import type { ProbeAnswer, Prober } from "../../lib/outbound-probe.ts";

export type Service = "api" | "gateway";

/** One thing that was asked. `warn` needs somebody's eye; `skip` was not asked, and says why. */
export type Outcome = {
  readonly target: Service;
  readonly probe: string;
  readonly level: "pass" | "warn" | "fail" | "skip";
  readonly says: string;
  /** What to do; `null` where nothing is. */
  readonly remedy: string | null;
};

/** One of the two services, seen from outside. */
export type Target = {
  readonly service: Service;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly isPrivate: boolean;
  readonly prober: Prober;
  /** Judges every address, whatever is allowed for this target: where a redirect leads is nobody's wish. */
  readonly strict: Prober;
  /** An operator's, for metrics and providers; `null`: they are not read. */
  readonly token: string | null;
  /** Origin of the console; `null` where nobody named it. */
  readonly consoleOrigin: string | null;
  /** The name of the variable that says where it is. */
  readonly variable: string;
};

export type Probe = {
  readonly name: string;
  /** The outcome, without who and what was asked; what it throws is an outcome too. */
  run(target: Target): Promise<Verdict>;
};

export type Verdict = Pick<Outcome, "level" | "says" | "remedy">;

export const pass = (says: string): Verdict => ({ level: "pass", says, remedy: null });
export const warn = (says: string, remedy: string): Verdict => ({ level: "warn", says, remedy });
export const fail = (says: string, remedy: string): Verdict => ({ level: "fail", says, remedy });
export const skip = (says: string, remedy: string): Verdict => ({ level: "skip", says, remedy });

export function get(
  { prober, origin }: Target,
  path: string,
  headers: Record<string, string> = {},
): Promise<ProbeAnswer> {
  return prober.ask({ url: `${origin}${path}`, headers });
}

/** An answer's JSON object; `null` for anything else. */
export function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function header({ headers }: ProbeAnswer, name: string): string | null {
  const value = headers[name];
  return value === undefined ? null : [value].flat().join(", ");
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
