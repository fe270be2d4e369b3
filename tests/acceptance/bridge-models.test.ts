import { request } from "node:http";
import {
  type BridgeAnswer,
  type RunningBridge,
  startBridge,
} from "@modelfaucet/testkit/local-servers/bridge.ts";
import type { LocalServerKind } from "@modelfaucet/testkit/local-servers/kind.ts";
import { type LocalServer, startLocalServer } from "@modelfaucet/testkit/local-servers/local-server.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

// A163 and A164 on the bridge's side, and every kind of server with its own answers: lists, contexts, streams, usage.

const kinds: LocalServerKind[] = ["ollama", "lmstudio", "llamacpp", "vllm", "openai_compatible"];
const origin = "https://app.example";
const messages = [{ role: "user", content: "Where is my order?" }];
const servers = new Map<LocalServerKind, LocalServer>();
let bridge: RunningBridge;
let token: string;

beforeAll(async () => {
  for (const kind of kinds) {
    servers.set(
      kind,
      await startLocalServer(kind, [
        { name: "chatter", contextLength: 2000, usesTools: true, sees: true, isLoaded: kind === "lmstudio" },
        ...(kind === "llamacpp"
          ? []
          : [{ name: "embedder", contextLength: 512, embeds: true, isLoaded: kind === "lmstudio" }]),
      ]),
    );
  }
  const endpoints = kinds.map((kind) => {
    const lengths =
      kind === "openai_compatible"
        ? ", context_lengths: { chatter: 2000 }"
        : ', context_lengths: { "*": 100000 }';
    return `  - { id: ${kind}, kind: ${kind}, base_url: "${server(kind).baseUrl}"${lengths} }`;
  });
  bridge = await startBridge({
    config: [
      "version: 1",
      "endpoints:",
      ...endpoints,
      'aliases: { default: "ollama:chatter", reply: "vllm:chatter" }',
      "",
    ].join("\n"),
  });
  token = await bridge.pair(origin);
});

afterAll(async () => {
  await bridge?.stop();
  for (const item of servers.values()) await item.close();
});

beforeEach(() => {
  for (const item of servers.values()) item.script({});
});

const server = (kind: LocalServerKind): LocalServer => servers.get(kind)!;
const headers = () => ({ origin, authorization: `Bearer ${token}` });
const post = (path: string, body: unknown, extra: Record<string, string> = {}): Promise<BridgeAnswer> =>
  bridge.send({ method: "POST", path, headers: { ...headers(), ...extra }, body });
const chat = (body: object, extra: Record<string, string> = {}) =>
  post("/v1/chat/completions", { messages, ...body }, extra);

