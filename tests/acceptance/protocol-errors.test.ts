import { errorTable } from "@modelfaucet/contract/errors.ts";
import { expectBooksClean, openHolds } from "@modelfaucet/testkit/books.ts";
import { chat, credit, type Ground, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import {
  type HttpAnswer,
  type Json,
  type Product,
  send,
  startProduct,
} from "@modelfaucet/testkit/product.ts";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { usageRows } from "./closed-rows.ts";

let product: Product;
let ground: Ground;
let rich: GroundSession;
let poor: GroundSession;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  ground = await layGround(product);
  [rich, poor] = [await ground.openSession(), await ground.openSession()];
  await credit(product, rich.userId, "5.00");
});
afterEach(async () => {
  product.stub.reset();
  await expectBooksClean(product);
});
afterAll(() => product.stop());

const messages = [{ role: "user", content: "hello" }];
const flat = { model: "stub-flat", messages };
const mebibyte = 1_048_576;

/** The shape that every refusal has, whatever layer speaks. */
function expectRefusal(answer: HttpAnswer, status: number, code: keyof typeof errorTable): Json {
  const known = errorTable[code];
  expect({ status: answer.status, text: answer.text.slice(0, 500) }).toMatchObject({ status });
  expect(status).toBe(known.status);
  expect(answer.headers.get("content-type")).toMatch(/^application\/json/);
  expect(Object.keys(answer.body)).toEqual(["error"]);
  const { error } = answer.body;
  expect(error).toMatchObject({ code, type: known.type });
  expect(error).toHaveProperty("param");
  expect(error.param === null || typeof error.param === "string").toBe(true);
  // One sentence that says what to do: no stack, no file, no markup, no address of ours.
  expect(error.message).toMatch(/^[^\n]{8,400}\.$/);
  expect(error.message).not.toMatch(/<\/?(html|body)| at |\.ts|node_modules|Error:|127\.0\.0\.1|postgres/);
  expect(error.request_id).toMatch(/^req_[0-9a-f-]{36}$/);
  expect(answer.headers.get("x-request-id")).toBe(error.request_id);
  expect(answer.headers.get("x-should-retry")).toBe(String(known.retry));
  return error;
}

