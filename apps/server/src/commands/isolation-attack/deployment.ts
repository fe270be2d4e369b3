import { setTimeout as delay } from "node:timers/promises";
import type { Outbound } from "../../lib/outbound.ts";

/** A running deployment as a client sees it. */
export type Deployment = {
  /** One exchange. What throttles is waited for, a few times. @throws OutboundError, Error when it is refused for too long */
  ask(base: "api" | "gateway", method: Method, path: string, options: AskOptions): Promise<Answer>;
};

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type AskOptions = { token: string | null; body?: unknown; signal?: AbortSignal | undefined };
// biome-ignore lint/suspicious/noExplicitAny: whoever asked knows what it asked for
export type Answer = { status: number; body: any };

const timeouts = { connectMs: 10_000, firstByteMs: 20_000, idleMs: 10_000, totalMs: 30_000 };
const answerBytes = 4 * 1024 * 1024;
const longestWaitMs = 60_000;
const mostWaits = 5;

export function createDeployment(
  outbound: Pick<Outbound, "request">,
  origins: { api: string; gateway: string },
): Deployment {
  const once = async (
    url: string,
    method: Method,
    { token, body, signal }: AskOptions,
  ): Promise<Answer & { retryAfterMs: number }> => {
    const response = await outbound.request({
      url,
      method,
      headers: {
        "user-agent": "ModelFaucet",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      timeouts,
      signal,
    });
    const text = (await response.body.bytes(answerBytes)).toString("utf8");
    const seconds = Number(response.headers["retry-after"] ?? 1);
    return {
      status: response.status,
      body: parsed(text),
      retryAfterMs: Math.min(longestWaitMs, Math.max(1, Number.isFinite(seconds) ? seconds : 1) * 1_000),
    };
  };
  return {
    ask: async (base, method, path, options) => {
      for (let waits = 0; ; waits++) {
        const { retryAfterMs, ...answer } = await once(origins[base] + path, method, options);
        if (answer.status !== 429 && answer.status !== 503) return answer;
        if (waits === mostWaits)
          throw new Error(`${method} ${path} is refused with ${answer.status} for too long`);
        await delay(retryAfterMs, undefined, { signal: options.signal });
      }
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
