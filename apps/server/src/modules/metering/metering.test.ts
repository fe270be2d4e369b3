import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  boundInputTokens,
  createAnswerTap,
  findUnmetered,
  imageTokensMaximum,
  isEmptyAnswer,
  normaliseUsage,
  promptTexts,
  reportsNoOutput,
} from "./metering.ts";

function tokensOf(usage: unknown) {
  const result = normaliseUsage(usage, "openai");
  if (!result.ok) throw new Error(result.why);
  return [
    result.tokens.input,
    result.tokens.cachedInput,
    result.tokens.cacheWrite,
    result.tokens.output,
    result.tokens.reasoning,
  ];
}

function warningsOf(usage: unknown): string[] {
  const result = normaliseUsage(usage, "openai");
  return result.ok ? result.warnings : [result.why];
}

describe("normaliseUsage", () => {
  const plain = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };

  it.each<[string, object, number[]]>([
    ["plain", plain, [100, 0, 0, 50, 0]],
    ["without a total", { prompt_tokens: 100, completion_tokens: 50 }, [100, 0, 0, 50, 0]],
    [
      "with details that are null",
      { ...plain, prompt_tokens_details: null, completion_tokens_details: { reasoning_tokens: null } },
      [100, 0, 0, 50, 0],
    ],
    ["with a cost, which is not ours", { ...plain, cost: 0 }, [100, 0, 0, 50, 0]],
    ["cached inside", { ...plain, prompt_tokens_details: { cached_tokens: 80 } }, [20, 80, 0, 50, 0]],
    [
      "cached inside, as DeepSeek says it",
      { ...plain, prompt_cache_hit_tokens: 80, prompt_cache_miss_tokens: 20 },
      [20, 80, 0, 50, 0],
    ],
    [
      "cache read and written inside",
      { ...plain, cache_read_input_tokens: 60, cache_creation_input_tokens: 30 },
      [10, 60, 30, 50, 0],
    ],
    ["cached beside", { ...plain, total_tokens: 230, cache_read_input_tokens: 80 }, [100, 80, 0, 50, 0]],
    [
      "reasoning inside",
      { ...plain, completion_tokens_details: { reasoning_tokens: 40 } },
      [100, 0, 0, 10, 40],
    ],
    [
      "reasoning beside",
      { ...plain, total_tokens: 190, completion_tokens_details: { reasoning_tokens: 40 } },
      [100, 0, 0, 50, 40],
    ],
    [
      "both beside",
      { ...plain, total_tokens: 270, cached_tokens: 80, completion_tokens_details: { reasoning_tokens: 40 } },
      [100, 80, 0, 50, 40],
    ],
    [
      "reasoning beside, cached inside",
      { ...plain, total_tokens: 190, cached_tokens: 80, reasoning_tokens: 40 },
      [20, 80, 0, 50, 40],
    ],
    ["zero", { prompt_tokens: 0, completion_tokens: 0 }, [0, 0, 0, 0, 0]],
  ])("splits usage %s into disjoint parts", (_name, usage, expected) => {
    expect(tokensOf(usage)).toEqual(expected);
    expect(warningsOf(usage)).toEqual([]);
  });

  it("clamps what cannot be inside, with a warning", () => {
    const cached = { ...plain, prompt_tokens_details: { cached_tokens: 130 } };
    expect(tokensOf(cached)).toEqual([0, 100, 0, 50, 0]);
    expect(warningsOf(cached)).toEqual(["cached tokens exceed the input"]);
    const thoughts = { ...plain, completion_tokens_details: { reasoning_tokens: 60 } };
    expect(tokensOf(thoughts)).toEqual([100, 0, 0, 0, 50]);
    expect(warningsOf(thoughts)).toHaveLength(1);
    expect(warningsOf({ ...plain, total_tokens: 999 })).toEqual(["total_tokens differs from its parts"]);
  });

  const impossible = [
    -5,
    "12",
    null,
    1.5,
    100_000_001,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    true,
    {},
    [],
    undefined,
  ];

  it.each(impossible)("refuses a count of %s", (count) => {
    expect(normaliseUsage({ ...plain, prompt_tokens: count }, "openai").ok).toBe(false);
    expect(normaliseUsage({ ...plain, completion_tokens: count }, "openai").ok).toBe(false);
    if (count === null || count === undefined) return;
    expect(normaliseUsage({ ...plain, prompt_tokens_details: { cached_tokens: count } }, "openai").ok).toBe(
      false,
    );
    expect(normaliseUsage({ ...plain, reasoning_tokens: count }, "openai").ok).toBe(false);
  });

  it.each([undefined, null, "usage", 7, [], {}])("refuses %s as usage", (usage) => {
    expect(normaliseUsage(usage, "openai").ok).toBe(false);
  });

  it("yields whole parts from 0 that add up to what the provider counted, whatever it reports", () => {
    const count = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.anything());
    const usage = fc.record(
      {
        prompt_tokens: count,
        completion_tokens: count,
        total_tokens: count,
        prompt_tokens_details: fc.oneof(
          fc.record({ cached_tokens: count, cache_write_tokens: count }),
          fc.anything(),
        ),
        completion_tokens_details: fc.record({ reasoning_tokens: count }),
      },
      { requiredKeys: ["prompt_tokens", "completion_tokens"] },
    );
    fc.assert(
      fc.property(usage, (reported) => {
        const result = normaliseUsage(reported, "openai");
        if (!result.ok) return;
        const parts = Object.values(result.tokens);
        expect(parts.every((part) => Number.isInteger(part) && part >= 0)).toBe(true);
        const sum = parts.reduce((a, b) => a + b, 0);
        const inside = (reported.prompt_tokens as number) + (reported.completion_tokens as number);
        expect([inside, reported.total_tokens]).toContain(sum);
      }),
      { numRuns: 2000 },
    );
  });

  it("knows a usage that reports no output", () => {
    for (const [prompt_tokens, completion_tokens, expected] of [
      [0, 0, true],
      [100, 0, true],
      [0, 1, false],
    ]) {
      const read = normaliseUsage({ prompt_tokens, completion_tokens }, "openai");
      expect(read.ok && reportsNoOutput(read.tokens)).toBe(expected);
    }
  });
});

