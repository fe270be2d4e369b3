/** What a model takes beside text, as far as its name tells. */
export type ModelTraits = {
  /** `budget`: a number of tokens; `adaptive`: the model decides, by an effort. */
  thinking: "budget" | "adaptive";
  /** How thinking is switched off; `null`: it cannot be. */
  withoutThinking: "disabled" | "between_tools" | null;
  /** Temperature, top_p and top_k other than their defaults. */
  takesSampling: boolean;
  /** A choice that makes it call a tool. */
  takesForcedTool: boolean;
};

/**
 * Read from the name, `claude-<family>-<major>-<minor>` or the older `claude-<major>-<minor>-<family>`. A name without a
 * version is taken for a current model that takes sampling: whoever runs it will say if it does not.
 * - Claude 4.5 and older take `budget_tokens` alone; 4.6 brought adaptive thinking, 4.7 ended budgets and sampling.
 * - Fable, Mythos and Opus from 5.5 on always think; Sonnet and Haiku from 5.5 on have `between_tools`.
 * - Opus and Sonnet from 5.5 on, Fable and Mythos from 5.1 on refuse to be forced to call a tool.
 * Source: https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking,
 * https://platform.claude.com/docs/en/models/opus-5-5/migration-guide,
 * https://platform.claude.com/docs/en/models/sonnet-5-5/overview, read November 2026.
 */
export function traitsOf(model: string): ModelTraits {
  const { family, version } = nameOf(model);
  return {
    thinking: version !== null && version < 406 ? "budget" : "adaptive",
    withoutThinking: withoutThinking(family, version),
    takesSampling: version === null || version < 407,
    takesForcedTool: version === null || version < (forcedToolsUntil[family ?? ""] ?? Infinity),
  };
}

const forcedToolsUntil: Readonly<Record<string, number>> = {
  opus: 505,
  sonnet: 505,
  fable: 501,
  mythos: 501,
};

function withoutThinking(family: string | null, version: number | null): ModelTraits["withoutThinking"] {
  if (family === "fable" || family === "mythos") return null;
  if (version === null || version < 505) return "disabled";
  return family === "opus" ? null : "between_tools";
}

const nameForm =
  /claude-(?:(\d{1,2})(?:-(\d{1,2}))?-)?(opus|sonnet|haiku|fable|mythos)(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?=$|[-@:.])/;

function nameOf(model: string): { family: string | null; version: number | null } {
  const found = nameForm.exec(model.slice(model.lastIndexOf("/") + 1));
  if (!found) return { family: null, version: null };
  const major = found[1] ?? found[4];
  const minor = found[1] === undefined ? found[5] : found[2];
  return {
    family: found[3]!,
    version: major === undefined ? null : Number(major) * 100 + Number(minor ?? 0),
  };
}
