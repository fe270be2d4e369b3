import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type { AnswerPlan, PlannedChoice, SimulatedRequest } from "./answer.ts";

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** The whole answer after the time that it would have taken to stream. */
export async function sendWhole(response: ServerResponse, plan: AnswerPlan): Promise<void> {
  await untilDue(response, performance.now() + plan.steps * plan.tokenMs);
  if (response.destroyed) return;
  sendJson(response, 200, {
    id: plan.id,
    object: "chat.completion",
    created: plan.createdAt,
    model: plan.model,
    choices: plan.choices.map((choice, index) => ({
      index,
      message: {
        role: "assistant",
        content: choice.call === null ? choice.text.join("") : null,
        ...(choice.thoughts.length === 0 ? {} : { reasoning_content: choice.thoughts.join("") }),
        ...(choice.call === null ? {} : { tool_calls: [choice.call] }),
        refusal: null,
      },
      logprobs: null,
      finish_reason: choice.finishReason,
    })),
    usage: plan.usage,
    simulated: true,
  });
}

/** Token by token on a steady clock, all choices side by side. */
export async function sendStream(
  response: ServerResponse,
  plan: AnswerPlan,
  request: SimulatedRequest,
): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  const write = (fields: object): void => {
    const { id, createdAt: created, model } = plan;
    const chunk = { id, object: "chat.completion.chunk", created, model, ...fields, simulated: true };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  for (const index of plan.choices.keys())
    write({ choices: [choiceChunk(index, { role: "assistant", content: "" })] });
  const startedAt = performance.now();
  for (let step = 0; step < plan.steps; step++) {
    await untilDue(response, startedAt + (step + 1) * plan.tokenMs);
    if (response.destroyed) return;
    for (const [index, choice] of plan.choices.entries()) {
      const delta = deltaAt(choice, step);
      if (delta !== null) write({ choices: [choiceChunk(index, delta)] });
    }
  }
  for (const [index, choice] of plan.choices.entries())
    write({ choices: [choiceChunk(index, {}, choice.finishReason)] });
  if (request.stream_options?.include_usage === true) write({ choices: [], usage: plan.usage });
  response.end("data: [DONE]\n\n");
}

function choiceChunk(index: number, delta: object, finishReason: string | null = null): object {
  return { index, delta, logprobs: null, finish_reason: finishReason };
}

function deltaAt(choice: PlannedChoice, step: number): object | null {
  const thought = choice.thoughts[step];
  if (thought !== undefined) return { reasoning_content: thought };
  const place = step - choice.thoughts.length;
  const piece = choice.text[place];
  if (piece === undefined) return null;
  if (choice.call === null) return { content: piece };
  const opening = place === 0;
  const call = opening
    ? {
        index: 0,
        id: choice.call.id,
        type: "function",
        function: { name: choice.call.function.name, arguments: piece },
      }
    : { index: 0, function: { arguments: piece } };
  return { tool_calls: [call] };
}

/** Waits in short steps, so that an answer that nobody waits for ends soon. */
async function untilDue(response: ServerResponse, dueAt: number): Promise<void> {
  while (!response.destroyed) {
    const leftMs = dueAt - performance.now();
    if (leftMs <= 0) return;
    await wait(Math.min(leftMs, 200));
  }
}
