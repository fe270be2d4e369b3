import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { planAnswer, type SimulatedRequest } from "./answer.ts";
import { simulatedModels } from "./models.ts";
import { sendJson, sendStream, sendWhole } from "./send.ts";

export { type SimulatedModel, simulatedModels } from "./models.ts";

export type SimulatedProviderOptions = {
  /** 0 takes any free port. */
  port: number;
  host: string;
  /** The value of NODE_ENV. */
  nodeEnv: string | undefined;
  /** Pace of an answer; default 25. */
  tokenMs?: number;
};

export type SimulatedProvider = {
  /** Base URL for an OpenAI client, `http://127.0.0.1:4010/v1`. */
  url: string;
  port: number;
  /** Ends running answers too. */
  close(): Promise<void>;
};

const bodyBytesMax = 33_554_432;
const defaultTokenMs = 25;

/**
 * Starts an upstream that speaks OpenAI's dialect, costs nothing and marks every answer with `simulated: true`.
 * @throws when NODE_ENV is production: nobody may be charged for an invented answer
 */
export async function startSimulatedProvider(options: SimulatedProviderOptions): Promise<SimulatedProvider> {
  if (options.nodeEnv === "production") {
    throw new Error(
      "The simulated provider does not start with NODE_ENV=production: configure a real provider.",
    );
  }
  const tokenMs = options.tokenMs ?? defaultTokenMs;
  const server = createServer((request, response) => {
    answer(request, response, tokenMs).catch(() => response.destroy());
  });
  await listen(server, options.port, options.host);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}/v1`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, tokenMs: number): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0];
  if (request.method === "GET" && path === "/health")
    return sendJson(response, 200, { ok: true, simulated: true });
  if (request.method === "GET" && path === "/v1/models") return sendJson(response, 200, modelList());
  if (request.method !== "POST" || path !== "/v1/chat/completions") {
    return sendError(response, 404, "Use POST /v1/chat/completions.", null);
  }
  const body = await readBody(request);
  if (body === null) return sendError(response, 400, "The body must be one JSON object with messages.", null);
  const model = simulatedModels.find((candidate) => candidate.id === body.model);
  if (model === undefined) {
    const known = simulatedModels.map((candidate) => candidate.id).join(", ");
    return sendError(response, 404, `Name one of these models: ${known}.`, "model");
  }
  const plan = planAnswer(body, model, tokenMs);
  return body.stream === true ? sendStream(response, plan, body) : sendWhole(response, plan);
}

function modelList(): object {
  const items = simulatedModels.map(({ id, name, contextTokens, maxOutputTokens }) => ({
    id,
    name,
    object: "model",
    owned_by: "simulated",
    context_length: contextTokens,
    max_output_tokens: maxOutputTokens,
  }));
  return { object: "list", data: items, simulated: true };
}

function sendError(response: ServerResponse, status: number, message: string, param: string | null): void {
  const type = "invalid_request_error";
  const code = param === "model" ? "model_not_found" : null;
  sendJson(response, status, { error: { message, type, param, code }, simulated: true });
}

async function readBody(request: IncomingMessage): Promise<SimulatedRequest | null> {
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of request) {
    total += piece.length;
    if (total > bodyBytesMax) return null;
    pieces.push(piece);
  }
  try {
    const body = JSON.parse(Buffer.concat(pieces).toString("utf8"));
    return typeof body === "object" && body !== null && Array.isArray(body.messages) ? body : null;
  } catch {
    return null;
  }
}
