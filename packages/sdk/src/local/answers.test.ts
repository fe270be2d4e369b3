import { expect, test, vi } from "vitest";
import {
  bridgeToken,
  completionsPath,
  faucetOn,
  featureOf,
  localSaid,
  modesOf,
  pairedStorage,
  reportsPath,
  startLocalGround,
} from "../scripted-bridge.ts";
import { chunk, json, type Reply, textChunk, wireError } from "../scripted-server.ts";

const session = { features: [featureOf(["local", "platform"])], modes: modesOf("local") };
const ask = { feature: "customer_reply", input: "Hello" } as const;
const chatRoute = `POST ${completionsPath}`;

const streamed: Reply = async (response, seen) => {
  const request_id = seen.headers["x-modelfaucet-request-id"];
  response.writeHead(200, { "content-type": "text/event-stream", "x-modelfaucet-model": "qwen3:8b" });
  const last = {
    choices: [],
    usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    modelfaucet: { ...localSaid, request_id },
  };
  const stop = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
  for (const piece of [textChunk("From "), textChunk("here"), chunk(stop), chunk(last), "data: [DONE]\n\n"]) {
    response.write(piece);
  }
  response.end();
};

test("the bridge is asked with the alias of the feature and the page's token, once, and costs nothing", async () => {
  await using ground = await startLocalGround(session);
  const faucet = faucetOn(ground);
  const used = vi.fn();
  faucet.on("usage", used);
  const answer = await faucet.chat({ ...ask, maxOutputTokens: 64, body: { temperature: 0 } });
  expect(answer.choices[0]?.message.content).toBe("From here");
  const [call, ...more] = ground.bridge.on(completionsPath);
  expect(more).toEqual([]);
  expect(call?.headers.authorization).toBe(`Bearer ${bridgeToken}`);
  expect(call?.body).toEqual({
    model: "ollama:customer_reply",
    messages: [{ role: "user", content: "Hello" }],
    max_tokens: 64,
    temperature: 0,
    stream: false,
  });
  expect(answer.modelfaucet).toEqual({
    ...localSaid,
    request_id: call?.headers["x-modelfaucet-request-id"],
    feature_key: "customer_reply",
    fee_usd: "0.00000000",
    charge_usd: "0.00000000",
    usage_report_status: "sent",
  });
  expect(answer.modelfaucet.request_id).toMatch(/^req_local_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
  expect(used).toHaveBeenCalledWith(answer.modelfaucet);
  expect(ground.server.on(completionsPath)).toHaveLength(0);
});

test("streams with the same events as the cloud does, the route told at the start", async () => {
  await using ground = await startLocalGround(session, { bridge: { [chatRoute]: streamed } });
  const events = [];
  for await (const event of faucetOn(ground).stream(ask)) events.push(event);
  expect(events.map(({ type }) => type)).toEqual(["start", "text", "text", "finish"]);
  expect(events[0]).toMatchObject({ routeMode: "local", model: "qwen3:8b" });
  expect(events[0]).toMatchObject({ requestId: expect.stringMatching(/^req_local_/) });
  expect(events.at(-1)).toMatchObject({
    finishReason: "stop",
    usage: { total_tokens: 10 },
    modelfaucet: { route_mode: "local", charge_usd: "0.00000000", usage_report_status: "sent" },
  });
});

test("an error in the stream is thrown with what had come, and reports nothing", async () => {
  const broken: Reply = (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(textChunk("From ") + chunk(wireError("local_model_unavailable")));
  };
  await using ground = await startLocalGround(session, { bridge: { [chatRoute]: broken } });
  await expect(faucetOn(ground).stream(ask).text()).rejects.toMatchObject({
    code: "local_model_unavailable",
    partialText: "From ",
  });
  expect(ground.server.seen.map(({ path }) => path)).toEqual(["/v1/sessions"]);
});

test("leaving the loop ends the call at the bridge", async () => {
  const closed = Promise.withResolvers<void>();
  const endless: Reply = (response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(textChunk("From "));
  };
  await using ground = await startLocalGround(session, { bridge: { [chatRoute]: endless } });
  for await (const event of faucetOn(ground).stream(ask)) if (event.type === "text") break;
  await closed.promise;
});

test("goes on working while the API is away, with what the last session said", async () => {
  let away = false;
  await using ground = await startLocalGround(session, {
    server: { [`POST ${reportsPath}`]: json(503, {}, { "x-should-retry": "false" }) },
  });
  let nowMs = Date.now();
  const faucet = faucetOn(
    ground,
    { storage: pairedStorage(ground), maxRetries: 0 },
    {
      now: () => nowMs,
      fetch: (input, init) =>
        away && String(input).startsWith(ground.server.url)
          ? Promise.reject(new TypeError("fetch failed"))
          : fetch(input, init),
    },
  );
  await faucet.chat(ask);
  away = true;
  nowMs += 7_200_000;
  const answer = await faucet.chat(ask);
  expect(answer.modelfaucet).toMatchObject({ route_mode: "local", usage_report_status: "queued" });
});
