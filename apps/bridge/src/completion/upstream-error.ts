import { endpointDown, type LocalModel } from "../endpoints/endpoints.ts";
import { UpstreamFailure } from "../endpoints/upstream.ts";
import { BridgeError } from "../errors.ts";
import { isObject, positiveInteger } from "../json.ts";
import { type ContextFit, exceeded } from "./context.ts";

/** A call that failed, as the caller is told. */
export function failureOf(error: unknown, model: LocalModel): unknown {
  if (!(error instanceof UpstreamFailure)) return error;
  switch (error.kind) {
    case "aborted":
      return new BridgeError("client_closed_request", "The caller closed the request.", { cause: error });
    case "broken":
    case "too_large":
      return invalidAnswer(model, error);
    default:
      return endpointDown(model.endpoint, error.kind, error);
  }
}

/** A body that is not what the route answers. */
export function invalidAnswer(model: LocalModel, cause?: unknown): BridgeError {
  return new BridgeError(
    "invalid_model_response",
    `The model server “${model.endpoint.name}” did not answer as this route does; check its kind and base URL in bridge.yaml.`,
    { details: { endpoint_id: model.endpoint.id }, cause },
  );
}

/** An answer that is no success. Its text may name files of this computer, so only what is known of it is told. */
export function statusError(
  model: LocalModel,
  status: number,
  headers: Record<string, unknown>,
  json: unknown,
  fit: ContextFit,
): BridgeError {
  const details = { endpoint_id: model.endpoint.id, upstream_status: status };
  if (status >= 300 && status < 400) return invalidAnswer(model);
  if (status === 401 || status === 403) return endpointDown(model.endpoint, "key_refused");
  if (status === 404) {
    return new BridgeError(
      "model_not_found",
      "The model server no longer has this model; list the models again.",
      {
        param: "model",
        details,
      },
    );
  }
  if (status === 429) {
    const after = /^\d{1,4}$/.test(String(headers["retry-after"])) ? String(headers["retry-after"]) : "1";
    return new BridgeError("rate_limited", "The model server is busy; try again in a moment.", {
      details,
      headers: { "retry-after": after },
    });
  }
  if (status >= 500) return overflowOf(json, fit) ?? endpointDown(model.endpoint, `status_${status}`);
  if (status < 200) return invalidAnswer(model);
  const said = plainSentence(json);
  return (
    overflowOf(json, fit) ??
    new BridgeError(
      "invalid_request",
      "The model server refused the request; see upstream_message in details.",
      {
        details: { ...details, ...(said === null ? {} : { upstream_message: said }) },
      },
    )
  );
}

/** An error inside a stream that had begun. */
export function inBandError(model: LocalModel, json: unknown, fit: ContextFit): BridgeError {
  return overflowOf(json, fit) ?? endpointDown(model.endpoint, "failed_while_answering");
}

/**
 * A server's own word for a prompt that is too long.
 * Source: llama.cpp `exceed_context_size_error` with `n_prompt_tokens` and `n_ctx`; vLLM "maximum context length is
 * 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion)", November 2026.
 */
function overflowOf(json: unknown, fit: ContextFit): BridgeError | null {
  const error = isObject(json) && isObject(json.error) ? json.error : isObject(json) ? json : {};
  const text = textOf(json);
  const isOverflow =
    error.type === "exceed_context_size_error" ||
    /(maximum|available|exceeds?|greater than) (the )?(available |model's )?context (length|size|window)/i.test(
      text,
    );
  if (!isOverflow) return null;
  const context =
    positiveInteger(error.n_ctx) ??
    numberIn(text, /context length is (\d+)/i) ??
    numberIn(text, /context size \((\d+)/i);
  const prompt =
    positiveInteger(error.n_prompt_tokens) ??
    numberIn(text, /\((\d+) in the messages/i) ??
    numberIn(text, /requested (\d+)/i) ??
    numberIn(text, /\((\d+) tokens\)/i);
  // What the server does not say is what was counted before.
  return exceeded(
    context ?? fit.contextLength ?? 0,
    prompt ?? fit.promptTokens,
    numberIn(text, /(\d+) in the completion/i) ?? 0,
  );
}

function numberIn(text: string, form: RegExp): number | null {
  const found = form.exec(text)?.[1];
  return found === undefined ? null : positiveInteger(Number(found));
}

function textOf(json: unknown): string {
  if (!isObject(json)) return "";
  const { error } = json;
  const text = isObject(error)
    ? error.message
    : typeof error === "string"
      ? error
      : (json.message ?? json.detail);
  return typeof text === "string" ? text.slice(0, 2000) : "";
}

/** The server's sentence without what names a place: URLs, addresses, paths. */
function plainSentence(json: unknown): string | null {
  const text = textOf(json)
    .replace(/\p{C}+/gu, " ")
    .replace(/[a-z][a-z0-9+.-]*:\/\/\S+/gi, "…")
    .replace(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/g, "…")
    .replace(/(?<![\w/])(~|\.{1,2})?\/[\w.@/-]+|[A-Za-z]:\\[^\s"']+/g, "…")
    .trim();
  return text === "" ? null : text.slice(0, 300);
}
