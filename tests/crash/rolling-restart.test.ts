import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import { fundedSession, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { usageRows } from "./closed-requests.ts";
import { type Entrance, startEntrance } from "./entrance.ts";

// Two versions side by side: the new gateway serves while the old one drains, and a schema that is one step newer than
// the old code, and says that it goes with it, is under both of them.

let product: Product;
let ground: Ground;
let entrance: Entrance;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), env: { SHUTDOWN_GRACE_MS: "8000" } });
  ground = await layGround(product);
  entrance = await startEntrance(product.gatewayProcesses[0]!.url);
});
afterAll(async () => {
  await entrance.close();
  await product.stop();
});

it("R7: a rolling restart under load loses no request of an official client", async () => {
  const session = await fundedSession(product, ground, "10.00");
  const [row] = await product.sql`select max(number) as number from schema_migrations`;
  await product.sql`insert into schema_migrations (number, name, checksum, compatible_with)
    values (${Number(row!.number) + 1}, 'of_the_next_version', 'next', ${Number(row!.number)})`;
  product.stub.script(() => ({ tokenMs: 10 }));
  const client = new OpenAI({ apiKey: session.token, baseURL: `${entrance.origin}/v1`, maxRetries: 4 });
  const answers: Promise<string>[] = [];
  const ask = async (stream: boolean): Promise<string> => {
    const messages = [{ role: "user" as const, content: "hello" }];
    if (!stream) {
      const whole = await client.chat.completions.create({ model: "stub-text", messages });
      return whole.choices[0]!.message.content ?? "";
    }
    let text = "";
    const chunks = await client.chat.completions.create({ model: "stub-text", messages, stream: true });
    for await (const chunk of chunks) text += chunk.choices[0]?.delta?.content ?? "";
    return text;
  };
  const keepAsking = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      for (const stream of [true, false]) answers.push(ask(stream));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  await keepAsking(5);
  const next = await product.addGateway();
  entrance.pointTo(next.url);
  const old = product.gatewayProcesses[0]!.end("SIGTERM");
  await keepAsking(10);
  expect(await old).toBe(0);
  await keepAsking(3);
  const texts = await Promise.all(answers);
  expect(new Set(texts)).toEqual(new Set([Array(50).fill("word").join(" ")]));
  await product.sql`delete from schema_migrations where name = 'of_the_next_version'`;
  await expectBooksClean(product, { withinMs: 20_000 });
  const served = (await usageRows(product)).filter(({ outcome }) => outcome === "succeeded");
  expect(served).toHaveLength(answers.length);
  const spent = 10 - answers.length * 0.00025;
  expect((await wallet(product, session.token)).balance_usd).toBe(spent.toFixed(8));
});
