import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { credit, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type RecordingProxy, startRecordingProxy } from "./recording-proxy.ts";

// Python is not a part of this project: where it, or the package, cannot be had, this says so and nothing else.

const version = "3.57.0";
const folder = dirname(fileURLToPath(import.meta.url));
const environment = join(folder, `../../.cache/python-openai-${version}`);
const python = join(environment, "bin/python");
const run = promisify(execFile);

let product: Product;
let proxy: RecordingProxy;
let missing: string | null;

beforeAll(async () => {
  missing = await install();
  product = await startProduct({ postgres: inject("postgres") });
  proxy = await startRecordingProxy(product.gateways[0]!);
}, 180_000);
afterAll(async () => {
  await proxy.close();
  await product.stop();
});

it("the official Python client chats, streams, calls tools, lists models, and tries once without money", async () => {
  if (missing !== null) {
    console.warn(`DID NOT RUN: the Python client of OpenAI could not be installed: ${missing}`);
    return;
  }
  const ground = await layGround(product);
  const [rich, poor] = await Promise.all([ground.openSession(), ground.openSession()]);
  await credit(product, rich.userId, "1.00");
  const toolCalls = [
    { name: "weather", arguments: '{"city":"Bern"}' },
    { name: "weather", arguments: '{"city":"Oslo"}' },
  ];
  product.stub.script("stub-claude", { toolCalls, toolCallForm: "bare" });
  const script = join(folder, "openai_client.py");
  const { stdout } = await run(python, [script, `${proxy.origin}/v1`, rich.token, poor.token], {
    timeout: 50_000,
  });
  const text = Array(50).fill("word").join(" ");
  expect(JSON.parse(stdout)).toEqual({
    whole: { text, total_tokens: 150, charge_usd: "0.00025000" },
    streamed: { text, with_usage: [-1], charge_usd: "0.00025000" },
    tools: toolCalls,
    models: expect.arrayContaining(["auto:chat", "stub-text"]),
    poor: { status: 402, code: "insufficient_balance", type: "insufficient_quota" },
    stranger: { status: 401, code: "invalid_session" },
  });
  expect(proxy.exchanges.map(({ status }) => status)).toEqual([200, 200, 200, 200, 402, 401]);
}, 60_000);

/** Why the client cannot be had here, or `null`. An environment that was made once is used again. */
async function install(): Promise<string | null> {
  const marker = join(environment, "installed");
  if (existsSync(marker)) return null;
  try {
    await run("python3", ["-m", "venv", "--clear", environment], { timeout: 60_000 });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    await run(python, [...pip, `openai==${version}`], { timeout: 100_000 });
    await run("touch", [marker]);
    return null;
  } catch (error) {
    return (error as Error).message.split("\n").slice(0, 3).join(" ");
  }
}
