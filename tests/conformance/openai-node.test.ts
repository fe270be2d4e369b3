import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { credit, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

// The official client, unmodified, against real processes.
let product: Product;
let ground: Ground;
let counter: Counter;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  counter = await startCounter(product.gatewayProcesses[0]!.url);
});
afterAll(async () => {
  await counter.close();
  await product.stop();
});

const messages = [{ role: "user" as const, content: "hello" }];
type Priced = { modelfaucet: { charge_usd: string; request_id: string } };

describe("the openai client", () => {
  it("reads a whole answer, its usage and its price", async () => {
    const { client, token } = await funded("1.00");
    const answer = await client.chat.completions.create({ model: "auto:chat", messages });
    expect(answer.id).toMatch(/^chatcmpl_mf_req_/);
    expect(answer.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 });
    expect((answer as unknown as Priced).modelfaucet.charge_usd).toBe("0.00025000");
    expect((await wallet(product, token)).balance_usd).toBe("0.99975000");
  });

  it("iterates a stream, with one usage chunk when it asks for it and none when it does not", async () => {
    const { client } = await funded("1.00");
    const read = async (include_usage: boolean) => {
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      const stream = await client.chat.completions.create({
        model: "stub-text",
        messages,
        stream: true,
        stream_options: { include_usage },
      });
      for await (const chunk of stream) chunks.push(chunk);
      return chunks;
    };
    const plain = await read(false);
    expect(plain.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe(
      ["word", ...Array(49).fill(" word")].join(""),
    );
    expect(plain.filter((chunk) => chunk.usage)).toEqual([]);
    expect((plain.at(-1) as unknown as Priced).modelfaucet.charge_usd).toBe("0.00025000");
    const metered = await read(true);
    const usage = metered.filter((chunk) => chunk.choices.length === 0);
    expect(usage.length).toBe(1);
    expect(usage[0]).toBe(metered.at(-1));
    expect(usage[0]!.usage).toMatchObject({ prompt_tokens: 100, completion_tokens: 50 });
  });

  it("puts parallel tool calls together, whatever upstream leaves out", async () => {
    const { client } = await funded("1.00");
    product.stub.script("stub-text", {
      toolCalls: [
        { name: "lookup", arguments: '{"city":"Oslo"}' },
        { name: "lookup", arguments: '{"city":"Rome"}' },
      ],
      toolCallForm: "bare",
    });
    const run = client.chat.completions.stream({
      model: "stub-text",
      messages,
      tools: [
        { type: "function", function: { name: "lookup", parameters: { type: "object", properties: {} } } },
      ],
    });
    const calls = (await run.finalMessage()).tool_calls ?? [];
    expect(
      calls.map((call) => (call.type === "function" ? JSON.parse(call.function.arguments) : null)),
    ).toEqual([{ city: "Oslo" }, { city: "Rome" }]);
    expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    product.stub.reset();
  });

  it("aborts a stream, and pays for what it got", async () => {
    const { client, token } = await funded("1.00");
    product.stub.script("stub-text", { tokenMs: 40, outputTokens: 200, usage: "none" });
    const stream = await client.chat.completions.create({ model: "stub-text", messages, stream: true });
    let pieces = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) pieces++;
      if (pieces === 10) break;
    }
    await expect
      .poll(async () => (await wallet(product, token)).held_usd, { timeout: 10_000 })
      .toBe("0.00000000");
    const [item] = (await product.call("GET", "/v1/user/usage", undefined, { token })).body.items;
    expect(item).toMatchObject({ status: "aborted", usage_source: "estimated" });
    expect(item.output_tokens).toBeGreaterThanOrEqual(10);
    expect(item.output_tokens).toBeLessThan(100);
    product.stub.reset();
  });

  it("tries once when the purse is empty, and reads why (A108)", async () => {
    const session = await ground.openSession();
    const client = new OpenAI({ baseURL: counter.baseUrl, apiKey: session.token });
    const before = counter.requests;
    const error = await client.chat.completions
      .create({ model: "stub-text", messages })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ status: 402, code: "insufficient_balance", type: "insufficient_quota" });
    expect((error as InstanceType<typeof OpenAI.APIError>).message).toContain("not enough credit");
    expect(counter.requests - before).toBe(1);
  });

  it("repeats what may be repeated: a provider's failure, two times by default", async () => {
    const { token } = await funded("1.00");
    product.stub.script("stub-text", { status: 500 });
    const client = new OpenAI({ baseURL: counter.baseUrl, apiKey: token });
    const before = counter.requests;
    await expect(client.chat.completions.create({ model: "stub-text", messages })).rejects.toMatchObject({
      status: 502,
      code: "provider_error",
    });
    expect(counter.requests - before).toBe(3);
    expect((await wallet(product, token)).balance_usd).toBe("1.00000000");
    product.stub.reset();
  });

  it("lists the models that it may call, and works with a slash at the end of its base URL", async () => {
    const { token } = await funded("1.00");
    const client = new OpenAI({ baseURL: `${product.gateways[0]}/`, apiKey: token });
    const ids = (await client.models.list()).data.map((model) => model.id);
    expect(ids).toContain("auto:chat");
    expect(ids).not.toContain("stub-none");
    expect((await client.models.retrieve("stub-text")).id).toBe("stub-text");
  });
});

async function funded(amount: string): Promise<{ client: OpenAI; token: string }> {
  const session = await ground.openSession();
  await credit(product, session.userId, amount);
  return {
    client: new OpenAI({ baseURL: product.gateways[0]!, apiKey: session.token }),
    token: session.token,
  };
}

type Counter = { baseUrl: string; readonly requests: number; close(): Promise<void> };

/** Passes requests on and counts them: what the client really sent. */
async function startCounter(target: string): Promise<Counter> {
  let requests = 0;
  const server: Server = createServer(async (request, response) => {
    requests++;
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(
        ([name]) => !["host", "connection", "content-length", "transfer-encoding"].includes(name),
      ),
    );
    const answer = await fetch(`${target}${request.url}`, {
      method: request.method ?? "GET",
      headers: headers as Record<string, string>,
      ...(body.length > 0 ? { body: Buffer.concat(body) } : {}),
    });
    response.writeHead(
      answer.status,
      Object.fromEntries(
        [...answer.headers].filter(([name]) => name !== "content-length" && name !== "transfer-encoding"),
      ),
    );
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get requests() {
      return requests;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
