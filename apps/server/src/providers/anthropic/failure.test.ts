import type { StubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../provider.ts";
import { failureOf, hello, secret, startTestbed, type Testbed } from "./anthropic-testbed.ts";

let bed: Testbed;
let stub: StubUpstream;

beforeAll(async () => {
  bed = await startTestbed();
  stub = bed.stub;
});
afterEach(() => stub.reset());
afterAll(() => bed.close());

describe("a refusal", () => {
  const error = (type: string, message = "no", details?: JsonObject) => ({
    type: "error",
    error: { type, message, ...(details === undefined ? {} : { details }) },
    request_id: "req_x",
  });
  const invalid = (message: string) => error("invalid_request_error", message);

  it.each<[number, JsonObject, string]>([
    [400, invalid("prompt is too long: 212345 tokens > 200000 maximum"), "context_length"],
    [400, invalid("input length and `max_tokens` exceed context limit: 1 + 2 > 3"), "context_length"],
    [400, invalid("Your credit balance is too low to access the Anthropic API."), "quota"],
    [400, invalid("You have reached your specified API usage limits."), "quota"],
    [400, invalid("Output blocked by content filtering policy"), "content_policy"],
    [400, invalid("messages: odd"), "other"],
    [401, error("authentication_error"), "key_refused"],
    [402, error("billing_error"), "quota"],
    [403, error("permission_error"), "key_refused"],
    [404, error("not_found_error", "model: claude-9"), "model_unknown"],
    [413, error("request_too_large"), "other"],
    [429, error("rate_limit_error"), "rate_limit"],
    [429, error("rate_limit_error", "x", { error_code: "enforced_spend_limit_reached" }), "quota"],
    [500, error("api_error"), "other"],
    [529, error("overloaded_error"), "other"],
    [401, { unexpected: true }, "key_refused"],
  ])("of status %i with %j is of the class %s", async (status, body, refusal) => {
    stub.script("*", { status, body });
    for (const failure of [await failureOf(bed.whole()), await failureOf(bed.stream())]) {
      expect(failure).toMatchObject({ kind: "status", status, refusal });
    }
  });

  it("names the field as OpenAI's clients call it, and only a field that was sent", async () => {
    const body = { messages: [hello], max_tokens: 9, stop: "x" };
    stub.queue("*", { status: 400, body: invalid("stop_sequences: too many") });
    stub.queue("*", { status: 400, body: invalid("messages.0.content: odd") });
    stub.queue("*", { status: 400, body: invalid("tools.0: odd") });
    const params = [];
    for (let i = 0; i < 3; i++) params.push((await failureOf(bed.whole({ body }))).param);
    expect(params).toEqual(["stop", "messages", undefined]);
  });

  it("says when to come again, and never what upstream wrote", async () => {
    stub.script("*", { status: 429, headers: { "retry-after": "7" }, echoAuthorization: true });
    const failure = await failureOf(bed.whole());
    expect(failure).toMatchObject({ retryAfterMs: 7_000, refusal: "rate_limit" });
    expect(JSON.stringify([failure, failure.message, failure.stack])).not.toContain(secret);
  });
});
