/**
 * What an answer took: usage as upstream reports it in disjoint parts, what was relayed when upstream says nothing, and
 * how much a prompt can be at most. Pure: no I/O, no clock.
 */
export { type AnswerTap, createAnswerTap } from "./answer-tap.ts";
export {
  boundInputTokens,
  findUnmetered,
  type InputBound,
  imageTokensMaximum,
  promptTexts,
  type Unmetered,
} from "./input-bound.ts";
export {
  isEmptyAnswer,
  type NormalisedUsage,
  normaliseUsage,
  reportsNoOutput,
  type TokenCounts,
} from "./rules.ts";
export { repairMessageToolCalls, repairToolCalls, type ToolCallRepair } from "./tool-call-repair.ts";
