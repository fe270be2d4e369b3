import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type StubUpstream, startStubUpstream } from "./stub-upstream.ts";

let stub: StubUpstream;

beforeEach(async () => {
  stub = await startStubUpstream();
});

afterEach(() => stub.close());

function post(body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${stub.url}/chat/completions`, {
    method: "POST",
    headers: { authorization: "Bearer sk-test" },
    body: JSON.stringify({ model: "stub-text", messages: [], ...body }),
    signal: signal ?? null,
  });
}

describe("startStubUpstream", () => {
  it("answers 100/50 unless told otherwise, streamed and not, with usage only where it is asked for", async () => {
    const whole = await (await post({})).json();
    expect(whole.usage).toEqual({ prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 });
    expect(whole.choices[0].message.content.split(" ")).toHaveLength(50);
    const quiet = await (await post({ stream: true })).text();
    expect(quiet).not.toContain("usage");
    expect(quiet.match(/"content":" ?word"/g)).toHaveLength(50);
    const full = await (await post({ stream: true, stream_options: { include_usage: true } })).text();
    expect(full).toMatch(
      /"choices":\[\],"usage":\{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150\}\}\n\ndata: \[DONE\]\n\n$/,
    );
  });

  it("gives the same default answer rendered once as carried out", async () => {
    const rendered = await (await post({ stream: true, stream_options: { include_usage: true } })).text();
    stub.script("stub-text", {});
    expect(await (await post({ stream: true, stream_options: { include_usage: true } })).text()).toBe(
      rendered,
    );
  });

  it("answers stub-cheap with one token and n choices with n", async () => {
    expect((await (await post({ model: "stub-cheap" })).json()).usage).toMatchObject({
      prompt_tokens: 10,
      completion_tokens: 1,
    });
    expect((await (await post({ n: 3 })).json()).choices).toHaveLength(3);
  });

  it("takes queued behaviours first, then the script of a model, then that of all", async () => {
    stub.script("*", { model: "all" });
    stub.script("stub-text", { model: "one" });
    stub.queue("stub-text", { model: "next" });
    const names: string[] = [];
    for (const model of ["stub-text", "stub-text", "stub-dear"])
      names.push((await (await post({ model })).json()).model);
    expect(names).toEqual(["next", "one", "all"]);
    stub.script((request) => (request.body.model === "stub-text" ? { model: "rule" } : undefined));
    expect((await (await post({})).json()).model).toBe("rule");
  });

  it("counts billable calls and records what it was sent", async () => {
    await (await fetch(`${stub.url}/models`)).json();
    await (await post({ foo: 1 })).json();
    expect(stub.stats).toMatchObject({ calls: 2, billableCalls: 1, cancelled: 0 });
    expect(stub.requests[1]).toMatchObject({
      body: { foo: 1 },
      headers: { authorization: "Bearer sk-test" },
    });
    stub.reset();
    expect([stub.calls, stub.billableCalls, stub.requests.length]).toEqual([0, 0, 0]);
  });

  it("says when a client left, and does not take its own failures for that", async () => {
    const left: string[] = [];
    stub.onCancel((request) => left.push(request.body.model));
    stub.script("*", { dieAfter: 3 });
    await expect((await post({ stream: true })).text()).rejects.toThrow();
    stub.script("*", { hang: "headers" });
    const leaving = new AbortController();
    const response = await post({ model: "stub-dear", stream: true }, leaving.signal);
    expect(response.status).toBe(200);
    leaving.abort();
    await expect.poll(() => left).toEqual(["stub-dear"]);
    await expect.poll(() => stub.requests.map((request) => request.wasCancelled)).toEqual([false, true]);
    await expect.poll(() => stub.stats.open).toBe(0);
  });

  it("can be steered from another process", async () => {
    const steer = (path: string, body: object) =>
      fetch(`${stub.origin}/__stub/${path}`, { method: "POST", body: JSON.stringify(body) });
    await steer("script", { model: "stub-text", behaviour: { status: 503 } });
    await steer("script", { model: "*", queue: [{ status: 429 }] });
    expect([(await post({})).status, (await post({})).status]).toEqual([429, 503]);
    expect(await (await fetch(`${stub.origin}/__stub/stats`)).json()).toMatchObject({ billableCalls: 2 });
    expect(await (await fetch(`${stub.origin}/__stub/requests`)).json()).toHaveLength(2);
    await steer("reset", {});
    expect((await post({})).status).toBe(200);
    expect((await steer("nonsense", {})).status).toBe(404);
  });

  it("sends every kind of usage that a case needs", async () => {
    const read = async () => (await (await post({})).json()).usage;
    for (const usage of [
      { prompt_tokens: -5 },
      { prompt_tokens: "12" },
      null,
      { prompt_tokens: 0, completion_tokens: 0 },
    ]) {
      stub.script("*", { usage });
      expect(await read()).toEqual(usage);
    }
    stub.script("*", { usage: "none" });
    expect(await read()).toBeUndefined();
  });
});