describe("createAnswerTap", () => {
  const piece = (index: number, delta: object, finish_reason: string | null = null) => ({
    choices: [{ index, delta, finish_reason }],
  });

  it("keeps the last usage and never a sum", () => {
    const tap = createAnswerTap();
    for (const [prompt_tokens, completion_tokens] of [
      [10, 5],
      [60, 25],
      [100, 50],
    ]) {
      tap.chunk({ ...piece(0, { content: "x" }), usage: { prompt_tokens, completion_tokens } });
    }
    tap.chunk({ ...piece(0, {}, "stop"), usage: null });
    expect(tap.usage).toEqual({ prompt_tokens: 100, completion_tokens: 50 });
  });

  it("is finished when all choices seen so far are", () => {
    const tap = createAnswerTap();
    expect(tap.isFinished).toBe(false);
    tap.chunk(piece(0, { content: "a" }));
    tap.chunk(piece(1, { content: "b" }));
    tap.chunk(piece(1, {}, "length"));
    expect([tap.isFinished, tap.finishedChoices]).toEqual([false, 1]);
    tap.chunk(piece(0, {}, "stop"));
    expect([tap.isFinished, tap.finishedChoices, tap.finishReasons]).toEqual([true, 2, ["stop", "length"]]);
    tap.chunk({ choices: [], usage: {} });
    expect(tap.isFinished).toBe(true);
  });

  it.each<[string, object]>([
    ["text", { content: "x" }],
    ["parts of text", { content: [{ type: "text", text: "x" }] }],
    ["reasoning", { reasoning_content: "x" }],
    ["reasoning details", { reasoning_details: [{ type: "reasoning.text", text: "x" }] }],
    ["a refusal", { refusal: "x" }],
    ["a tool call", { tool_calls: [{ function: { name: "f" } }] }],
    ["a custom tool call", { tool_calls: [{ custom: { name: "f" } }] }],
    ["a function call", { function_call: { name: "f" } }],
  ])("takes %s for output, streamed and not", (_name, delta) => {
    const tap = createAnswerTap();
    tap.chunk(piece(0, { role: "assistant", content: "" }));
    expect(tap.hasOutput).toBe(false);
    tap.chunk(piece(0, delta));
    expect([tap.hasOutput, tap.relayedBytes]).toEqual([true, 1]);
    const whole = createAnswerTap();
    whole.message({ choices: [{ index: 0, message: delta, finish_reason: "stop" }] });
    expect([whole.hasOutput, whole.isFinished, whole.relayedBytes]).toEqual([true, true, 1]);
  });

  it("counts thoughts that are told twice once", () => {
    const tap = createAnswerTap();
    tap.chunk(piece(0, { reasoning: "hm", reasoning_details: [{ text: "hm" }] }));
    expect(tap.outputTexts()).toEqual(["hm"]);
  });

  it("puts the pieces of each choice and kind together", () => {
    const tap = createAnswerTap();
    for (const text of ["Hel", "lo"]) tap.chunk(piece(0, { content: text }));
    tap.chunk(piece(1, { content: "你好" }));
    tap.chunk(piece(0, { tool_calls: [{ index: 0, function: { name: "f", arguments: "{}" } }] }));
    expect(tap.outputTexts()).toEqual(["Hello", "f{}", "你好"]);
    expect(tap.relayedBytes).toBe(5 + 6 + 3);
  });

  it("keeps a bounded text and stands for the rest by bytes / 4", () => {
    const tap = createAnswerTap({ textCharactersMax: 10 });
    for (let i = 0; i < 4; i++) tap.chunk(piece(0, { content: "界界界界" }));
    expect(tap.outputTexts().join("")).toBe("界".repeat(10));
    expect(tap.overflowTokens).toBe(Math.ceil((6 * 3) / 4));
    for (let index = 0; index < 5000; index++) tap.chunk(piece(index, {}));
    expect(tap.isFinished).toBe(false);
  });

  it("remembers who answered, and that it was simulated", () => {
    const tap = createAnswerTap();
    tap.chunk({ ...piece(0, {}), model: "sim-small", simulated: true });
    tap.chunk(piece(0, {}));
    expect([tap.model, tap.isSimulated]).toEqual(["sim-small", true]);
  });

  it("survives any chunk", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.dictionary(fc.string(), fc.anything()),
            fc.record({ choices: fc.anything(), usage: fc.anything() }),
            fc.record({
              choices: fc.array(
                fc.record({ index: fc.anything(), delta: fc.anything(), finish_reason: fc.anything() }),
              ),
            }),
          ),
        ),
        (chunks) => {
          const tap = createAnswerTap();
          for (const chunk of chunks) tap.chunk(chunk);
          expect(tap.relayedBytes).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  it("calls an answer without output empty, unless its limit or a filter ended it", () => {
    expect(isEmptyAnswer({ hasOutput: false, finishReasons: ["stop"] })).toBe(true);
    expect(isEmptyAnswer({ hasOutput: false, finishReasons: [] })).toBe(true);
    expect(isEmptyAnswer({ hasOutput: false, finishReasons: ["length"] })).toBe(false);
    expect(isEmptyAnswer({ hasOutput: false, finishReasons: ["content_filter"] })).toBe(false);
    expect(isEmptyAnswer({ hasOutput: true, finishReasons: ["stop"] })).toBe(false);
  });
});

