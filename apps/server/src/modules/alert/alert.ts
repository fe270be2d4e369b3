import { booksRules } from "./books-rules.ts";
import type { AlertRule } from "./rules.ts";
import { serviceRules } from "./service-rules.ts";
import { upkeepRules } from "./upkeep-rules.ts";
import { usageRules } from "./usage-rules.ts";

export { keepCheckResults, secondsSinceChecks } from "./checks-store.ts";
export {
  insertNotice,
  type Notice,
  type NoticeEvent,
  noteDelivered,
  noteFailed,
  takeDueNotices,
} from "./notices.ts";
export { type AlertBounds, type AlertRule, decide, retryAfterSeconds } from "./rules.ts";
export { signedHeaders } from "./signature.ts";
export {
  type AlertRow,
  acknowledgeAlert,
  applyDecision,
  closeUnknownRules,
  listAlerts,
  lockEvaluation,
  readOpenAlerts,
} from "./store.ts";

/** The closed list of rules. What brings a subject of its own (payments, circuits, switches) brings its rules with it. */
export const alertRules: readonly AlertRule[] = [
  ...booksRules,
  ...usageRules,
  ...serviceRules,
  ...upkeepRules,
];

/** A rule by its name; `null` for one that an older version knew. */
export function ruleNamed(name: string): AlertRule | null {
  return alertRules.find((rule) => rule.name === name) ?? null;
}