describe("A107: every refusal is one shape", () => {
  const big = () =>
    `{"model":"stub-flat","messages":[{"role":"user","content":"${"x".repeat(33 * mebibyte)}"}]}`;
  const auth = () => ({ authorization: `Bearer ${rich.token}` });
  const cases: [string, number, keyof typeof errorTable, () => Promise<HttpAnswer>][] = [
    ["no key", 401, "invalid_session", () => at("POST", "/v1/chat/completions", flat, {})],
    [
      "bad key",
      401,
      "invalid_session",
      () => at("POST", "/v1/chat/completions", flat, { authorization: "Bearer sk-nothing" }),
    ],
    [
      "another scheme",
      401,
      "invalid_session",
      () => at("POST", "/v1/chat/completions", flat, { authorization: "Basic dXNlcjpwYXNz" }),
    ],
    ["malformed JSON", 400, "invalid_request", () => at("POST", "/v1/chat/completions", '{"model":', auth())],
    ["no JSON object", 400, "invalid_request", () => at("POST", "/v1/chat/completions", "[1]", auth())],
    ["an empty body", 400, "invalid_request", () => at("POST", "/v1/chat/completions", "", auth())],
    ["33 MiB", 413, "payload_too_large", () => at("POST", "/v1/chat/completions", big(), auth())],
    ["an unknown route", 404, "not_found", () => at("POST", "/v1/nowhere", flat, auth())],
    ["a wrong method", 405, "method_not_allowed", () => at("GET", "/v1/chat/completions", undefined, auth())],
    ["another wrong method", 405, "method_not_allowed", () => at("DELETE", "/v1/models", undefined, auth())],
    [
      "an unknown model",
      404,
      "model_not_found",
      () => at("POST", "/v1/chat/completions", { ...flat, model: "gpt-nothing" }, auth()),
    ],
    [
      "an unknown model by id",
      404,
      "model_not_found",
      () => at("GET", "/v1/models/a/b%20c", undefined, auth()),
    ],
    [
      "an unknown alias",
      404,
      "model_not_found",
      () => at("POST", "/v1/chat/completions", { ...flat, model: "auto:nothing" }, auth()),
    ],
    [
      "an unknown feature",
      404,
      "feature_not_found",
      () => at("POST", "/v1/chat/completions", { ...flat, metadata: { feature_key: "nothing" } }, auth()),
    ],
    ["out of credit", 402, "insufficient_balance", () => chat(product, poor.token, flat)],
    [
      "out of credit, streamed",
      402,
      "insufficient_balance",
      () => chat(product, poor.token, { ...flat, stream: true }),
    ],
    [
      "a model without a price",
      400,
      "model_not_priced",
      () => chat(product, rich.token, { model: "stub-none" }),
    ],
    ["an invalid URL", 400, "invalid_request", () => at("GET", "/v1/models/%ff%zz", undefined, auth())],
  ];

  it.each(cases)("A107: %s is %i %s", async (_, status, code, ask) => {
    const error = expectRefusal(await ask(), status, code);
    if (code === "model_not_found") expect(error.param).toBe("model");
    if (code === "payload_too_large") expect(error.details.limit_bytes).toBe(32 * mebibyte);
    expect(product.stub.calls).toBe(0);
    expect((await openHolds(product)).count).toBe(0);
    expect(await usageRows(product)).toEqual([]);
  });

  it("A107: the wrong method is told the right ones", async () => {
    expect((await at("PUT", "/v1/chat/completions", flat, auth())).headers.get("allow")).toBe("POST");
    expect((await at("POST", "/v1/models", flat, auth())).headers.get("allow")).toBe("GET");
  });

  it("A107: the control API speaks the same words", async () => {
    const call = product.call;
    const own = { token: product.developerAdminToken };
    const large = `{"public_app_id":"x","name":"${"x".repeat(2 * mebibyte)}"}`;
    expectRefusal(await call("GET", "/v1/user/wallet", undefined, { token: null }), 401, "invalid_session");
    expectRefusal(
      await call("GET", "/v1/user/wallet", undefined, { token: "mf_sess_nothing" }),
      401,
      "invalid_session",
    );
    expectRefusal(await call("GET", "/v1/user/wallet", undefined, own), 403, "forbidden");
    expectRefusal(await call("POST", "/v1/developer/apps", '{"name":', own), 400, "invalid_request");
    expectRefusal(await call("POST", "/v1/developer/apps", large, own), 413, "payload_too_large");
    expectRefusal(await call("GET", "/v1/nowhere", undefined, own), 404, "not_found");
    expectRefusal(await call("GET", "/v1/user/topups", undefined, own), 404, "not_found");
    expectRefusal(await call("POST", "/v1/developer/me", {}, own), 405, "method_not_allowed");
    expectRefusal(await call("GET", "/v1/developer/apps/nothing", undefined, own), 404, "invalid_app");
    const named = expectRefusal(
      await call("POST", "/v1/developer/apps", { public_app_id: "x", name: "X", nme: 1 }, own),
      400,
      "invalid_request",
    );
    expect(named).toMatchObject({
      param: "nme",
      details: { issues: expect.arrayContaining([expect.objectContaining({ param: "nme" })]) },
    });
  });

  it("A107: upstream's failures are told as ours, without its words", async () => {
    const html = "<html><body>502 Bad Gateway nginx</body></html>";
    for (const [behaviour, status, code] of [
      [{ status: 500 }, 502, "provider_error"],
      [{ status: 502, body: html }, 502, "provider_error"],
      [{ status: 429 }, 502, "provider_error"],
      [{ status: 401 }, 502, "provider_error"],
      [{ status: 404 }, 502, "provider_error"],
      [{ body: html }, 502, "provider_error"],
      [{ body: "{not json" }, 502, "provider_error"],
      [{ body: { object: "list" } }, 502, "provider_error"],
      [{ status: 400 }, 400, "invalid_request"],
      [
        { status: 400, body: { error: { message: "too long", code: "context_length_exceeded" } } },
        400,
        "context_length_exceeded",
      ],
    ] as const) {
      for (const stream of [false, true]) {
        product.stub.script("stub-flat", behaviour);
        const answer = await chat(product, rich.token, { ...flat, stream });
        const error = expectRefusal(answer, status, code);
        expect(error.message).not.toMatch(/stub|nginx|too long/);
      }
    }
    const rows = await usageRows(product);
    expect(new Set(rows.map(({ outcome, charge_usd }) => `${outcome} ${charge_usd}`))).toEqual(
      new Set(["failed 0.00000000"]),
    );
  });
});

describe("A108: out of credit with the stock client", () => {
  it.each([false, true])(
    "A108: exactly one attempt, and a code that can be read; streamed: %s",
    async (stream) => {
      let attempts = 0;
      const client = new OpenAI({
        apiKey: poor.token,
        baseURL: product.gateways[0]!,
        fetch: (input, init) => {
          attempts += 1;
          return fetch(input as string, init as RequestInit);
        },
      });
      const failure = await client.chat.completions
        .create({ model: "stub-flat", messages: [{ role: "user", content: "hello" }], stream })
        .then(
          () => null,
          (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
        );
      expect(failure).toMatchObject({
        status: 402,
        code: "insufficient_balance",
        type: "insufficient_quota",
      });
      expect(failure?.error).toMatchObject({
        details: {
          reason: "balance",
          balance_usd: "0.00000000",
          held_usd: "0.00000000",
          required_usd: "0.00125000",
        },
      });
      expect(failure?.requestID).toMatch(/^req_/);
      expect(attempts).toBe(1);
      expect(product.stub.calls).toBe(0);
    },
  );
});

function at(
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<HttpAnswer> {
  return send(`${product.gateways[0]!.slice(0, -"/v1".length)}${path}`, method, body, headers);
}