describe.each(kinds)("%s", (kind) => {
  test("answers whole, with its figures and what the answer cost: nothing", async () => {
    const id = "req_local_0199f0a0-7b1c-7d6e-8f10-203040506070";
    const answer = await chat({ model: `${kind}:chatter` }, { "x-modelfaucet-request-id": id });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "x-request-id": id,
      "x-modelfaucet-request-id": id,
      "x-modelfaucet-route-mode": "local",
    });
    expect(answer.body.choices[0].message.content).toBe("A local answer of some words.");
    expect(answer.body.usage).toMatchObject({ completion_tokens: 4 });
    expect(answer.body.modelfaucet).toEqual({
      request_id: id,
      route_mode: "local",
      provider: kind,
      model: "chatter",
      usage_source: "provider",
      simulated: false,
      upstream_cost_usd: "0.00000000",
      context_length: 2000,
      warnings: [],
    });
    const call = server(kind).modelCalls.at(-1)!;
    expect(call.body).toMatchObject({ model: "chatter", messages });
    expect(call.headers.authorization).toBeUndefined();
    expect(call.headers.origin).toBeUndefined();
  });

  test("streams; without usage asked for, the facts ride on the last finish reason and no usage appears", async () => {
    const { events, isDone } = sse(await chat({ model: `${kind}:chatter`, stream: true }));
    expect(isDone).toBe(true);
    expect(text(events)).toBe("A local answer of some words.");
    expect(events.filter(({ usage }) => usage !== undefined)).toEqual([]);
    expect(events.filter(({ modelfaucet }) => modelfaucet !== undefined)).toEqual([events.at(-1)]);
    expect(events.at(-1).choices[0].finish_reason).toBe("stop");
    expect(events.at(-1).modelfaucet).toMatchObject({
      usage_source: "provider",
      provider: kind,
      context_length: 2000,
    });
    expect(server(kind).modelCalls.at(-1)!.body).toMatchObject({ stream_options: { include_usage: true } });
  });

  test("streams; with usage asked for, exactly one last chunk carries both", async () => {
    const { events, isDone } = sse(
      await chat({ model: `${kind}:chatter`, stream: true, stream_options: { include_usage: true } }),
    );
    expect(isDone).toBe(true);
    const last = events.at(-1);
    expect(events.filter(({ usage }) => usage !== undefined)).toEqual([last]);
    expect(last).toMatchObject({
      choices: [],
      usage: { completion_tokens: 4 },
      modelfaucet: { usage_source: "provider" },
    });
  });

  test.each(["missing", "zero"] as const)(
    "A163: counts by itself where usage is %s, and says so",
    async (usage) => {
      server(kind).script({ usage });
      const whole = (await chat({ model: `${kind}:chatter` })).body;
      const streamed = sse(
        await chat({ model: `${kind}:chatter`, stream: true, stream_options: { include_usage: true } }),
      ).events.at(-1);
      for (const answer of [whole, streamed]) {
        expect(answer.modelfaucet).toMatchObject({
          usage_source: "estimated",
          upstream_cost_usd: "0.00000000",
        });
        expect(answer.usage.prompt_tokens).toBeGreaterThan(3);
        expect(answer.usage.prompt_tokens).toBeLessThan(20);
        expect(answer.usage.completion_tokens).toBeGreaterThan(4);
        expect(answer.usage.total_tokens).toBe(answer.usage.prompt_tokens + answer.usage.completion_tokens);
      }
      expect(whole.usage).toEqual(streamed.usage);
    },
  );

  test("A164: a prompt beyond the loaded context is refused with both numbers, and nothing is sent", async () => {
    const calls = server(kind).modelCalls.length;
    const long = [{ role: "user", content: "word ".repeat(1900) }];
    const answer = await chat({ model: `${kind}:chatter`, messages: long, stream: true });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({
      code: "context_length_exceeded",
      param: "messages",
      details: { context_length: 2000, max_output_tokens: 500, usage_source: "estimated" },
    });
    expect(answer.body.error.details.prompt_tokens).toBeGreaterThanOrEqual(1900);
    expect(answer.headers["x-should-retry"]).toBe("false");
    expect(server(kind).modelCalls.length).toBe(calls);
    const short = await chat({
      model: `${kind}:chatter`,
      messages: [{ role: "user", content: "word ".repeat(500) }],
      max_tokens: 1800,
    });
    expect(short.body.error).toMatchObject({
      code: "context_length_exceeded",
      details: { max_output_tokens: 1800 },
    });
    const close = await chat({
      model: `${kind}:chatter`,
      messages: [{ role: "user", content: "word ".repeat(1000) }],
      max_tokens: 900,
    });
    expect(close.body.modelfaucet.warnings).toContain("context_nearly_full");
  });

  test("passes a stream no faster than its reader takes it", async () => {
    const piece = "x".repeat(65_536);
    server(kind).script({ pieces: Array.from({ length: 512 }, () => piece), usage: "reported" });
    const before = server(kind).streamedBytes;
    const reading = await openSlowly({ model: `${kind}:chatter`, messages, stream: true });
    const stalled = await settled(() => server(kind).streamedBytes - before);
    // Sockets and buffers on the way hold some; the whole would be 32 MiB.
    expect(stalled).toBeLessThan(20 * 1_048_576);
    const whole = await reading.rest();
    expect(whole.length).toBeGreaterThan(512 * piece.length);
    expect(whole.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(whole.slice(-2000)).toContain('"usage_source":"provider"');
  });

  test("cancels upstream when its reader leaves", async () => {
    let isHeld = true;
    server(kind).script({
      between: () => new Promise((resolve) => setTimeout(resolve, isHeld ? 50 : 0)),
      pieces: Array(200).fill("word "),
    });
    const reading = await openSlowly({ model: `${kind}:chatter`, messages, stream: true });
    reading.leave();
    await expect.poll(() => server(kind).modelCalls.at(-1)!.wasCancelled, { timeout: 1000 }).toBe(true);
    isHeld = false;
  });
});

test("lists what every server has, with what each tells of it", async () => {
  const { items } = (await bridge.send({ path: "/models", headers: headers() })).body;
  const byId = new Map<string, object>(items.map((item: { id: string }) => [item.id, item]));
  expect([...byId.keys()]).toHaveLength(9);
  const tools = ["chat", "json", "tools", "vision"];
  expect(byId.get("ollama:chatter")).toMatchObject({
    provider: "ollama",
    capabilities: tools,
    context_length: 2000,
    loaded: true,
  });
  expect(byId.get("ollama:embedder")).toMatchObject({ capabilities: ["embeddings"] });
  expect(byId.get("lmstudio:chatter")).toMatchObject({
    capabilities: tools,
    name: "CHATTER",
    context_length: 2000,
    loaded: true,
  });
  expect(byId.get("lmstudio:embedder")).toMatchObject({ capabilities: ["embeddings"] });
  expect(byId.get("llamacpp:chatter")).toMatchObject({ capabilities: tools, context_length: 2000 });
  expect(byId.get("vllm:chatter")).toMatchObject({ capabilities: ["chat"], context_length: 2000 });
  expect(byId.get("openai_compatible:embedder")).toMatchObject({ capabilities: ["embeddings"] });
  const list = (await bridge.send({ path: "/v1/models", headers: headers() })).body;
  expect(list).toMatchObject({
    object: "list",
    data: expect.arrayContaining([expect.objectContaining({ id: "vllm:chatter", object: "model" })]),
  });
});