describe("boundInputTokens", () => {
  it("covers every byte of text wherever it stands", () => {
    const text = '汉字 \u0000 and " quotes';
    const body = {
      messages: [{ role: "user", content: text }],
      tools: [{ function: { description: text } }],
      response_format: { json_schema: { description: text } },
      unknown: [text],
    };
    expect(boundInputTokens(body, "m").maxTokens).toBeGreaterThanOrEqual(4 * Buffer.byteLength(text));
  });

  it("counts an image by its documented maximum and not by its bytes", () => {
    const image = (url: string) => ({ type: "image_url", image_url: { url, detail: "high" } });
    const content = [
      image(`data:image/png;base64,${"A".repeat(1_000_000)}`),
      image("https://example.com/a.png"),
      { type: "text", text: "hi" },
    ];
    const bound = boundInputTokens({ messages: [{ role: "user", content }] }, "gpt-4o");
    expect(bound.images).toBe(2);
    expect(bound.dependsOnModel).toBe(true);
    expect(bound.textBytes).toBeLessThan(400);
    expect(bound.maxTokens).toBe(bound.textBytes + 2 * 1445);
  });

  it("leaves room for the prompt by which Claude is told of tools and schemas", () => {
    const messages = [{ role: "user", content: "hi" }];
    const plain = boundInputTokens({ messages }, "anthropic/claude-opus-5");
    expect([plain.maxTokens - plain.textBytes, plain.dependsOnModel]).toEqual([0, false]);
    for (const more of [{ tools: [{}] }, { response_format: { type: "json_schema" } }]) {
      const claude = boundInputTokens({ messages, ...more }, "claude-opus-5");
      expect([claude.maxTokens - claude.textBytes, claude.dependsOnModel]).toEqual([1_024, true]);
      const other = boundInputTokens({ messages, ...more }, "gpt-4o");
      expect([other.maxTokens - other.textBytes, other.dependsOnModel]).toEqual([0, true]);
    }
  });

  it("counts a data URL inside text as the text that it is", () => {
    const text = `data:image/png;base64,${"A".repeat(5000)}`;
    expect(
      boundInputTokens({ messages: [{ role: "user", content: [{ type: "text", text }] }] }, "m").textBytes,
    ).toBeGreaterThan(5000);
  });

  it("takes the largest documented maximum for a model that it does not know", () => {
    expect(imageTokensMaximum("somebody/vision-9")).toBe(48_169);
    expect(imageTokensMaximum("openai/gpt-4o-mini-2024-07-18")).toBe(48_169);
    expect(imageTokensMaximum("gpt-4o-2024-11-20")).toBe(1445);
    expect(imageTokensMaximum("anthropic/claude-sonnet-4-5")).toBe(4784);
  });
});

