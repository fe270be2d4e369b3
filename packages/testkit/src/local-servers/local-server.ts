import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isObject, type LocalModel, type LocalServerKind, type Reply, wordsOf } from "./kind.ts";
import { llamaCpp } from "./llamacpp.ts";
import { lmStudio } from "./lmstudio.ts";
import { ollama } from "./ollama.ts";
import { openAiCompatible } from "./openai-compatible.ts";
import { vllm } from "./vllm.ts";

export type LocalRequest = {
  method: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: unknown;
  wasCancelled: boolean;
};

/** How the next model calls go. */
export type LocalBehaviour = {
  /** Pieces of the answer, one chunk each when streamed. */
  pieces?: string[];
  /** `stream_options` and usage: reported, left out, or all zero, as servers do. */
  usage?: "reported" | "missing" | "zero";
  /** What the server says that it read, where that is not what was sent. */
  promptTokens?: number;
  /** Answers with this instead. */
  refuse?: { status: number; body: unknown; headers?: Record<string, string> };
  /** Before the status leaves. */
  before?: () => Promise<unknown>;
  /** Before each chunk after the first. */
  between?: (index: number) => Promise<unknown>;
  /** Breaks off after so many chunks. */
  breakAfter?: number;
  /** An error event after so many chunks. */
  errorAfter?: number;
  contentType?: string;
};

export type LocalServer = {
  readonly kind: LocalServerKind;
  /** With `/v1`. */
  readonly baseUrl: string;
  readonly port: number;
  /** Of any kind, the last thousand. */
  readonly requests: readonly LocalRequest[];
  /** Calls of a model alone. */
  readonly modelCalls: readonly LocalRequest[];
  /** Bytes of the streams that were taken by the socket so far. */
  readonly streamedBytes: number;
  readonly models: LocalModel[];
  script(behaviour: LocalBehaviour): void;
  close(): Promise<void>;
};

const kinds = { ollama, lmstudio: lmStudio, llamacpp: llamaCpp, vllm, openai_compatible: openAiCompatible };
const requestsKept = 1000;

/**
 * A model server of this computer, as its clients see it: its list, its own API, its answers, whole and streamed.
 * @param apiKey wanted on every call, where given
 */
export async function startLocalServer(
  kind: LocalServerKind,
  models: readonly LocalModel[],
  options: { apiKey?: string; port?: number } = {},
): Promise<LocalServer> {
  const requests: LocalRequest[] = [];
  const own = models.map((model) => ({ ...model }));
  let behaviour: LocalBehaviour = {};
  let streamedBytes = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?")[0]!;
    const body = await bodyOf(request);
    const seen: LocalRequest = {
      method: request.method ?? "",
      path,
      headers: request.headers,
      body,
      wasCancelled: false,
    };
    requests.push(seen);
    if (requests.length > requestsKept) requests.shift();
    response.once("close", () => {
      seen.wasCancelled = !response.writableFinished;
    });
    if (options.apiKey !== undefined && request.headers.authorization !== `Bearer ${options.apiKey}`)
      return json(response, 401, {
        error: { message: "Invalid API key", type: "invalid_request_error", code: null },
      });
    const asked = isObject(body) ? body : {};
    const model = own.find(({ name }) => name === asked.model);
    if (path === "/v1/chat/completions" || path === "/v1/embeddings") {
      if (behaviour.before !== undefined) await behaviour.before();
      if (behaviour.refuse !== undefined)
        return json(response, behaviour.refuse.status, behaviour.refuse.body, behaviour.refuse.headers);
      if (model === undefined) return json(response, 404, kinds[kind].unknownModel(String(asked.model)));
      model.isLoaded = true;
      return path === "/v1/embeddings" ? embed(response, asked, model) : chat(response, asked, model);
    }
    const answer = kinds[kind].answer(request.method ?? "", path, asked, own);
    json(response, answer.status, answer.body);
  }

  function replyTo(asked: Record<string, unknown>, model: LocalModel): Reply {
    const pieces = behaviour.pieces ?? ["A local", " answer", " of some", " words."];
    const prompt = behaviour.promptTokens ?? wordsOf(JSON.stringify(asked.messages ?? asked.input ?? ""));
    const usage = {
      prompt_tokens: prompt,
      completion_tokens: pieces.length,
      total_tokens: prompt + pieces.length,
    };
    const zero = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };
    return {
      model: model.name,
      created: 1_795_000_000,
      pieces,
      usage: behaviour.usage === "missing" ? null : behaviour.usage === "zero" ? zero : usage,
    };
  }

  async function chat(
    response: ServerResponse,
    asked: Record<string, unknown>,
    model: LocalModel,
  ): Promise<void> {
    const reply = replyTo(asked, model);
    if (asked.stream !== true) return json(response, 200, kinds[kind].completion(reply));
    response.writeHead(200, { "content-type": behaviour.contentType ?? "text/event-stream" });
    const wantsUsage = isObject(asked.stream_options) && asked.stream_options.include_usage === true;
    const chunks = kinds[kind].chunks(reply, wantsUsage);
    for (const [index, chunk] of chunks.entries()) {
      if (index > 0 && behaviour.between !== undefined) await behaviour.between(index);
      if (index === behaviour.breakAfter) {
        await new Promise((resolve) => response.write(": \n", resolve));
        return void response.destroy();
      }
      if (index === behaviour.errorAfter)
        return void response.end(
          `data: ${JSON.stringify({ error: { message: "the model ran out of memory", type: "server_error" } })}\n\n`,
        );
      if (response.destroyed) return;
      const text = `data: ${JSON.stringify(chunk)}\n\n`;
      if (!response.write(text)) await drained(response);
      streamedBytes += text.length;
    }
    response.end("data: [DONE]\n\n");
  }

  function embed(response: ServerResponse, asked: Record<string, unknown>, model: LocalModel): void {
    const reply = replyTo(asked, model);
    const inputs = Array.isArray(asked.input) ? asked.input : [asked.input];
    json(response, 200, {
      object: "list",
      data: inputs.map((_input, index) => ({ object: "embedding", index, embedding: [0.01, -0.02, 0.03] })),
      model: model.name,
      ...(reply.usage === null
        ? {}
        : { usage: { prompt_tokens: reply.usage.prompt_tokens, total_tokens: reply.usage.prompt_tokens } }),
    });
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    kind,
    baseUrl: `http://127.0.0.1:${port}/v1`,
    port,
    requests,
    get modelCalls() {
      return requests.filter(({ path }) => path === "/v1/chat/completions" || path === "/v1/embeddings");
    },
    get streamedBytes() {
      return streamedBytes;
    },
    models: own,
    script(next) {
      behaviour = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    return null;
  }
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      response.off("drain", finish);
      response.off("close", finish);
      resolve();
    };
    response.once("drain", finish);
    response.once("close", finish);
  });
}
