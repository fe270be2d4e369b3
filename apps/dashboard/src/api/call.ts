import type { ErrorEnvelope } from "@modelfaucet/contract/errors.ts";
import type { AnswerOf, ParamsOf, QueryOf, RouteDefinition, SentOf } from "@modelfaucet/contract/route.ts";
import { proveAnew } from "./step-up.ts";

/** What a call carries; which of them a route takes is known by its definition. */
export type Input<D extends RouteDefinition> = {
  params?: { [Name in keyof ParamsOf<D>]: string };
  query?: Partial<QueryOf<D>>;
  body?: SentOf<D>;
  /** For acts that move money: the same key, the same effect. */
  idempotencyKey?: string;
  signal?: AbortSignal;
};

/** An answer that is no success, or no answer at all: then `status` is 0. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;
  readonly param: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  /** Asking again would be answered the same. */
  readonly isFinal: boolean;

  constructor(status: number, error: Partial<ErrorEnvelope["error"]>) {
    super(error.message ?? "The server gave no reason.");
    this.status = status;
    this.code = error.code ?? "unreachable";
    this.requestId = error.request_id ?? null;
    this.param = error.param ?? null;
    this.details = error.details ?? {};
    this.isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429;
  }
}

const apiBaseUrl = (import.meta.env.VITE_MODELFAUCET_API_BASE_URL ?? "").replace(/\/$/, "");
const giveUpAfterMs = 30_000;
const giveUpOnFileAfterMs = 300_000;

// Of the session that the cookie names; known to this page's memory alone.
let csrfToken: string | null = null;
let onSignedOut: () => void = () => {};

export function rememberCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Told whenever an answer says that nobody is signed in any more. */
export function whenSignedOut(act: () => void): void {
  onSignedOut = act;
}

/**
 * One call of the control API by its definition, which is only a type here: nothing of the contract is in the bundle.
 * Where the person has to be proved anew, they are asked, and the call is repeated once.
 * @throws Problem
 */
export async function call<D extends RouteDefinition>(
  method: D["method"],
  path: D["path"],
  input: Input<D> = {},
): Promise<AnswerOf<D>> {
  const answer = await send(method, path, input).catch(async (error: unknown) => {
    if (!(error instanceof Problem) || !wantsProof(error) || !(await proveAnew())) throw error;
    return send(method, path, input);
  });
  return (await answer.json()) as AnswerOf<D>;
}

/** As `call`, for what is saved as a file. @throws Problem */
export async function callForFile<D extends RouteDefinition & { method: "GET" }>(
  path: D["path"],
  input: Pick<Input<D>, "query"> = {},
): Promise<Blob> {
  return (await send<D>("GET", path, input as Input<D>, giveUpOnFileAfterMs)).blob();
}

/** @throws Problem for whatever is no success */
async function send<D extends RouteDefinition>(
  method: D["method"],
  path: D["path"],
  { params = {} as never, query = {}, body, idempotencyKey, signal }: Input<D>,
  withinMs = giveUpAfterMs,
): Promise<Response> {
  const headers = new Headers({ accept: "application/json" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (method !== "GET" && csrfToken !== null) headers.set("x-csrf-token", csrfToken);
  if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
  const timeout = AbortSignal.timeout(withinMs);
  const response = await fetch(`${apiBaseUrl}${filled(path, params)}${queryText(query)}`, {
    method,
    headers,
    credentials: "include",
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error;
    throw new Problem(0, {
      message: navigator.onLine
        ? "The API does not answer. What you see stays as it is; try again in a moment."
        : "You are offline. What you see stays as it is until the connection is back.",
    });
  });
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (response.status === 401 && !wantsProof(problem) && !isSignIn(path)) onSignedOut();
  throw problem;
}

/** The session is alive; its person was proved too long ago for this act. */
function wantsProof({ status, details }: Problem): boolean {
  return status === 401 && details.reason === "step_up";
}

function filled(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:([A-Za-z_]+)/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new Error(`${path} needs ${name}`);
    return encodeURIComponent(value);
  });
}

function queryText(query: object): string {
  const entries = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get("x-request-id");
  try {
    const { error } = (await response.json()) as ErrorEnvelope;
    return new Problem(response.status, error);
  } catch {
    return new Problem(response.status, {
      message: `The API answered ${response.status} without saying why.`,
      ...(requestId === null ? {} : { request_id: requestId }),
    });
  }
}

function isSignIn(path: string): boolean {
  return ["/v1/console/sign-in", "/v1/console/token-exchange", "/v1/console/session/step-up"].includes(path);
}
