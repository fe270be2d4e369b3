import { refusalOfMessages } from "@modelfaucet/testkit/stub-upstream/anthropic-check.ts";
import { describe, expect, it } from "vitest";
import { type JsonObject, TranslationRefusal } from "../provider.ts";
import { translateRequest } from "./request.ts";

const hello = { role: "user", content: "hello" };
const weather = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};

function translate(body: JsonObject, model = "stub-claude") {
  return translateRequest({ messages: [hello], max_tokens: 64, ...body }, model, false);
}

/** Written and read again, as upstream reads it; held against what the real API takes. */
function sent(body: JsonObject, model?: string): JsonObject {
  const text = JSON.stringify(translate(body, model).body);
  const parsed = JSON.parse(text) as JsonObject;
  expect(refusalOfMessages(parsed, "2026-10-21")).toBeNull();
  return parsed;
}

function refusal(body: JsonObject, model?: string): TranslationRefusal {
  try {
    translate(body, model);
  } catch (error) {
    expect(error).toBeInstanceOf(TranslationRefusal);
    return error as TranslationRefusal;
  }
  throw new Error("was translated");
}

describe("a conversation", () => {
  it("is a text of a user", () => {
    expect(translate({})).toEqual({
      body: {
        model: "stub-claude",
        max_tokens: 64,
        messages: [{ role: "user", content: [{ type: "text", text: "hello" }] }],
        stream: false,
      },
      dropped: [],
    });
  });

  it("has its instructions lifted out, in their order, with the marks of the cache", () => {
    const body = sent({
      messages: [
        { role: "system", content: "be brief" },
        hello,
        {
          role: "developer",
          content: [{ type: "text", text: "be kind", cache_control: { type: "ephemeral" } }],
        },
        { role: "system", content: "", name: "x" },
      ],
    });
    expect(body.system).toEqual([
      { type: "text", text: "be brief" },
      { type: "text", text: "be kind", cache_control: { type: "ephemeral" } },
    ]);
    expect(body.messages).toHaveLength(1);
  });

  it("carries images as bytes or as an address that upstream fetches", () => {
    const image = (url: string, more = {}) => ({ type: "image_url", image_url: { url, ...more } });
    const body = sent({
      messages: [
        {
          role: "user",
          content: [
            "look",
            image("data:image/jpg;charset=x;base64,AAAA", { detail: "auto" }),
            { ...image("https://example.com/a.png"), cache_control: { type: "ephemeral", ttl: "5m" } },
          ],
        },
      ],
    });
    expect(body.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAAA" } },
          {
            type: "image",
            source: { type: "url", url: "https://example.com/a.png" },
            cache_control: { type: "ephemeral", ttl: "5m" },
          },
        ],
      },
    ]);
    expect(
      translate({ messages: [{ role: "user", content: [image("https://a.example/b", { detail: "low" })] }] }),
    ).toMatchObject({ dropped: ["image_url.detail"] });
  });

  it("has calls of tools as blocks and their results together in the turn behind them", () => {
    const call = (id: string, text: string) => ({
      id,
      type: "function",
      function: { name: "weather", arguments: text },
    });
    const body = sent({
      tools: [weather],
      messages: [
        hello,
        { role: "assistant", content: null, tool_calls: [call("a", '{"city":"Bern"}'), call("b", "")] },
        { role: "tool", tool_call_id: "a", content: "12" },
        {
          role: "tool",
          tool_call_id: "b",
          content: [{ type: "text", text: "13" }],
          cache_control: { type: "ephemeral" },
        },
        { role: "user", content: "and now?" },
      ],
    });
    expect(body.messages).toEqual([
      { role: "user", content: [{ type: "text", text: "hello" }] },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "a", name: "weather", input: { city: "Bern" } },
          { type: "tool_use", id: "b", name: "weather", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "12" }] },
          {
            type: "tool_result",
            tool_use_id: "b",
            content: [{ type: "text", text: "13" }],
            cache_control: { type: "ephemeral" },
          },
          { type: "text", text: "and now?" },
        ],
      },
    ]);
  });

  it("keeps every number of a tool's arguments as it was written", () => {
    const text = '{"id":12345678901234567890,"price":1.10,"deep":[{"e":1e3,"n":-0.0}],"s":"1.10"}';
    const { body } = translate({
      messages: [
        hello,
        {
          role: "assistant",
          tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: text } }],
        },
      ],
    });
    expect(JSON.stringify(body)).toContain(`"input":${text}`);
  });

  it.each<[string, JsonObject, string]>([
    ["instructions alone", { messages: [{ role: "system", content: "x" }] }, "messages"],
    ["an empty turn", { messages: [{ role: "user", content: "" }] }, "messages[0].content"],
    ["an unknown side", { messages: [{ role: "critic", content: "x" }] }, "messages[0].role"],
    ["the old result of a function", { messages: [{ role: "function", name: "f" }] }, "messages[0].role"],
    [
      "arguments that are no object",
      {
        messages: [
          hello,
          { role: "assistant", tool_calls: [{ id: "a", function: { name: "f", arguments: "[1]" } }] },
        ],
      },
      "messages[1].tool_calls[0].function.arguments",
    ],
    [
      "an image by http",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "http://a/b" } }] }] },
      "messages[0].content[0].image_url.url",
    ],
    [
      "an image of another kind",
      {
        messages: [
          { role: "user", content: [{ type: "image_url", image_url: "data:image/svg+xml;base64,AA" }] },
        ],
      },
      "messages[0].content[0].image_url.url",
    ],
    [
      "a mark for an hour, which costs more",
      {
        messages: [
          {
            role: "user",
            content: [{ type: "text", text: "x", cache_control: { type: "ephemeral", ttl: "1h" } }],
          },
        ],
      },
      "messages[0].content[0].cache_control.ttl",
    ],
  ])("is refused with %s", (_what, body, param) => {
    const refused = refusal(body);
    expect(refused.param).toBe(param);
    expect(refused.message).toMatch(new RegExp(`^${param.replaceAll(/[[\].]/g, "\\$&")} .*\\.$`));
  });
});