describe("promptTexts", () => {
  it("finds what was said, called and offered", () => {
    const texts = promptTexts({
      messages: [
        { role: "system", content: "one" },
        {
          role: "user",
          content: [
            { type: "text", text: "two" },
            { type: "image_url", image_url: { url: "data:x" } },
          ],
        },
        { role: "assistant", content: null, tool_calls: [{ id: "three" }] },
      ],
      tools: [{ function: { name: "four" } }],
    });
    expect(texts).toEqual(["one", '[{"id":"three"}]', "two", '[{"function":{"name":"four"}}]']);
  });
});

describe("findUnmetered", () => {
  const part = (type: string) => ({
    messages: [
      { role: "system", content: "x" },
      { role: "user", content: [{ type: "text", text: "x" }, { type }] },
    ],
  });

  it.each<[object, string]>([
    [part("input_audio"), "messages[1].content[1].type"],
    [part("file"), "messages[1].content[1].type"],
    [part("video_url"), "messages[1].content[1].type"],
    [part("hologram"), "messages[1].content[1].type"],
    [{ messages: [{ role: "assistant", audio: { id: "a" } }] }, "messages[0].audio"],
    [{ messages: [], modalities: ["text", "audio"] }, "modalities"],
    [{ messages: [], audio: { voice: "x" } }, "audio"],
    [{ messages: [], web_search_options: {} }, "web_search_options"],
    [{ messages: [], plugins: [] }, "plugins"],
    [{ messages: [], service_tier: "priority" }, "service_tier"],
    [{ messages: [], tools: [{ type: "function" }, { type: "web_search" }] }, "tools[1].type"],
  ])("names the field of %j", (body, param) => {
    expect(findUnmetered(body as Record<string, unknown>)?.param).toBe(param);
  });

  it("lets text, images, tools and unknown fields pass", () => {
    const body = {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "x" },
            { type: "image_url", image_url: {} },
          ],
        },
      ],
      modalities: ["text"],
      audio: null,
      service_tier: "auto",
      tools: [{ type: "function" }],
      foo: { type: "file" },
    };
    expect(findUnmetered(body)).toBeNull();
  });
});
