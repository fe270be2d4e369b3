import {
  type StubBehaviour,
  type StubUpstream,
  startStubUpstream,
} from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repairMessageToolCalls, repairToolCalls } from "./tool-call-repair.ts";

let stub: StubUpstream;

beforeAll(async () => {
  stub = await startStubUpstream();
});

afterAll(() => stub.close());

// biome-ignore lint/suspicious/noExplicitAny: chunks are read as a client would
type Json = any;

async function chunksOf(behaviour: StubBehaviour): Promise<Json[]> {
  stub.script("*", behaviour);
  const response = await fetch(`${stub.url}/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ stream: true }),
  });
  const events = (await response.text())
    .split("\n\n")
    .filter((event) => event !== "" && !event.includes("[DONE]"));
  return events.map((event) => JSON.parse(event.slice("data: ".length)));
}

function repaired(chunks: Json[]): Json[] {
  let ids = 0;
  const repair = repairToolCalls(() => `call_new_${ids++}`);
  return chunks.map((chunk) => repair(chunk));
}

/** What a client puts together: keyed by index, strings of one key appended, as the official clients do. */
function assembled(chunks: Json[]): Json[] {
  const calls: Json[] = [];
  for (const chunk of chunks) {
    for (const piece of chunk.choices[0]?.delta?.tool_calls ?? []) {
      expect(Number.isInteger(piece.index)).toBe(true);
      expect(typeof piece.function.arguments).toBe("string");
      const known = calls[piece.index];
      if (known === undefined) {
        expect(piece.index).toBe(calls.length);
        expect([typeof piece.id, piece.type, typeof piece.function.name]).toEqual([
          "string",
          "function",
          "string",
        ]);
        calls.push({ ...piece, function: { ...piece.function } });
        continue;
      }
      for (const key of ["id", "type"]) expect(piece[key]).toBeUndefined();
      if (piece.function.name !== undefined) known.function.name += piece.function.name;
      known.function.arguments += piece.function.arguments;
    }
  }
  return calls;
}

const paris = { name: "get_weather", arguments: '{"city":"Paris","note":"a } \\" brace"}' };
const tokyo = { name: "get_weather", arguments: '{"city":"東京"}' };
const time = { name: "get_time", arguments: "{}" };

describe("repairToolCalls", () => {
  it.each(
    (["openai", "bare", "bare_parallel", "bare_whole", "same_index", "repeated_name"] as const).map(
      (form) => [form],
    ),
  )("keeps parallel calls apart in the form %s, two of them to the same function", async (toolCallForm) => {
    const toolCalls = [paris, tokyo, time];
    const calls = assembled(repaired(await chunksOf({ toolCalls, toolCallForm })));
    expect(calls.map((call) => call.function)).toEqual(
      toolCalls.map(({ name, arguments: text }) => ({ name, arguments: text })),
    );
    expect(new Set(calls.map((call) => call.id)).size).toBe(3);
  });

  it("changes nothing where upstream does it right", async () => {
    const chunks = await chunksOf({
      toolCalls: [
        { id: "call_a", ...paris },
        { id: "call_b", ...tokyo },
      ],
    });
    expect(repaired(chunks)).toEqual(chunks);
  });

  it("hands chunks without tool calls back untouched", () => {
    const chunk = { choices: [{ index: 0, delta: { content: "x" } }] };
    expect(repairToolCalls()(chunk)).toBe(chunk);
  });

  it("keeps provider state on a call", async () => {
    const state = { extra_content: { google: { thought_signature: "c2ln+/==" } } };
    for (const toolCallForm of ["openai", "bare", "bare_whole"] as const) {
      const [call] = assembled(repaired(await chunksOf({ toolCalls: [{ ...paris, state }], toolCallForm })));
      expect(call.extra_content).toEqual(state.extra_content);
    }
  });

  const piece = (entry: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta: { tool_calls: [entry] }, finish_reason }],
  });

  it("numbers calls from 0 without gaps, and turns numbers and objects into text", () => {
    const chunks = [
      piece({ index: 3, id: 77, function: { name: "f", arguments: { a: 1 } } }),
      piece({ index: "7", id: "x", function: { name: "g", arguments: "{}" } }),
    ];
    expect(
      assembled(repaired(chunks)).map(({ index, id, function: ours }) => [
        index,
        id,
        ours.name,
        ours.arguments,
      ]),
    ).toEqual([
      [0, "77", "f", '{"a":1}'],
      [1, "x", "g", "{}"],
    ]);
  });

  it("tells calls of one index apart by their ids, without arguments too", () => {
    const chunks = ["a", "b"].map((id) => piece({ index: 0, id, function: { name: "f", arguments: "" } }));
    expect(assembled(repaired(chunks)).map((call) => call.id)).toEqual(["a", "b"]);
  });

  it("sends the name first even where upstream sends it late", () => {
    const chunks = [
      piece({ index: 0, id: "x", function: { arguments: '{"a"' } }),
      piece({ index: 0, function: { name: "f", arguments: ":1}" } }),
    ];
    const out = repaired(chunks);
    expect(out[0].choices[0].delta).toEqual({});
    expect(assembled(out)).toMatchObject([{ id: "x", function: { name: "f", arguments: '{"a":1}' } }]);
  });

  it("keeps the calls of each choice apart", () => {
    const repair = repairToolCalls();
    const chunk = (index: number) => ({
      choices: [{ index, delta: { tool_calls: [{ function: { name: "f", arguments: "{}" } }] } }],
    });
    for (const index of [0, 1]) {
      const out: Json = repair(chunk(index));
      expect(out.choices[0].delta.tool_calls[0].index).toBe(0);
    }
  });

  it("leaves the text of a custom tool alone", () => {
    const out = repaired([
      piece({ id: "x", type: "custom", custom: { name: "f", input: "a" } }),
      piece({ id: "x", custom: { input: "b" } }),
    ]);
    expect(out.map((chunk) => chunk.choices[0].delta.tool_calls[0])).toEqual([
      { index: 0, id: "x", type: "custom", custom: { name: "f", input: "a" } },
      { index: 0, custom: { input: "b" } },
    ]);
  });
});

describe("repairMessageToolCalls", () => {
  it("gives every call of a message an id, a type and text as arguments", () => {
    const body = {
      choices: [
        {
          message: {
            tool_calls: [
              { function: { name: "f", arguments: { a: 1 } } },
              { id: "y", function: { name: "g" } },
            ],
          },
        },
      ],
    };
    const out: Json = repairMessageToolCalls(body, () => "new");
    expect(out.choices[0].message.tool_calls).toEqual([
      { id: "new", type: "function", function: { name: "f", arguments: '{"a":1}' } },
      { id: "y", type: "function", function: { name: "g", arguments: "" } },
    ]);
    const plain = { choices: [{ message: { content: "x" } }] };
    expect(repairMessageToolCalls(plain)).toBe(plain);
  });
});
