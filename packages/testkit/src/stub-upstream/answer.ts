import { piecesOf, type StubBehaviour, usageOf } from "./behaviour.ts";
import { toolCallDeltas } from "./tool-calls.ts";

/** One event of a stream and what comes before it. */
export type StubStep = {
  chunk: unknown;
  isPiece: boolean;
  waitMs: number;
  /** The name of the event, in a dialect that has such. */
  event?: string;
};

export type AskedFor = { model: string; n: number; includeUsage: boolean };

const createdAt = 1_767_225_600;

/** The JSON of an unstreamed answer. */
export function wholeAnswer(behaviour: StubBehaviour, asked: AskedFor): object {
  const pieces = piecesOf(behaviour);
  const message = {
    role: "assistant",
    content: behaviour.toolCalls === undefined ? pieces.join("") : null,
    ...(behaviour.reasoning === undefined ? {} : { reasoning_content: behaviour.reasoning.join("") }),
    refusal: behaviour.refusal ?? null,
    ...(behaviour.toolCalls === undefined ? {} : { tool_calls: wholeCalls(behaviour) }),
    ...behaviour.state,
  };
  const usage = usageOf(behaviour, pieces.length * asked.n);
  return {
    ...head(behaviour, asked, "chat.completion"),
    choices: indexes(asked.n).map((index) => ({ index, message, finish_reason: finishReason(behaviour) })),
    ...(usage === undefined ? {} : { usage }),
  };
}

/** The events of a streamed answer, without `[DONE]`. */
export function streamedAnswer(behaviour: StubBehaviour, asked: AskedFor): StubStep[] {
  if (behaviour.chunks !== undefined) {
    return behaviour.chunks.map((chunk, i) => ({ chunk, isPiece: true, waitMs: waitBefore(behaviour, i) }));
  }
  const steps: StubStep[] = [];
  const add = (choices: object[], isPiece: boolean, waitMs: number, usage?: unknown): void => {
    const chunk = { ...head(behaviour, asked, "chat.completion.chunk"), choices };
    steps.push({ chunk: usage === undefined ? chunk : { ...chunk, usage }, isPiece, waitMs });
  };
  const choice = (index: number, delta: object, finish_reason: string | null = null): object => ({
    index,
    delta,
    finish_reason,
  });
  for (const index of indexes(asked.n)) {
    add([choice(index, { role: "assistant", content: "", ...behaviour.state })], false, 0);
  }
  const deltas = deltasOf(behaviour);
  for (const [place, delta] of deltas.entries()) {
    const usage = behaviour.cumulativeUsage?.[Math.min(place, behaviour.cumulativeUsage.length - 1)];
    for (const index of indexes(asked.n))
      add([choice(index, delta)], true, waitBefore(behaviour, place), usage);
  }
  const usage = asked.includeUsage ? usageOf(behaviour, piecesOf(behaviour).length * asked.n) : undefined;
  const withFinish = behaviour.usagePlace === "with_finish";
  const reason = finishReason(behaviour);
  for (const index of indexes(asked.n)) {
    if (reason !== null) add([choice(index, {}, reason)], false, 0, withFinish ? usage : undefined);
  }
  if (usage !== undefined && !withFinish) add([], false, behaviour.usageAfterMs ?? 0, usage);
  return steps;
}

function head(behaviour: StubBehaviour, asked: AskedFor, object: string): object {
  return {
    id: behaviour.id ?? "chatcmpl-stub",
    object,
    created: createdAt,
    model: behaviour.model ?? asked.model,
    ...(behaviour.simulated === true ? { simulated: true } : {}),
  };
}

function deltasOf(behaviour: StubBehaviour): object[] {
  const deltas: object[] = [];
  for (const reasoning_content of behaviour.reasoning ?? []) deltas.push({ reasoning_content });
  for (const content of piecesOf(behaviour)) deltas.push({ content });
  if (behaviour.refusal !== undefined) deltas.push({ refusal: behaviour.refusal });
  for (const tool_calls of toolCallDeltas(behaviour)) deltas.push({ tool_calls });
  return deltas;
}

function wholeCalls(behaviour: StubBehaviour): object[] {
  const bare = behaviour.toolCallForm?.startsWith("bare") === true;
  return (behaviour.toolCalls ?? []).map((call, index) => ({
    ...(bare ? {} : { id: call.id ?? `call_stub_${index}`, type: "function" }),
    function: { name: call.name, arguments: call.arguments },
    ...call.state,
  }));
}

function finishReason(behaviour: StubBehaviour): string | null {
  if (behaviour.finishReason !== undefined) return behaviour.finishReason;
  return behaviour.toolCalls === undefined ? "stop" : "tool_calls";
}

function waitBefore(behaviour: StubBehaviour, piece: number): number {
  const gap = behaviour.gaps?.find(({ before }) => before === piece)?.ms ?? 0;
  return (behaviour.tokenMs ?? 0) + gap;
}

function indexes(n: number): number[] {
  return Array.from({ length: n }, (_, index) => index);
}
