import { afterEach, describe, expect, it } from "vitest";
import { type SimulatedProvider, simulatedModels, startSimulatedProvider } from "./simulated.ts";

let provider: SimulatedProvider | undefined;

afterEach(async () => {
  await provider?.close();
  provider = undefined;
});

async function start(tokenMs = 0): Promise<string> {
  provider = await startSimulatedProvider({ port: 0, host: "127.0.0.1", nodeEnv: "test", tokenMs });
  return provider.url;
}

function post(url: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "sim-small", messages: ticket, ...body }),
    signal: signal ?? null,
  });
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read as any client would
async function chunksOf(response: Response): Promise<any[]> {
  const events = (await response.text()).split("\n\n").filter((event) => event !== "");
  expect(events.pop()).toBe("data: [DONE]");
  return events.map((event) => JSON.parse(event.slice("data: ".length)));
}

const ticket = [
  {
    role: "system",
    content: "Customer: Maria Lopez\nProduct: Team plan\nSubject: Charged twice for March (INV-2041)",
  },
  { role: "user", content: "Suggest a reply." },
];

describe("startSimulatedProvider", () => {
  it("refuses production", async () => {
    const starting = startSimulatedProvider({ port: 0, host: "127.0.0.1", nodeEnv: "production" });
    await expect(starting).rejects.toThrow(/NODE_ENV=production/);
  });

  it("lists its models and its health", async () => {
    const url = await start();
    const list = await (await fetch(`${url}/models`)).json();
    expect(list.data.map((model: { id: string }) => model.id)).toEqual(simulatedModels.map(({ id }) => id));
    expect((await fetch(url.replace("/v1", "/health"))).status).toBe(200);
  });

  it("streams the text that it answers whole, says that it is simulated, and counts alike", async () => {
    const url = await start();
    const whole = await (await post(url, {})).json();
    const chunks = await chunksOf(await post(url, { stream: true, stream_options: { include_usage: true } }));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0].message.content);
    expect(text).toContain("Maria");
    expect(text).toContain("INV-2041");
    expect(text.split(/\s+/).length).toBeGreaterThanOrEqual(60);
    expect(text.split(/\s+/).length).toBeLessThanOrEqual(120);
    expect([whole, ...chunks].every((answer) => answer.simulated === true)).toBe(true);
    expect(chunks.at(-1).choices).toEqual([]);
    expect(chunks.at(-1).usage).toEqual(whole.usage);
    expect(whole.usage.total_tokens).toBe(whole.usage.prompt_tokens + whole.usage.completion_tokens);
    const pieces = chunks.filter((chunk) => chunk.choices[0]?.delta.content);
    expect(pieces.length).toBe(whole.usage.completion_tokens);
  });

  it("sends no usage to a stream that did not ask", async () => {
    const chunks = await chunksOf(await post(await start(), { stream: true }));
    expect(chunks.every((chunk) => chunk.usage === undefined && chunk.choices.length === 1)).toBe(true);
  });

  it("answers Chinese in Chinese", async () => {
    const messages = [{ role: "user", content: "客户：王芳\n主题：退款还没到账\n请写一封回复" }];
    const whole = await (await post(await start(), { messages })).json();
    expect(whole.choices[0].message.content).toMatch(/王芳，您好/);
  });

  it("ends at the output limit, with n answers, each its own", async () => {
    const whole = await (await post(await start(), { max_completion_tokens: 7, n: 2 })).json();
    expect(whole.choices.map((choice: { finish_reason: string }) => choice.finish_reason)).toEqual([
      "length",
      "length",
    ]);
    expect(whole.usage.completion_tokens).toBe(14);
  });

  it("calls the tool that the caller insists on, and answers once it has the result", async () => {
    const url = await start();
    const parameters = {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
    };
    const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
    const chunks = await chunksOf(await post(url, { stream: true, tools, tool_choice: "required" }));
    const pieces = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
    expect(pieces[0]).toMatchObject({ index: 0, type: "function", function: { name: "get_weather" } });
    expect(JSON.parse(pieces.map((piece) => piece.function.arguments).join(""))).toEqual({
      city: "example",
      days: 1,
    });
    expect(chunks.at(-1).choices[0].finish_reason).toBe("tool_calls");
    const answered = [...ticket, { role: "tool", tool_call_id: "call_sim_0", content: "21 °C" }];
    const second = await (await post(url, { messages: answered, tools, tool_choice: "required" })).json();
    expect(second.choices[0].finish_reason).toBe("stop");
  });

  it("reports the tokens of its thoughts inside the output", async () => {
    const { choices, usage } = await (await post(await start(), { model: "sim-reasoning" })).json();
    expect(choices[0].message.reasoning_content).not.toBe("");
    expect(usage.completion_tokens_details.reasoning_tokens).toBeGreaterThan(0);
    expect(usage.completion_tokens_details.reasoning_tokens).toBeLessThan(usage.completion_tokens);
  });

  it("takes as long and says as much as a simulation asks", async () => {
    const startedAt = performance.now();
    const response = await post(await start(25), {
      stream: true,
      simulate: { duration_ms: 400, output_tokens: 300 },
    });
    const chunks = await chunksOf(response);
    const tookMs = performance.now() - startedAt;
    expect(chunks.filter((chunk) => chunk.choices[0].delta.content)).toHaveLength(300);
    expect(tookMs).toBeGreaterThanOrEqual(390);
    expect(tookMs).toBeLessThan(2000);
  });

  it("refuses a model that it does not have and a body that is none", async () => {
    const url = await start();
    expect((await post(url, { model: "gpt-9" })).status).toBe(404);
    expect((await fetch(`${url}/chat/completions`, { method: "POST", body: "{" })).status).toBe(400);
  });
});
