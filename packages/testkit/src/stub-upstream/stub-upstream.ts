import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type AskedFor, streamedAnswer, wholeAnswer } from "./answer.ts";
import { messageError } from "./anthropic-answer.ts";
import { refusalOfMessages } from "./anthropic-check.ts";
import { defaultBehaviour, type StubBehaviour } from "./behaviour.ts";
import { deliver } from "./deliver.ts";
import { anthropicDialect, openAiDialect } from "./dialects.ts";
import { eventText } from "./framing.ts";

export type { StubBehaviour, StubToolCall, ToolCallForm } from "./behaviour.ts";

export type StubRequest = {
  method: string;
  path: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body; `null` where it is no JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever was sent
  body: any;
  /** `Date.now()` when the body was there. */
  at: number;
  /** `Date.now()` when the connection or the answer ended. */
  closedAt: number | null;
  /** The client closed the connection before the answer was whole. */
  wasCancelled: boolean;
};

/** The behaviour for a call, or `undefined` for the default one. */
export type StubRule = (request: StubRequest) => StubBehaviour | undefined;

export type StubStats = { calls: number; billableCalls: number; cancelled: number; open: number };

export type StubUpstream = {
  /** Base URL for a provider, `http://127.0.0.1:…/v1`. */
  url: string;
  origin: string;
  port: number;
  /** Requests of any kind under `/v1`. */
  readonly calls: number;
  /** POST requests for completions: what a real upstream would charge for. */
  readonly billableCalls: number;
  readonly stats: StubStats;
  /** The last thousand, oldest first. */
  readonly requests: readonly StubRequest[];
  /** What calls do from now on: for one model (`*`: all), or as a function decides. */
  script(rule: StubRule): void;
  script(model: string, behaviour: StubBehaviour): void;
  /** What the next calls for a model (`*`: any) do, one each, before any script. */
  queue(model: string, ...behaviours: StubBehaviour[]): void;
  /** Called when a client closes the connection of an unfinished answer. */
  onCancel(listener: (request: StubRequest) => void): void;
  /** Forgets scripts, listeners, counters and requests. */
  reset(): void;
  close(): Promise<void>;
};

const requestsKept = 1000;
const queueMax = 10_000;

/**
 * An upstream on loopback that answers at once, or as a test scripts it, in OpenAI's dialect and on `/v1/messages` in
 * Anthropic's. It can be steered over HTTP too.
 */
