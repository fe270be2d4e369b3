// The hop that a gateway cannot do without, and nothing else: the same Fastify and undici, the body parsed and rebuilt on
// the way in and out, the same log line. No session, no price, no books.
import { createLog } from "@modelfaucet/server/lib/log.ts";
import fastify, { type FastifyReply } from "fastify";
import { Pool } from "undici";

const [port, upstreamUrl, connections] = process.argv.slice(2);
const upstream = new URL(upstreamUrl!);
const pool = new Pool(upstream.origin, { connections: Number(connections), pipelining: 1 });
const log = createLog({
  level: "info",
  format: "json",
  service: "bare-hop",
  instance: "00000000-0000-0000-0000-000000000000",
  version: "0",
});
type Body = Record<string, unknown>;

const app = fastify({ logger: false });
app.addHook("onRequest", (request, reply, done) => {
  const startedAt = performance.now();
  reply.raw.once("close", () => {
    log.info(
      {
        request_id: request.id,
        method: request.method,
        route: request.routeOptions.url,
        status: reply.raw.statusCode,
        duration_ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
        address_prefix: "127.0.0.0/24",
      },
      "request",
    );
  });
  done();
});
app.post("/v1/chat/completions", async (request, reply) => {
  const asked = request.body as Body;
  const { statusCode, body } = await pool.request({
    method: "POST",
    path: `${upstream.pathname}/chat/completions`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...asked,
      max_tokens: 4096,
      ...(asked.stream === true ? { stream_options: { include_usage: true } } : {}),
    }),
  });
  if (asked.stream === true) return relay(reply, body);
  const answer = JSON.parse(Buffer.from(await body.arrayBuffer()).toString("utf8")) as Body;
  return reply.code(statusCode).send({ ...answer, id: `chatcmpl_${request.id}` });
});
// What needs no upstream: read, rebuild, answer.
app.get("/v1/models", async (_, reply) => reply.send({ object: "list", data: models }));
app.post("/refused", async (request, reply) => {
  const { model } = request.body as Body;
  return reply.code(400).send({ error: { message: `The field ${String(model)} is refused.`, code: "none" } });
});

const models = Array.from({ length: 2 }, (_, index) => ({
  id: `bare-${index}`,
  object: "model",
  created: 0,
  owned_by: "stub",
  pricing: { input_usd: "1.25000000", output_usd: "2.50000000", request_usd: "0.00000000" },
}));

/** Event by event, parsed and rebuilt, as whoever puts its own id into them must. */
async function relay(reply: FastifyReply, body: AsyncIterable<Buffer>): Promise<FastifyReply> {
  reply.hijack();
  reply.raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
  });
  const { id } = reply.request;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of body) {
    const events = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      const data = event.slice("data: ".length);
      const text = data === "[DONE]" ? data : JSON.stringify({ ...(JSON.parse(data) as Body), id });
      reply.raw.write(`data: ${text}\n\n`);
    }
  }
  reply.raw.end();
  return reply;
}

await app.listen({ port: Number(port), host: "127.0.0.1" });
process.once("disconnect", () => process.exit(0));
