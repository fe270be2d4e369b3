import type { Config } from "../../config.ts";
import type { Database } from "../../lib/db.ts";

/** One thing that was looked at. `warn` needs somebody's eye, `fail` stops or endangers the deployment. */
export type Finding = {
  readonly check: string;
  readonly level: "ok" | "warn" | "fail";
  readonly says: string;
  /** What to do; `null` where nothing is. */
  readonly remedy: string | null;
};

/** What the checks look at. */
export type Patient = {
  readonly config: Config;
  /** As the servers see it; checks that need it are left out where it does not answer. */
  readonly database: Database;
};

export const ok = (check: string, says: string): Finding => ({ check, level: "ok", says, remedy: null });
export const warn = (check: string, says: string, remedy: string): Finding => ({
  check,
  level: "warn",
  says,
  remedy,
});
export const fail = (check: string, says: string, remedy: string): Finding => ({
  check,
  level: "fail",
  says,
  remedy,
});
