import { BridgeError } from "../errors.ts";
import { isObject, type JsonObject, positiveInteger } from "../json.ts";

export type ModelRoute = "chat" | "embeddings";

/** What the bridge itself reads of a model body; the rest passes on unread. */
export type ModelRequest = {
  route: ModelRoute;
  model: string;
  isStreamed: boolean;
  /** The caller wants the chunk with the usage. */
  wantsUsage: boolean;
  /** Asked for; `null` leaves it to the server. */
  maxOutputTokens: number | null;
  /** How many choices must end. */
  choices: number;
  body: JsonObject;
};

/** What would make a server call somebody else, or with other credentials. */
const redirecting = new Set([
  "api_base",
  "base_url",
  "api_key",
  "headers",
  "extra_headers",
  "extra_body",
  "extra_query",
  "default_headers",
]);

/**
 * 9: the schema.
 * @throws BridgeError invalid_request, missing_model
 */
export function readModelRequest(route: ModelRoute, body: JsonObject, routeHeader: unknown): ModelRequest {
  for (const field of Object.keys(body)) {
    if (redirecting.has(field.toLowerCase()))
      throw invalid(field, `Leave out ${field}: which server is called stands in bridge.yaml alone.`);
  }
  const metadata = isObject(body.metadata) ? body.metadata : {};
  for (const mode of [metadata.route_mode, routeHeader]) {
    if (mode !== undefined && mode !== "local")
      throw invalid("route_mode", "The bridge answers the mode local alone; send others to the gateway.");
  }
  if (typeof body.model !== "string" || body.model.trim() === "") {
    throw new BridgeError("missing_model", "Name a model, such as ollama:qwen3:8b or auto:<feature>.", {
      param: "model",
    });
  }
  if (body.model.length > 300) throw invalid("model", "The model's name is too long.");
  if (
    route === "chat" &&
    !(Array.isArray(body.messages) && body.messages.length > 0 && body.messages.every(isObject))
  )
    throw invalid("messages", "messages must be a list of at least one message.");
  if (route === "embeddings" && !isInput(body.input))
    throw invalid("input", "input must be a text, or a list of texts or tokens.");
  if (body.stream !== undefined && body.stream !== null && typeof body.stream !== "boolean")
    throw invalid("stream", "stream must be true or false.");
  return {
    route,
    model: body.model,
    isStreamed: route === "chat" && body.stream === true,
    wantsUsage: isObject(body.stream_options) && body.stream_options.include_usage === true,
    maxOutputTokens: limitOf(body, "max_completion_tokens") ?? limitOf(body, "max_tokens"),
    choices: Math.min(positiveInteger(body.n) ?? 1, 128),
    body,
  };
}

/** What leaves: the caller's body with the server's own name of the model, without what was meant for the bridge. */
export function upstreamBody(asked: ModelRequest, model: string): JsonObject {
  const { metadata: _ours, stream_options: options, ...rest } = asked.body;
  return {
    ...rest,
    model,
    ...(asked.isStreamed
      ? { stream_options: { ...(isObject(options) ? options : {}), include_usage: true } }
      : {}),
  };
}

/** The texts of a prompt, to be counted: what was said, tools and schemas included. */
export function promptTexts(asked: ModelRequest): string[] {
  const { body } = asked;
  if (asked.route === "embeddings") return inputTexts(body.input);
  const texts: string[] = [];
  for (const message of body.messages as JsonObject[]) {
    if (typeof message.content === "string") texts.push(message.content);
    for (const part of Array.isArray(message.content) ? (message.content as unknown[]) : []) {
      if (isObject(part)) for (const field of ["text", "refusal", "thinking"]) pushText(texts, part[field]);
    }
    for (const field of ["name", "refusal", "reasoning_content", "reasoning"])
      pushText(texts, message[field]);
    for (const field of ["tool_calls", "function_call"]) {
      if (typeof message[field] === "object" && message[field] !== null)
        texts.push(JSON.stringify(message[field]));
    }
  }
  for (const field of ["tools", "functions", "response_format"]) {
    if (typeof body[field] === "object" && body[field] !== null) texts.push(JSON.stringify(body[field]));
  }
  return texts.filter((text) => text !== "");
}

/** Tokens that were sent as numbers need no counting. */
export function promptNumbers(asked: ModelRequest): number {
  const { input } = asked.body;
  if (asked.route !== "embeddings" || !Array.isArray(input)) return 0;
  return (input as unknown[]).flat(1).filter((item) => typeof item === "number").length;
}

function inputTexts(input: unknown): string[] {
  if (typeof input === "string") return [input];
  return Array.isArray(input) ? (input as unknown[]).filter((item) => typeof item === "string") : [];
}

function isInput(input: unknown): boolean {
  if (typeof input === "string") return input !== "";
  return Array.isArray(input) && input.length > 0 && input.length <= 2048;
}

/** Servers take -1 and null for no limit. */
function limitOf(body: JsonObject, field: string): number | null {
  const limit = body[field];
  if (limit === undefined || limit === null || limit === -1) return null;
  return positiveInteger(limit) ?? refuseLimit(field);
}

function refuseLimit(field: string): never {
  throw invalid(field, `${field} must be a whole number above 0.`);
}

function pushText(texts: string[], value: unknown): void {
  if (typeof value === "string") texts.push(value);
}

function invalid(param: string, message: string): BridgeError {
  return new BridgeError("invalid_request", message, { param });
}