describe("tools", () => {
  it("have a name, a description and a schema that says that it is an object", () => {
    const body = sent({
      tools: [
        { type: "function", function: { name: "now" } },
        {
          ...weather,
          function: { ...weather.function, description: "d", strict: true },
          cache_control: { type: "ephemeral" },
        },
      ],
    });
    expect(body.tools).toEqual([
      { name: "now", input_schema: { type: "object", properties: {} } },
      {
        name: "weather",
        description: "d",
        input_schema: weather.function.parameters,
        strict: true,
        cache_control: { type: "ephemeral" },
      },
    ]);
    expect(body.tool_choice).toBeUndefined();
  });

  it.each<[JsonObject, unknown]>([
    [{ tool_choice: "auto" }, { type: "auto" }],
    [{ tool_choice: "none" }, { type: "none" }],
    [{ tool_choice: "none", parallel_tool_calls: false }, { type: "none" }],
    [{ tool_choice: "required" }, { type: "any" }],
    [{ tool_choice: { type: "function", function: { name: "weather" } } }, { type: "tool", name: "weather" }],
    [{ parallel_tool_calls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [
      { tool_choice: "required", parallel_tool_calls: false },
      { type: "any", disable_parallel_tool_use: true },
    ],
    [{ parallel_tool_calls: true }, undefined],
  ])("are chosen by %j", (choice, expected) => {
    expect(sent({ tools: [weather], ...choice }).tool_choice).toEqual(expected);
  });

  it.each<[JsonObject, string]>([
    [{ functions: [{}] }, "functions"],
    [{ function_call: "auto" }, "function_call"],
    [{ tools: [{ type: "custom", custom: { name: "c" } }] }, "tools[0].type"],
    [{ tools: [weather], tool_choice: { type: "allowed_tools" } }, "tool_choice"],
  ])("are refused in the form %j", (body, param) => expect(refusal(body).param).toBe(param));

  it("are not forced upon a model that cannot be forced", () => {
    for (const model of ["claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1"]) {
      expect(refusal({ tools: [weather], tool_choice: "required" }, model).param).toBe("tool_choice");
      expect(sent({ tools: [weather], tool_choice: "none" }, model).tool_choice).toEqual({ type: "none" });
    }
    for (const model of ["claude-opus-5", "claude-haiku-4-5-20251001", "claude-fable-5"]) {
      expect(sent({ tools: [weather], tool_choice: "required" }, model).tool_choice).toEqual({ type: "any" });
    }
  });
});

describe("thinking", () => {
  const roomy = { max_tokens: 32_000 };
  it.each<[string, JsonObject, JsonObject]>([
    [
      "claude-sonnet-4-5",
      { reasoning_effort: "high" },
      { thinking: { type: "enabled", budget_tokens: 16_384 } },
    ],
    [
      "claude-3-7-sonnet-20250219",
      { reasoning: { max_tokens: 2_000 } },
      { thinking: { budget_tokens: 2_000 } },
    ],
    ["claude-haiku-4-5-20251001", { reasoning_effort: "max" }, { thinking: { budget_tokens: 31_999 } }],
    [
      "claude-opus-4-6",
      { reasoning_effort: "high" },
      { thinking: { type: "adaptive" }, output_config: { effort: "high" } },
    ],
    ["anthropic/claude-sonnet-5", { reasoning_effort: "minimal" }, { output_config: { effort: "low" } }],
    ["claude-opus-5", { reasoning_effort: "none" }, { thinking: { type: "disabled" } }],
    ["claude-sonnet-5-5", { reasoning: { enabled: false } }, { thinking: { type: "between_tools" } }],
    [
      "stub-claude",
      { reasoning: { effort: "low", exclude: true } },
      { thinking: { type: "adaptive", display: "omitted" } },
    ],
    [
      "stub-claude",
      { thinking: { type: "adaptive", display: "summarized" } },
      { thinking: { type: "adaptive", display: "summarized" } },
    ],
  ])("%s takes %j", (model, asked, expected) => {
    expect(sent({ ...roomy, ...asked }, model)).toMatchObject(expected);
    expect(translate({ ...roomy, ...asked }, model).dropped).toEqual([]);
  });

  it("is left out, and told, where the limit has no room for it or a tool is forced", () => {
    const small = translate({ max_tokens: 1_024, reasoning_effort: "low" }, "claude-sonnet-4-5");
    expect(small.body.thinking).toBeUndefined();
    expect(small.dropped).toEqual(["reasoning_effort"]);
    const forced = translate({
      ...roomy,
      tools: [weather],
      tool_choice: "required",
      reasoning_effort: "low",
    });
    expect(forced.body.thinking).toBeUndefined();
    expect(forced.dropped).toEqual(["reasoning_effort"]);
    const budget = translate({ ...roomy, thinking: { type: "enabled", budget_tokens: 5_000 } });
    expect(budget.body.thinking).toEqual({ type: "adaptive" });
    expect(budget.dropped).toEqual(["thinking.budget_tokens"]);
  });

  it("is said by nothing where a model of budgets is to have none", () => {
    const none = translate({ reasoning_effort: "none" }, "claude-sonnet-4-5");
    expect(none.body.thinking).toBeUndefined();
    expect(none.dropped).toEqual([]);
  });

  it("is refused where it cannot be what is asked", () => {
    for (const model of ["claude-opus-5-5", "claude-fable-5"]) {
      expect(refusal({ reasoning_effort: "none" }, model).param).toBe("reasoning_effort");
    }
    expect(refusal({ reasoning_effort: "huge" }).param).toBe("reasoning_effort");
    expect(refusal({ thinking: { type: "enabled" } }).param).toBe("thinking.budget_tokens");
  });
});

describe("sampling", () => {
  it.each<[string, JsonObject, JsonObject, string[]]>([
    ["claude-sonnet-4-5", { temperature: 0.2 }, { temperature: 0.2 }, []],
    [
      "claude-sonnet-4-5",
      { temperature: 0.2, top_p: 0.9, top_k: 5 },
      { temperature: 0.2, top_k: 5 },
      ["top_p"],
    ],
    ["claude-sonnet-4-5", { top_p: 0.9 }, { top_p: 0.9 }, []],
    ["claude-opus-4-7", { temperature: 0.2, top_p: 1 }, {}, ["temperature"]],
    ["claude-sonnet-5-5", { temperature: 1, top_p: 1 }, {}, []],
    ["claude-sonnet-4-5", { temperature: 1, top_p: 0.5 }, { top_p: 0.5 }, []],
    ["stub-claude", { temperature: 0, reasoning_effort: "low" }, {}, ["temperature"]],
  ])("of %s by %j", (model, asked, expected, dropped) => {
    const translated = translate(asked, model);
    const { temperature, top_p, top_k } = translated.body;
    expect(JSON.parse(JSON.stringify({ temperature, top_p, top_k }))).toEqual(expected);
    expect(translated.dropped).toEqual(dropped);
  });
});

describe("other fields", () => {
  it("say the same in upstream's words", () => {
    const schema = { type: "object", properties: {}, additionalProperties: false };
    const body = sent({
      stop: ["END", "###"],
      user: "opaque-id",
      service_tier: "default",
      response_format: { type: "json_schema", json_schema: { name: "n", strict: true, schema } },
      max_tokens: undefined,
      max_completion_tokens: 99,
      cache_control: { type: "ephemeral" },
    });
    expect(body).toMatchObject({
      max_tokens: 99,
      stop_sequences: ["END", "###"],
      metadata: { user_id: "opaque-id" },
      service_tier: "standard_only",
      output_config: { format: { type: "json_schema", schema } },
      cache_control: { type: "ephemeral" },
    });
    expect(sent({ stop: "END" }).stop_sequences).toEqual(["END"]);
    expect(sent({ response_format: { type: "text" } }).output_config).toBeUndefined();
  });

  it("that nobody needs are left out and told, those that repeat a default are not told", () => {
    const { body, dropped } = translate({
      foo: { bar: 1 },
      seed: 7,
      presence_penalty: 0,
      frequency_penalty: 0.5,
      metadata: { team: "a" },
      n: 1,
      logprobs: false,
      store: false,
      verbosity: null,
      logit_bias: {},
    });
    expect(Object.keys(body)).toEqual(["model", "max_tokens", "messages", "stream"]);
    expect(dropped).toEqual(["foo", "seed", "frequency_penalty", "metadata"]);
  });

  it("have names that fit a header, and not too many of them", () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, 1]));
    expect(translate({ "a\r\nset-cookie: x": 1, "": 1, ["x".repeat(99)]: 1 }).dropped).toEqual([
      "a__set-cookie__x",
      "_",
      "x".repeat(64),
    ]);
    expect(translate(many).dropped).toHaveLength(24);
  });

  it.each<[JsonObject, string]>([
    [{ n: 2 }, "n"],
    [{ logprobs: true }, "logprobs"],
    [{ top_logprobs: 3 }, "top_logprobs"],
    [{ logit_bias: { 50256: -100 } }, "logit_bias"],
    [{ temperature: 1.5 }, "temperature"],
    [{ stop: "\n" }, "stop"],
    [{ response_format: { type: "json_object" } }, "response_format"],
    [{ speed: "fast" }, "speed"],
    [{ inference_geo: "us" }, "inference_geo"],
  ])("that change the answer or its price are refused: %j", (body, param) => {
    expect(refusal(body).param).toBe(param);
  });
});

