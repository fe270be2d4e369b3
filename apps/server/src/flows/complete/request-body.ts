import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { ApiError } from "../../lib/errors.ts";
import { findUnmetered } from "../../modules/metering/metering.ts";
import type { JsonObject } from "../../providers/provider.ts";
import { isRedirectingField } from "./redirecting-fields.ts";

/** What the gateway understands of a model body; the rest passes through unread. */
export type AskedCompletion = {
  model: string;
  stream: boolean;
  includeUsage: boolean;
  choices: number;
  /** The output limit that the request names, in tokens per choice. */
  maxOutputTokens: number | null;
  featureKey: string | null;
  /** Who the request itself says shall pay. */
  routeMode: RouteMode | null;
  body: JsonObject;
};

const mostOutputTokens = 10_000_000;
const mostChoices = 128;

/** Reads what decides price and route. @throws invalid_request and unsupported_parameter, naming the field */
export function readCompletionBody(
  body: unknown,
  headers: { feature: string | null; route: string | null },
): AskedCompletion {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new ApiError("invalid_request", "The body must be a JSON object.");
  }
  const fields = body as JsonObject;
  refuseRedirecting(fields);
  const { model, messages, stream } = fields;
  if (typeof model !== "string" || model === "" || model.length > 400) {
    throw invalid("model", 'must name a model or an alias such as "auto:<feature>"');
  }
  if (!Array.isArray(messages) || messages.length === 0)
    throw invalid("messages", "must be a list with at least one message");
  for (const [index, message] of messages.entries()) {
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
      throw invalid(`messages[${index}]`, "must be an object");
    }
  }
  if (stream !== undefined && stream !== null && typeof stream !== "boolean")
    throw invalid("stream", "must be true or false");
  const unmetered = findUnmetered(fields);
  if (unmetered)
    throw new ApiError("unsupported_parameter", `${unmetered.param}: ${unmetered.why}.`, {
      param: unmetered.param,
    });
  const metadata = readMetadata(fields);
  return {
    model,
    stream: stream === true,
    includeUsage: readIncludeUsage(fields),
    choices: readCount(fields, "n", mostChoices) ?? 1,
    maxOutputTokens: readMaxOutput(fields),
    featureKey: agreeing("x-modelfaucet-feature", headers.feature, metadata.feature_key ?? null),
    routeMode: readRouteMode(headers.route, metadata.route_mode ?? null),
    body: fields,
  };
}

/** The body as it goes upstream: ours taken out, the payer's name replaced, the granted limit set. */
export function outgoingBody(
  asked: AskedCompletion,
  route: { model: string; options: Readonly<Record<string, unknown>>; outputTokens: number },
  opaqueUser: string,
): JsonObject {
  const {
    metadata,
    max_tokens: _tokens,
    max_completion_tokens: _completion,
    stream_options: _options,
    ...rest
  } = asked.body;
  const kept = withoutOurs(metadata);
  return {
    ...route.options,
    ...rest,
    ...(kept === undefined ? {} : { metadata: kept }),
    ...("user" in rest ? { user: opaqueUser } : {}),
    model: route.model,
    [wantsCompletionLimit(route.model) ? "max_completion_tokens" : "max_tokens"]: route.outputTokens,
  };
}

/**
 * OpenAI's reasoning models refuse `max_tokens`; everybody else knows it.
 * Source: https://platform.openai.com/docs/api-reference/chat/create (max_completion_tokens), read November 2026.
 */
export function wantsCompletionLimit(model: string): boolean {
  return /^(o\d|gpt-5|gpt-6)/.test(model.slice(model.lastIndexOf("/") + 1));
}

function refuseRedirecting(fields: JsonObject): void {
  for (const name of Object.keys(fields)) {
    if (isRedirectingField(name)) {
      throw invalid(
        name,
        "may not be set by a client: the operator decides where and with which key a model is called",
      );
    }
  }
}

const ourMetadata = ["feature_key", "route_mode", "max_price_usd", "quote_id"] as const;

function readMetadata(fields: JsonObject): Partial<Record<(typeof ourMetadata)[number], string>> {
  const { metadata } = fields;
  if (metadata === undefined || metadata === null) return {};
  if (typeof metadata !== "object" || Array.isArray(metadata))
    throw invalid("metadata", "must be an object of strings");
  const found: Partial<Record<(typeof ourMetadata)[number], string>> = {};
  for (const name of ourMetadata) {
    const value = (metadata as JsonObject)[name];
    if (value === undefined) continue;
    if (typeof value !== "string") throw invalid(`metadata.${name}`, "must be a string");
    found[name] = value;
  }
  for (const name of ["max_price_usd", "quote_id"] as const) {
    if (found[name] !== undefined)
      throw invalid(`metadata.${name}`, "is not available yet: it comes with quotes");
  }
  return found;
}

function withoutOurs(metadata: unknown): JsonObject | undefined {
  if (typeof metadata !== "object" || metadata === null) return undefined;
  const kept = Object.entries(metadata).filter(
    ([name]) => !(ourMetadata as readonly string[]).includes(name),
  );
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

const routeModes: readonly string[] = ["platform", "developer_key", "byok", "local"];

/** Who the request itself says shall pay, `null` where it does not. @throws invalid_request */
export function readRouteMode(header: string | null, field: string | null): RouteMode | null {
  if (header !== null && field !== null && header !== field)
    throw invalid("x-modelfaucet-route", "names another payer than metadata.route_mode");
  const mode = header ?? field;
  if (mode !== null && !routeModes.includes(mode))
    throw invalid("route_mode", `must be one of ${routeModes.join(", ")}`);
  return mode as RouteMode | null;
}

function readIncludeUsage(fields: JsonObject): boolean {
  const options = fields.stream_options;
  if (options === undefined || options === null) return false;
  if (typeof options !== "object" || Array.isArray(options))
    throw invalid("stream_options", "must be an object");
  const include = (options as JsonObject).include_usage;
  if (include !== undefined && include !== null && typeof include !== "boolean") {
    throw invalid("stream_options.include_usage", "must be true or false");
  }
  return include === true && fields.stream === true;
}

function readMaxOutput(fields: JsonObject): number | null {
  return (
    readCount(fields, "max_completion_tokens", mostOutputTokens) ??
    readCount(fields, "max_tokens", mostOutputTokens)
  );
}

function readCount(fields: JsonObject, name: string, most: number): number | null {
  const value = fields[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(name, `must be a whole number between 1 and ${most}`);
  }
  return value;
}

function agreeing(param: string, header: string | null, field: string | null): string | null {
  if (header !== null && field !== null && header !== field) {
    throw invalid(param, "names another feature than metadata.feature_key");
  }
  return header ?? field;
}

function invalid(param: string, what: string): ApiError {
  return new ApiError("invalid_request", `${param} ${what}.`, {
    param,
    details: { issues: [{ path: param, message: what }] },
  });
}