test("loads a model of Ollama by an empty call to learn its context, and asks again every time", async () => {
  const ollama = server("ollama");
  ollama.models[0]!.isLoaded = false;
  const asked = ollama.requests.length;
  const first = await chat({ model: "ollama:chatter" });
  expect(first.body.modelfaucet.context_length).toBe(2000);
  const paths = ollama.requests.slice(asked).map(({ path }) => path);
  expect(paths).toEqual(["/api/ps", "/api/generate", "/api/ps", "/v1/chat/completions"]);
  const empty = ollama.requests.find(({ path }) => path === "/api/generate")!;
  expect(empty.body).toEqual({ model: "chatter", stream: false });
  ollama.models[0]!.contextLength = 1500;
  expect((await chat({ model: "ollama:chatter" })).body.modelfaucet.context_length).toBe(1500);
  ollama.models[0]!.contextLength = 2000;
});

test("embeds by the same rules", async () => {
  const answer = await post("/v1/embeddings", { model: "lmstudio:embedder", input: ["one text", "another"] });
  expect(answer.body).toMatchObject({
    object: "list",
    modelfaucet: { provider: "lmstudio", model: "embedder", context_length: 512 },
  });
  expect(answer.body.data).toHaveLength(2);
  server("ollama").script({ usage: "zero" });
  const counted = (await post("/v1/embeddings", { model: "ollama:embedder", input: "four words and more" }))
    .body;
  expect(counted).toMatchObject({ modelfaucet: { usage_source: "estimated" } });
  expect(counted.usage.prompt_tokens).toBeGreaterThan(2);
  const unknown = await post("/v1/embeddings", { model: "openai_compatible:embedder", input: "some words" });
  expect(unknown.body.modelfaucet).toMatchObject({
    context_length: null,
    warnings: ["context_length_unknown"],
  });
  const long = await post("/v1/embeddings", { model: "ollama:embedder", input: "word ".repeat(600) });
  expect(long.body.error).toMatchObject({
    code: "context_length_exceeded",
    param: "input",
    details: { context_length: 512, max_output_tokens: 0 },
  });
});

test("says that a prompt may have been cut when the server counts far fewer tokens", async () => {
  server("ollama").script({ promptTokens: 100 });
  const answer = await chat({
    model: "ollama:chatter",
    messages: [{ role: "user", content: "word ".repeat(1000) }],
    max_tokens: 16,
  });
  expect(answer.body.modelfaucet.warnings).toEqual(["prompt_maybe_cut"]);
});

describe("model ids", () => {
  test.each([
    ["auto:reply", "vllm", "chatter"],
    ["ollama:reply", "vllm", "chatter"],
    ["auto:customer_reply", "ollama", "chatter"],
    ["ollama:customer_reply", "ollama", "chatter"],
  ])("%s is answered by %s", async (model, provider, name) => {
    expect((await chat({ model })).body.modelfaucet).toMatchObject({ provider, model: name });
  });

  test.each(["chatter", "nothing", "ollama:chatter:8b", "elsewhere:chatter", "ollama:", ":chatter"])(
    "%s is no model",
    async (model) => {
      const answer = await chat({ model });
      expect(answer).toMatchObject({
        status: 404,
        body: { error: { code: "model_not_found", param: "model" } },
      });
    },
  );
});

// biome-ignore lint/suspicious/noExplicitAny: tests read chunks field by field; a missing one fails them.
type Chunk = any;

function sse(answer: BridgeAnswer): { events: Chunk[]; isDone: boolean } {
  expect(answer.status, answer.text).toBe(200);
  expect(answer.headers["content-type"]).toContain("text/event-stream");
  expect(answer.text).not.toMatch(/^(id|event):/m);
  const data = answer.text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => event.slice("data: ".length));
  return {
    events: data.filter((item) => item !== "[DONE]").map((item) => JSON.parse(item)),
    isDone: data.at(-1) === "[DONE]",
  };
}

function text(events: Chunk[]): string {
  return events.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

/** Opens a stream and reads nothing of its body until it is told to. */
function openSlowly(body: object): Promise<{ rest(): Promise<string>; leave(): void }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port: bridge.port,
        method: "POST",
        path: "/v1/chat/completions",
        agent: false,
        headers: { ...headers(), "content-type": "application/json" },
      },
      (answer) => {
        answer.pause();
        resolve({
          leave: () => answer.destroy(),
          async rest() {
            const pieces: Buffer[] = [];
            for await (const piece of answer as AsyncIterable<Buffer>) pieces.push(piece);
            return Buffer.concat(pieces).toString("utf8");
          },
        });
        answer.on("error", () => {});
      },
    );
    sent.once("error", reject);
    sent.end(JSON.stringify(body));
  });
}

/** A figure that has come to rest. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  await expect
    .poll(
      () => {
        const isSame = read() === last && last > 0;
        last = read();
        return isSame;
      },
      { interval: 150, timeout: 10_000 },
    )
    .toBe(true);
  return last;
}