describe("thoughts of an earlier answer", () => {
  const said = (message: JsonObject) =>
    translate({ messages: [hello, { role: "assistant", content: "so", ...message }, hello] });
  const blocks = (message: JsonObject) =>
    (said(message).body.messages as { content: JsonObject[] }[])[1]!.content;
  const text = { type: "text", text: "so" };

  it("go back unchanged, in their order and to their place", () => {
    const details = [
      { type: "reasoning.text", text: "hm", signature: "s1", format: "anthropic-claude-v1", index: 0 },
      { type: "reasoning.encrypted", data: "xx", format: "anthropic-claude-v1", index: 2 },
    ];
    expect(blocks({ reasoning_content: "hm", reasoning_details: details })).toEqual([
      { type: "thinking", thinking: "hm", signature: "s1" },
      text,
      { type: "redacted_thinking", data: "xx" },
    ]);
    expect(said({ reasoning_content: "hm", reasoning_details: details }).dropped).toEqual([]);
  });

  it("may stand in the content as upstream wrote them", () => {
    const thought = { type: "thinking", thinking: "hm", signature: "s1" };
    expect(blocks({ content: [thought, { type: "text", text: "so" }] })).toEqual([thought, text]);
  });

  it("that upstream could not check are left out and told", () => {
    const foreign = [{ type: "reasoning.encrypted", data: "x", format: "openai-responses-v1" }];
    for (const [message, dropped] of [
      [{ reasoning_content: "hm" }, "messages.reasoning_content"],
      [{ reasoning_details: foreign }, "messages.reasoning_details"],
      [{ reasoning_details: [{ type: "reasoning.text", text: "hm" }] }, "messages.reasoning_details"],
      [{ content: [{ type: "thinking", thinking: "hm" }, text] }, "messages.content.thinking"],
    ] as const) {
      expect(blocks(message)).toEqual([text]);
      expect(said(message).dropped).toEqual([dropped]);
    }
  });
});
