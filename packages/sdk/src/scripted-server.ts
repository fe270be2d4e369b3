import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A real HTTP server on loopback for the tests of this package: it answers what the test scripts and notes what came. */
type SeenRequest = {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: unknown;
};

export type Reply = (response: ServerResponse, seen: SeenRequest) => void | Promise<void>;

export type ScriptedServer = AsyncDisposable & {
  url: string;
  seen: SeenRequest[];
  /** Requests of one path, in order. */
  on(path: string): SeenRequest[];
};

export async function startScriptedServer(routes: Record<string, Reply>): Promise<ScriptedServer> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString("utf8");
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const entry = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: text ? JSON.parse(text) : undefined,
    };
    seen.push(entry);
    const reply = routes[`${request.method} ${path}`];
    if (reply) await reply(response, entry);
    else json(404, wireError("not_found"))(response, entry);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    on: (path) => seen.filter((request) => request.path.split("?")[0] === path),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
}

/** Answers the first request with the first reply, and so on; the last one stays. */
export function inTurn(...replies: [Reply, ...Reply[]]): Reply {
  let turn = 0;
  return (response, seen) => {
    const reply = replies[Math.min(turn, replies.length - 1)] as Reply;
    turn += 1;
    return reply(response, seen);
  };
}

export function wireError(code: string, details: Record<string, unknown> = {}) {
  return {
    error: {
      message: `refused: ${code}`,
      type: "api_error",
      param: null,
      code,
      request_id: "req_1",
      details,
    },
  };
}

let sessions = 0;

/** A session answer; each has a token of its own. */
export function sessionAnswer(over: Record<string, unknown> = {}) {
  sessions += 1;
  return {
    session_token: `mf_sess_${sessions}`,
    expires_in: 3600,
    gateway_base_url: "",
    available_modes: ["platform"],
    wallet_balance_usd: "10.00000000",
    session_id: `session-${sessions}`,
    expires_at: "2026-01-01T00:00:00.000Z",
    features: [],
    ...over,
  };
}

export const openSession: Reply = (response, seen) => json(200, sessionAnswer())(response, seen);

export const settled = {
  request_id: "req_1",
  receipt_id: "rcpt_req_1",
  route_mode: "platform",
  charge_usd: "0.00042016",
  wallet_balance_usd: "9.99957984",
  simulated: true,
};

/** Stream bytes as given, each element one write. */
export function eventStream(pieces: readonly (string | Uint8Array)[], end = true): Reply {
  return async (response) => {
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "x-modelfaucet-request-id": "req_1",
      "x-modelfaucet-route-mode": "platform",
      "x-modelfaucet-model": "sim-small",
      "x-modelfaucet-hold-usd": "0.00210000",
    });
    response.flushHeaders();
    for (const piece of pieces) await new Promise((resolve) => response.write(piece, resolve));
    if (end) response.end();
  };
}

export function chunk(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

export function textChunk(content: string, index = 0): string {
  return chunk({ choices: [{ index, delta: { content } }] });
}

export const lastChunks = [
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  chunk({
    choices: [],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    modelfaucet: settled,
  }),
  "data: [DONE]\n\n",
];
