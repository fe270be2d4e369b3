import { gzipSync } from "node:zlib";
import { parseHostMap } from "@modelfaucet/server/lib/egress/host-map.ts";
import { createOutbound, type Outbound, OutboundError } from "@modelfaucet/server/lib/outbound.ts";
import { createOpenAiCompatibleProvider } from "@modelfaucet/server/providers/openai-compatible/openai-compatible.ts";
import { UpstreamError } from "@modelfaucet/server/providers/provider.ts";
import { type HttpStub, startStubServer } from "@modelfaucet/testkit/http-stub.ts";
import { startTraps, type Traps } from "@modelfaucet/testkit/traps.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import ssrf from "./ssrf-cases.json" with { type: "json" };

const foreign = "words-of-a-foreign-body-91f3";
const timeouts = { connectMs: 2_000, firstByteMs: 400, idleMs: 400, totalMs: 1_500 };
const host = "llm.attacker.example.com";
/** Of one decoded answer, here. */
const maxBodyBytes = 1_000_000;

let stub: HttpStub;
let traps: Traps;
let way: Outbound;
let location = "";
let status = 302;

beforeAll(async () => {
  traps = await startTraps();
  stub = await startStubServer((request, response) => {
    response.on("error", () => {});
    switch (request.url) {
      case "/redirect/chat/completions":
      case "/redirect":
        response.writeHead(status, { location, "content-type": "text/plain" }).end(foreign);
        break;
      case "/silent":
        response.writeHead(200).flushHeaders();
        break;
      case "/drip": {
        const timer = setInterval(() => response.write("."), 100);
        response.once("close", () => clearInterval(timer));
        break;
      }
      case "/stall":
        response.write(foreign);
        break;
      case "/endless": {
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 97)));
          if (!response.destroyed) response.once("drain", more);
        };
        more();
        break;
      }
      case "/bomb":
        response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
        break;
      case "/headers":
        for (let index = 0; index < 10; index++) response.setHeader(`x-${index}`, "a".repeat(4_000));
        response.end(foreign);
        break;
      default:
        response.end("{}");
    }
  });
  way = createOutbound({
    connectTimeoutMs: 2_000,
    maxConnectionsPerOrigin: 2,
    isAllowedOrigin: () => false,
    tenant: {
      production: false,
      maxBodyBytes,
      hostMap: parseHostMap(`${host}=127.0.0.1:${stub.port}!`),
      resolve: async () => [],
    },
  });
});
afterAll(async () => {
  const sprung = [...traps.sprung];
  await way.close();
  await stub.close();
  await traps.close();
  expect(sprung).toEqual([]);
});

/** 64 MiB of one letter, in 64 KiB. */
const bomb = gzipSync(Buffer.alloc(64 * 1_024 * 1_024, 97));

const ask = (path: string) =>
  way.request({ url: `https://${host}${path}`, door: "tenant", method: "GET", headers: {}, timeouts });

async function failureOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OutboundError);
  expect(String(error)).not.toContain(foreign);
  return (error as OutboundError).kind;
}

describe("a redirect is an answer, and leads nowhere", () => {
  const redirects = ssrf.cases.flatMap((item) => ("redirect" in item && item.redirect ? [item] : []));
  const toTraps = [301, 302, 303, 307, 308].flatMap((code) =>
    ["127.0.0.1", "[::1]", "localhost"].map((at) => ({ code, at })),
  );

  it.each(redirects)("$id: $why", async ({ redirect }) => {
    status = redirect.status;
    location = redirect.location;
    const before = stub.paths.length;
    const answer = await ask("/redirect");
    expect(answer.status).toBe(redirect.status);
    answer.body.cancel();
    expect(stub.paths.slice(before)).toEqual(["/redirect"]);
  });

  it.each(toTraps)("$code to $at", async ({ code, at }) => {
    status = code;
    location = `http://${at}:${traps.port}/`;
    const answer = await ask("/redirect");
    expect(answer.status).toBe(code);
    answer.body.cancel();
  });

  it("ends a call of the provider as a failure, without the words of the body", async () => {
    status = 307;
    location = `http://127.0.0.1:${traps.port}/`;
    const provider = createOpenAiCompatibleProvider({
      // The door of tenants, whatever the provider asks for.
      outbound: { ...way, request: (request) => way.request({ ...request, door: "tenant" }) },
      answerLimitBytes: 100_000,
    });
    const failed = await provider
      .open({
        baseUrl: `https://${host}/redirect`,
        apiKey: "sk-redirected-5501",
        model: "any",
        body: { messages: [] },
        stream: true,
        timeouts,
        eventLimitBytes: 100_000,
        signal: new AbortController().signal,
      })
      .then(
        () => null,
        (reason: unknown) => reason,
      );
    expect(failed).toBeInstanceOf(UpstreamError);
    expect(JSON.stringify(failed)).not.toContain(foreign);
    expect(String(failed)).not.toContain(foreign);
  });
});

describe("an answer is bounded in time and size", () => {
  it("no word within the time for the first byte", async () => {
    expect(await failureOf(ask("/silent").then(({ body }) => body.bytes(100)))).toBe("first_byte_timeout");
  });

  it("a word now and then, for ever", async () => {
    expect(await failureOf(ask("/drip").then(({ body }) => body.bytes(100_000)))).toBe("total_timeout");
  });

  it("silence within the answer", async () => {
    expect(await failureOf(ask("/stall").then(({ body }) => body.bytes(100_000)))).toBe("idle_timeout");
  });

  it("headers without end", async () => {
    expect(await failureOf(ask("/headers"))).toBe("malformed");
  });

  it.each(["/endless", "/bomb"])("%s, collected: no more than the reader asked for", async (path) => {
    expect(await failureOf(ask(path).then(({ body }) => body.bytes(100_000)))).toBe("too_large");
    // A reader that asks for too much gets what the door allows.
    expect(await failureOf(ask(path).then(({ body }) => body.bytes(1e9)))).toBe("too_large");
  });

  it.each(["/endless", "/bomb"])("%s, piece by piece: no more than the door allows", async (path) => {
    const { body } = await ask(path);
    let got = 0;
    const read = async (): Promise<void> => {
      for (let piece = await body.next(); piece !== null; piece = await body.next()) got += piece.length;
    };
    expect(await failureOf(read())).toBe("too_large");
    expect(got).toBeLessThanOrEqual(maxBodyBytes);
    expect(got).toBeGreaterThan(maxBodyBytes / 2);
  });
});
