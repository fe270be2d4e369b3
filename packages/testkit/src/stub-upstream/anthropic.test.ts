import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type StubUpstream, startStubUpstream } from "./stub-upstream.ts";

let stub: StubUpstream;

beforeAll(async () => {
  stub = await startStubUpstream();
});
afterEach(() => stub.reset());
afterAll(() => stub.close());

const hello = { role: "user", content: "hi" };

function post(body: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${stub.url}/messages`, {
    method: "POST",
    headers: { "anthropic-version": "2026-10-21", "x-api-key": "sk-test", ...headers },
    body: JSON.stringify({ model: "stub-claude", max_tokens: 9, messages: [hello], ...body }),
  });
}

async function eventNames(response: Response): Promise<string[]> {
  return [...(await response.text()).matchAll(/^event: (.*)$/gm)].map(([, name]) => name!);
}

describe("the stub in Anthropic's dialect", () => {
  it("answers 100/50 unless told otherwise, whole or as the events of a message", async () => {
    expect(await (await post({})).json()).toMatchObject({
      type: "message",
      stop_reason: "end_turn",
      usage: { input_tokens: 100, output_tokens: 50 },
    });
    stub.script("*", { tokens: ["a", "b"], usage: { input_tokens: 100, output_tokens: 50 } });
    const text = await (await post({ stream: true })).text();
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual([
      "message_start",
      "ping",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(text).toContain('"usage":{"input_tokens":100,"output_tokens":0}');
    expect(text).toContain('"usage":{"output_tokens":50}');
    expect(stub.billableCalls).toBe(2);
  });

  it("fails in its dialect too", async () => {
    stub.script("*", { status: 529 });
    const busy = await post({});
    expect([busy.status, await busy.json()]).toMatchObject([529, { error: { type: "overloaded_error" } }]);
    stub.script("*", { errorAfter: 0 });
    expect((await eventNames(await post({ stream: true }))).at(-1)).toBe("error");
    stub.script("*", { noDone: true });
    expect((await eventNames(await post({ stream: true }))).at(-1)).toBe("message_delta");
  });

  const use = { type: "tool_use", id: "t", name: "f", input: {} };
  const result = { type: "tool_result", tool_use_id: "t", content: "x" };
  const forged = { type: "thinking", thinking: "hm", signature: "forged" };
  it.each<[string, object, Record<string, string>?]>([
    ["an unknown field", { foo: 1 }],
    ["no version", {}, { "anthropic-version": "" }],
    ["sampling in the newest version", { temperature: 0.5 }],
    ["no limit", { max_tokens: 0 }],
    ["a forged thought", { messages: [hello, { role: "assistant", content: [forged] }] }],
    ["a call without its result", { messages: [hello, { role: "assistant", content: [use] }, hello] }],
    ["a result without a call", { messages: [{ role: "user", content: [result] }] }],
    [
      "a late result",
      {
        messages: [
          hello,
          { role: "assistant", content: [use] },
          { role: "user", content: [{ type: "text", text: "x" }, result] },
        ],
      },
    ],
    ["an empty text", { messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }],
    ["a budget above the limit", { thinking: { type: "enabled", budget_tokens: 2_000 } }],
    ["a tool without a schema", { tools: [{ name: "f", input_schema: {} }] }],
  ])("refuses %s, which then costs nothing", async (_what, body, headers) => {
    const refused = await post(body, headers);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ type: "error", error: { type: "invalid_request_error" } });
    expect(stub.billableCalls).toBe(0);
  });

  it("lists its models in its dialect for who names a version", async () => {
    const list = await (
      await fetch(`${stub.url}/models`, { headers: { "anthropic-version": "2026-10-21" } })
    ).json();
    expect(list).toMatchObject({
      has_more: false,
      data: [{ type: "model", id: "stub-text" }, {}, {}, {}, {}, {}, {}],
    });
  });
});
