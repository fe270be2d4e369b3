import type { TokenCounter } from "@modelfaucet/token-counter/token-counter.ts";
import { failpoint } from "../../lib/failpoint.ts";
import {
  normaliseUsage,
  promptTexts,
  reportsNoOutput,
  type TokenCounts,
} from "../../modules/metering/metering.ts";
import type { Run } from "./run.ts";

export type MeteredUsage = { tokens: TokenCounts; source: "provider" | "estimated"; warnings: string[] };

export const noTokens: TokenCounts = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 };

/** What upstream reported, when it can be true; else our own count of the prompt and of what was relayed. */
export async function meterUsage(run: Run, counter: TokenCounter): Promise<MeteredUsage> {
  const hit = failpoint("before_metering");
  if (hit) await hit;
  const reported = credibleUsage(run);
  if (reported) return reported;
  const warning = run.tap.usage === undefined ? [] : ["reported usage refused"];
  return { tokens: await countHere(run, counter), source: "estimated", warnings: warning };
}

/** What upstream reported, where it can be true beside what was relayed: output that was seen is never free. */
export function credibleUsage(run: Run, usage: unknown = run.tap.usage): MeteredUsage | null {
  const reported = reportedUsage(usage);
  if (!reported || (run.tap.hasOutput && reportsNoOutput(reported.tokens))) return null;
  return { ...reported, source: "provider" };
}

/** A usage object that moves money: whole, not negative, not absurd. */
export function reportedUsage(usage: unknown): { tokens: TokenCounts; warnings: string[] } | null {
  if (usage === undefined || usage === null) return null;
  const read = normaliseUsage(usage, "openai");
  return read.ok ? read : null;
}

async function countHere(run: Run, counter: TokenCounter): Promise<TokenCounts> {
  const [input, output] = await Promise.all([
    counter.count(promptTexts(run.asked.body)),
    counter.count(run.tap.outputTexts()),
  ]);
  return { ...noTokens, input: input.tokens, output: output.tokens + run.tap.overflowTokens };
}
