import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import type { ModelTraits } from "./model-traits.ts";
import type { Translation } from "./translation.ts";

/** Tokens that a budget gives for an effort, of which at most what leaves room for an answer is taken. */
const budgetByEffort: Readonly<Record<string, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 4_096,
  high: 16_384,
  xhigh: 32_768,
  max: 65_536,
};

/** Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking (budget_tokens), November 2026. */
const budgetLeast = 1_024;

/** What is asked of thinking: an effort or a budget, or that there be none; `param` is the field that asks. */
type Wish = {
  param: string;
  effort?: string;
  budgetTokens?: number;
  isOff?: boolean;
  display?: "omitted" | "summarized";
};

export type Thinking = { thinking?: JsonObject; effort?: string };

/**
 * OpenAI's `reasoning_effort`, OpenRouter's `reasoning` or Anthropic's own `thinking`, as the model takes it. Thinking
 * counts within `max_tokens`, so none of it can cost more than was held.
 * Source: https://openrouter.ai/docs/use-cases/reasoning-tokens,
 * https://platform.claude.com/docs/en/build-with-claude/effort, read November 2026.
 */
export function translateThinking(
  body: JsonObject,
  traits: ModelTraits,
  room: { maxTokens: number; forcesTool: boolean },
  translation: Translation,
): Thinking {
  const wish = wishOf(body, translation);
  if (wish === null) return {};
  if (wish.isOff) return switchedOff(wish, traits, translation);
  // A forced tool and thinking exclude each other; the tool decides what the answer is.
  if (room.forcesTool) {
    translation.drop(wish.param);
    return {};
  }
  const display = wish.display === undefined ? {} : { display: wish.display };
  if (traits.thinking === "adaptive") {
    if (wish.budgetTokens !== undefined) translation.drop(`${wish.param}.${budgetNames[wish.param]}`);
    const effort = wish.effort === "minimal" ? "low" : wish.effort;
    return { thinking: { type: "adaptive", ...display }, ...(effort === undefined ? {} : { effort }) };
  }
  const wanted = wish.budgetTokens ?? budgetByEffort[wish.effort ?? "medium"]!;
  const budget_tokens = Math.min(wanted, room.maxTokens - 1);
  if (budget_tokens < budgetLeast) {
    translation.drop(wish.param);
    return {};
  }
  return { thinking: { type: "enabled", budget_tokens, ...display } };
}

const budgetNames: Readonly<Record<string, string>> = { reasoning: "max_tokens", thinking: "budget_tokens" };

function switchedOff(wish: Wish, traits: ModelTraits, translation: Translation): Thinking {
  if (traits.withoutThinking === null)
    translation.refuse(wish.param, "cannot be off: this model always thinks");
  // Where thinking has to be asked for, saying nothing is the same.
  return traits.thinking === "budget" ? {} : { thinking: { type: traits.withoutThinking } };
}

function wishOf(body: JsonObject, translation: Translation): Wish | null {
  for (const [param, read] of [
    ["thinking", readThinking],
    ["reasoning", readReasoning],
    ["reasoning_effort", readEffort],
  ] as const) {
    const value = body[param];
    if (value !== undefined && value !== null) return read(value, translation);
  }
  return null;
}

function readThinking(value: unknown, translation: Translation): Wish {
  if (!isObject(value)) return translation.refuse("thinking", "must be an object");
  const wish: Wish = { param: "thinking" };
  if (value.display === "omitted" || value.display === "summarized") wish.display = value.display;
  if (value.type === "disabled" || value.type === "between_tools") return { ...wish, isOff: true };
  if (value.type === "adaptive") return wish;
  if (value.type !== "enabled") translation.refuse("thinking.type", "must be enabled, adaptive or disabled");
  return { ...wish, budgetTokens: readTokens("thinking.budget_tokens", value.budget_tokens, translation) };
}

function readReasoning(value: unknown, translation: Translation): Wish | null {
  if (!isObject(value)) return translation.refuse("reasoning", "must be an object");
  const wish: Wish = { param: "reasoning", ...(value.exclude === true ? { display: "omitted" } : {}) };
  if (value.enabled === false) return { ...wish, isOff: true };
  if (value.effort !== undefined && value.effort !== null) {
    return { ...wish, ...readEffort(value.effort, translation), param: "reasoning" };
  }
  if (value.max_tokens !== undefined && value.max_tokens !== null) {
    return { ...wish, budgetTokens: readTokens("reasoning.max_tokens", value.max_tokens, translation) };
  }
  return value.enabled === true ? wish : null;
}

function readEffort(value: unknown, translation: Translation): Wish {
  const param = "reasoning_effort";
  if (value === "none") return { param, isOff: true };
  if (typeof value !== "string" || !Object.hasOwn(budgetByEffort, value)) {
    return translation.refuse(param, "must be none, minimal, low, medium, high, xhigh or max");
  }
  return { param, effort: value };
}

function readTokens(param: string, value: unknown, translation: Translation): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  return translation.refuse(param, "must be a whole number above 0");
}
