const finishReasons: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
  // Upstream's own tools pause a turn; none of them is offered here.
  pause_turn: "stop",
};

/**
 * OpenAI's word for why an answer ended; `null` where upstream has not said so.
 * Source: https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons, read November 2026.
 */
export function finishReasonOf(stopReason: unknown): string | null {
  if (typeof stopReason !== "string" || stopReason === "") return null;
  return finishReasons[stopReason] ?? "stop";
}