export async function startStubUpstream(options: { port?: number } = {}): Promise<StubUpstream> {
  const stub = new Stub();
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    stub.serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", 4096, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return Object.assign(stub, {
    origin: `http://127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}/v1`,
    port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

class Stub {
  stats: StubStats = { calls: 0, billableCalls: 0, cancelled: 0, open: 0 };
  requests: StubRequest[] = [];
  #rule: StubRule | null = null;
  #scripts = new Map<string, StubBehaviour>();
  #queues = new Map<string, StubBehaviour[]>();
  #listeners: ((request: StubRequest) => void)[] = [];
  #rendered = new Map<string, Buffer>();

  get calls(): number {
    return this.stats.calls;
  }

  get billableCalls(): number {
    return this.stats.billableCalls;
  }

  script(ruleOrModel: StubRule | string, behaviour?: StubBehaviour): void {
    if (typeof ruleOrModel === "function") this.#rule = ruleOrModel;
    else this.#scripts.set(ruleOrModel, behaviour ?? {});
  }

  queue(model: string, ...behaviours: StubBehaviour[]): void {
    const queue = this.#queues.get(model) ?? [];
    if (queue.length + behaviours.length > queueMax) throw new Error("the stub's queue is full");
    this.#queues.set(model, [...queue, ...behaviours]);
  }

  onCancel(listener: (request: StubRequest) => void): void {
    this.#listeners.push(listener);
  }

  reset(): void {
    this.#rule = null;
    this.#scripts.clear();
    this.#queues.clear();
    this.#listeners = [];
    this.requests = [];
    this.stats = { ...this.stats, calls: 0, billableCalls: 0, cancelled: 0 };
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0]!;
    const body = await readJson(request);
    if (path.startsWith("/__stub/")) return this.#steer(path, request, body, response);
    this.stats.calls += 1;
    const recorded = this.#record(request, path, body, response);
    if (request.method === "GET" && path === "/v1/models") {
      return sendJson(response, 200, isAnthropic(request) ? anthropicModels : modelList);
    }
    if (request.method === "POST" && path === "/v1/messages") {
      return this.#message(request, response, recorded, body);
    }
    if (request.method !== "POST" || path !== "/v1/chat/completions") {
      return sendJson(response, 404, {
        error: { message: "The stub has no such route.", type: "not_found" },
      });
    }
    this.stats.billableCalls += 1;
    const model = typeof body?.model === "string" ? body.model : "";
    const asked = {
      model,
      n: Number.isInteger(body?.n) ? Math.max(1, Math.min(body.n, 128)) : 1,
      includeUsage: body?.stream_options?.include_usage === true,
    };
    const stream = body?.stream === true;
    const behaviour = this.#behaviourFor(model, recorded);
    if (behaviour === null && asked.n === 1) return this.#sendRendered(response, asked, stream);
    const { authorization } = request.headers;
    return deliver({
      response,
      behaviour: behaviour ?? defaultBehaviour(model),
      dialect: openAiDialect,
      asked,
      stream,
      authorization,
    });
  }

  /** A call in Anthropic's dialect; what the real API would refuse is refused, and costs nothing. */
  async #message(
    request: IncomingMessage,
    response: ServerResponse,
    recorded: StubRequest,
    // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
    body: any,
  ): Promise<void> {
    const refusal = refusalOfMessages(body, request.headers["anthropic-version"]);
    if (refusal !== null) return sendJson(response, 400, messageError(400, refusal));
    this.stats.billableCalls += 1;
    const { model } = body;
    const asked: AskedFor = { model, n: 1, includeUsage: true };
    const key = request.headers["x-api-key"];
    return deliver({
      response,
      behaviour: this.#behaviourFor(model, recorded) ?? {},
      dialect: anthropicDialect,
      asked,
      stream: body.stream === true,
      authorization: Array.isArray(key) ? key[0] : key,
    });
  }

  /** `null` when nothing is scripted for the call. */
  #behaviourFor(model: string, request: StubRequest): StubBehaviour | null {
    const queued = this.#queues.get(model)?.shift() ?? this.#queues.get("*")?.shift();
    const scripted = queued ?? this.#rule?.(request) ?? this.#scripts.get(model) ?? this.#scripts.get("*");
    return scripted === undefined ? null : { ...defaultBehaviour(model), ...scripted };
  }

  /** The default answer is written once: load generators measure the gateway, not the stub. */
  #sendRendered(response: ServerResponse, asked: Parameters<typeof wholeAnswer>[1], stream: boolean): void {
    const key = `${stream} ${asked.includeUsage} ${asked.model}`;
    let bytes = this.#rendered.get(key);
    if (bytes === undefined) {
      const behaviour = defaultBehaviour(asked.model);
      const text = stream
        ? streamedAnswer(behaviour, asked)
            .map((step) => eventText(step.chunk, behaviour))
            .join("") + eventText("[DONE]", behaviour)
        : JSON.stringify(wholeAnswer(behaviour, asked));
      bytes = Buffer.from(text);
      if (this.#rendered.size < requestsKept) this.#rendered.set(key, bytes);
    }
    response.writeHead(200, {
      "content-type": stream ? "text/event-stream" : "application/json",
      ...(stream ? {} : { "content-length": bytes.length }),
    });
    response.end(bytes);
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
  #record(request: IncomingMessage, path: string, body: any, response: ServerResponse): StubRequest {
    const recorded: StubRequest = {
      method: request.method ?? "",
      path,
      headers: request.headers,
      body,
      at: Date.now(),
      closedAt: null,
      wasCancelled: false,
    };
    if (this.requests.length >= requestsKept * 2) this.requests = this.requests.slice(-requestsKept);
    this.requests.push(recorded);
    this.stats.open += 1;
    response.once("close", () => {
      recorded.closedAt = Date.now();
      this.stats.open -= 1;
      // An answer that the stub itself breaks off carries an error.
      if (response.writableEnded || response.errored !== null) return;
      recorded.wasCancelled = true;
      this.stats.cancelled += 1;
      for (const listener of this.#listeners) listener(recorded);
    });
    return recorded;
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent
  #steer(path: string, request: IncomingMessage, body: any, response: ServerResponse): void {
    const command = `${request.method} ${path}`;
    let answer: unknown = { ok: true };
    let status = 200;
    if (command === "GET /__stub/stats") answer = this.stats;
    else if (command === "GET /__stub/requests") answer = this.requests;
    else if (command === "POST /__stub/reset") this.reset();
    else if (command === "POST /__stub/script" && Array.isArray(body?.queue)) {
      this.queue(body.model ?? "*", ...body.queue);
    } else if (command === "POST /__stub/script" && body?.behaviour) {
      this.script(body.model ?? "*", body.behaviour);
    } else {
      status = 404;
      answer = { error: "Use script {model, behaviour} or {model, queue}, reset, stats or requests." };
    }
    sendJson(response, status, answer);
  }
}

const modelList = {
  object: "list",
  data: ["stub-text", "stub-claude", "stub-dear", "stub-cheap", "stub-flat", "stub-free", "stub-none"].map(
    (id) => ({
      id,
      object: "model",
      owned_by: "stub",
    }),
  ),
};

const anthropicModels = {
  data: modelList.data.map(({ id }) => ({
    type: "model",
    id,
    display_name: id,
    created_at: "2026-01-01T00:00:00Z",
  })),
  has_more: false,
  first_id: modelList.data[0]!.id,
  last_id: modelList.data.at(-1)!.id,
};

function isAnthropic(request: IncomingMessage): boolean {
  return request.headers["anthropic-version"] !== undefined;
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

// biome-ignore lint/suspicious/noExplicitAny: whatever was sent
function readJson(request: IncomingMessage): Promise<any> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("error", reject);
    request.on("end", () => {
      try {
        resolve(JSON.parse((pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)).toString("utf8")));
      } catch {
        resolve(null);
      }
    });
  });
}
