import type { StubBehaviour, StubToolCall, ToolCallForm } from "./behaviour.ts";

const pieceCharacters = 5;

/** The `tool_calls` of each delta, in the form that the behaviour names. */
export function toolCallDeltas(behaviour: StubBehaviour): object[][] {
  const calls = behaviour.toolCalls ?? [];
  const form = behaviour.toolCallForm ?? "openai";
  if (form === "bare_parallel") return sideBySide(calls);
  return calls.flatMap((call, index) => oneCall(call, index, form));
}

function oneCall(call: StubToolCall, index: number, form: ToolCallForm): object[][] {
  const { name } = call;
  if (form === "bare_whole") return [[{ function: { name, arguments: call.arguments }, ...call.state }]];
  const id = call.id ?? `call_stub_${index}`;
  const place = form === "bare" ? {} : { index: form === "same_index" ? 0 : index };
  const opening = form === "bare" ? {} : { id, type: "function" };
  const every = form === "repeated_name" ? { name } : {};
  return [
    [{ ...place, ...opening, function: { name, arguments: "" }, ...call.state }],
    ...pieces(call.arguments).map((text) => [{ ...place, function: { ...every, arguments: text } }]),
  ];
}

function sideBySide(calls: StubToolCall[]): object[][] {
  const cut = calls.map((call) => pieces(call.arguments));
  const rounds = Math.max(0, ...cut.map((texts) => texts.length));
  return [
    calls.map(({ name, state }) => ({ function: { name, arguments: "" }, ...state })),
    ...Array.from({ length: rounds }, (_, round) =>
      cut.map((texts) => ({ function: { arguments: texts[round] ?? "" } })),
    ),
  ];
}

function pieces(text: string): string[] {
  return text.match(new RegExp(`[^]{1,${pieceCharacters}}`, "gu")) ?? [];
}
