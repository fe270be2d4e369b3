import { once } from "node:events";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { createFaucet, FaucetAbortError, FaucetStreamError, type FaucetStreamEvent } from "./index.ts";
import {
  chunk,
  eventStream,
  lastChunks,
  openSession,
  type Reply,
  type ScriptedServer,
  settled,
  startScriptedServer,
  textChunk,
} from "./scripted-server.ts";

const ask = { feature: "customer_reply", input: "Hello" } as const;

function serve(reply: Reply): Promise<ScriptedServer> {
  return startScriptedServer({ "POST /v1/sessions": openSession, "POST /v1/chat/completions": reply });
}

function faucetOf(server: ScriptedServer) {
  const urls = { baseUrl: server.url, gatewayBaseUrl: `${server.url}/v1` };
  return createFaucet({ publicAppId: "app_pub_demo", user: { id: "u" }, ...urls });
}

test("gives start, text, reasoning, tool calls and the settled finish, in order", async () => {
  await using server = await serve(
    eventStream([
      ": keepalive\n\n",
      chunk({ choices: [{ index: 0, delta: { reasoning_content: "hm" } }] }),
      textChunk("Hel"),
      textChunk("other", 1),
      textChunk("lo"),
      chunk({
        choices: [
          { delta: { tool_calls: [{ index: 0, id: "c1", function: { name: "f", arguments: "{" } }] } },
        ],
      }),
      chunk({ choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: "}" } }] } }] }),
      ...lastChunks,
    ]),
  );
  const stream = faucetOf(server).stream(ask);
  const events: FaucetStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  expect(events[0]).toEqual({
    type: "start",
    requestId: "req_1",
    routeMode: "platform",
    model: "sim-small",
    holdUsd: "0.00210000",
  });
  expect(events.map((event) => event.type)).toEqual([
    "start",
    "reasoning",
    "text",
    "text",
    "text",
    "tool_call",
    "tool_call",
    "finish",
  ]);
  expect(await stream.final()).toEqual({
    text: "Hello",
    reasoning: "hm",
    toolCalls: [{ id: "c1", type: "function", function: { name: "f", arguments: "{}" } }],
    finishReason: "stop",
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    modelfaucet: settled,
  });
  expect(server.on("/v1/chat/completions")[0]?.body).toMatchObject({
    stream: true,
    stream_options: { include_usage: true },
  });
});

test("any cut of the bytes on the wire gives the same text", async () => {
  const whole = new TextEncoder().encode(
    [textChunk("蓝湖科技 "), textChunk("🙂 done"), ...lastChunks].join(""),
  );
  let cuts: number[] = [];
  await using server = await serve((response, seen) => {
    const places = [0, ...cuts.map((cut) => cut % whole.length).sort((a, b) => a - b), whole.length];
    const pieces = places.slice(1).map((to, index) => whole.subarray(places[index], to));
    return eventStream(pieces)(response, seen);
  });
  const faucet = faucetOf(server);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(1000), { maxLength: 12 }), async (places) => {
      cuts = places;
      expect(await faucet.stream(ask).text()).toBe("蓝湖科技 🙂 done");
    }),
    { numRuns: 60 },
  );
});

test.each([
  ["ends without [DONE]", [textChunk("Hel"), ...lastChunks.slice(0, 2)], "ended"],
  ["has no settlement", [textChunk("Hel"), "data: [DONE]\n\n"], "no_settlement"],
  ["is not JSON", [textChunk("Hel"), "data: {\n\n"], "not_json"],
])("a stream that %s is incomplete and keeps what came", async (_name, pieces, reason) => {
  await using server = await serve(eventStream(pieces));
  const error = await faucetOf(server)
    .stream(ask)
    .text()
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(FaucetStreamError);
  expect(error).toMatchObject({ code: "stream_incomplete", partialText: "Hel", requestId: "req_1" });
  expect(error).toMatchObject({ details: { reason } });
});

test("a connection that breaks midway is incomplete and is not repeated", async () => {
  await using server = await serve(async (response, seen) => {
    await eventStream([textChunk("Hel")], false)(response, seen);
    response.destroy();
  });
  await expect(faucetOf(server).stream(ask).final()).rejects.toMatchObject({ code: "stream_incomplete" });
  expect(server.on("/v1/chat/completions")).toHaveLength(1);
});

test("an error inside the stream is thrown with its own code and the partial text", async () => {
  const inBand = { error: { message: "upstream failed", code: "provider_error", request_id: "req_9" } };
  await using server = await serve(eventStream([textChunk("Hel"), chunk(inBand)]));
  const told = vi.fn();
  const faucet = faucetOf(server);
  faucet.on("error", told);
  await expect(faucet.stream(ask).text()).rejects.toMatchObject({
    code: "provider_error",
    partialText: "Hel",
    requestId: "req_9",
  });
  expect(told).toHaveBeenCalledOnce();
});

test.each(["loop left", "abort()", "signal"] as const)("ends the request on the wire: %s", async (how) => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve(async (response, seen) => {
    once(response, "close").then(() => closed.resolve());
    await eventStream([textChunk("Hel")], false)(response, seen);
  });
  const controller = new AbortController();
  const stream = faucetOf(server).stream({ ...ask, signal: controller.signal });
  const loop = async () => {
    for await (const event of stream) {
      if (event.type !== "text") continue;
      if (how === "loop left") break;
      if (how === "abort()") stream.abort();
      if (how === "signal") controller.abort();
    }
  };
  if (how === "loop left") await loop();
  else await expect(loop()).rejects.toMatchObject({ code: "aborted", requestId: "req_1" });
  await closed.promise;
  await expect(stream.final()).rejects.toBeInstanceOf(FaucetAbortError);
});

test("sends nothing before it is read, and is read once", async () => {
  await using server = await serve(eventStream([textChunk("Hello"), ...lastChunks]));
  const stream = await faucetOf(server).chat({ ...ask, stream: true });
  expect(server.seen).toHaveLength(0);
  expect(await stream.text()).toBe("Hello");
  expect(await stream.text()).toBe("Hello");
  expect(() => stream[Symbol.asyncIterator]()).toThrow("read once");
  expect(server.on("/v1/chat/completions")).toHaveLength(1);
});
