// The few calls that the demo makes, with plain `fetch`: what any client could send.

import type { Figures, Receipt } from "./demo-arithmetic.ts";
import { Failure, sentenceOf } from "./failure.ts";
import type { Urls } from "./settings.ts";

const demoApp = { publicAppId: "app_pub_demo", model: "auto:customer_reply" };
const eventLimitChars = 4_194_304;

export type Session = { readonly session_token: string; readonly end_user_id: string };
export type Wallet = { readonly id: string; readonly balance_usd: string; readonly held_usd: string };
export type Settled = Figures & {
  readonly request_id: string;
  readonly simulated: boolean;
  readonly settlement?: string;
};
export type Refusal = { readonly status: number; readonly code: string; readonly message: string };

export async function openSession(
  urls: Urls,
  externalUserId: string,
  maxSpendUsd?: string,
): Promise<Session> {
  return askJson<Session>(`${urls.api}/v1/sessions`, {
    method: "POST",
    body: JSON.stringify({
      public_app_id: demoApp.publicAppId,
      external_user_id: externalUserId,
      ...(maxSpendUsd === undefined ? {} : { max_spend_usd: maxSpendUsd }),
    }),
  });
}

export async function readWallet(urls: Urls, session: Session): Promise<Wallet> {
  return askJson<Wallet>(`${urls.api}/v1/user/wallet`, {}, session.session_token);
}

export async function readReceipt(urls: Urls, session: Session, requestId: string): Promise<Receipt> {
  return askJson<Receipt>(`${urls.api}/v1/user/receipts/${requestId}`, {}, session.session_token);
}

/** The usage list's item of one request. */
export async function readUsage(urls: Urls, session: Session, requestId: string): Promise<Figures> {
  const url = `${urls.api}/v1/user/usage?request_id=${requestId}`;
  const { items } = await askJson<{ items: Figures[] }>(url, {}, session.session_token);
  if (items.length !== 1)
    throw new Failure(`The usage list has ${items.length} items for ${requestId}, not 1.`);
  return items[0]!;
}

/** Gives a new demo user something to spend: test money, never paid out. */
export async function creditTestBalance(
  urls: Urls,
  walletId: string,
  adminToken: string,
  amountUsd: string,
): Promise<void> {
  await askJson(
    `${urls.api}/v1/admin/wallets/${walletId}/credit-test-balance`,
    {
      method: "POST",
      headers: { "idempotency-key": crypto.randomUUID() },
      body: JSON.stringify({ amount_usd: amountUsd }),
    },
    adminToken,
  );
}

/** Streams one completion; `onText` gets the answer as it comes. Resolves to what the last chunk says about the money. */
export async function streamCompletion(
  urls: Urls,
  session: Session,
  message: string,
  onText: (text: string) => void,
): Promise<Settled> {
  const answer = await post(urls, session, message);
  if (!answer.ok || !answer.body)
    throw new Failure(`The call was refused: ${(await refusalOf(answer)).message}`);
  let settled: Settled | undefined;
  let done = false;
  for await (const event of eventsOf(answer.body)) {
    if (event === "[DONE]") {
      done = true;
      break;
    }
    const chunk = JSON.parse(event) as {
      choices?: { delta?: { content?: string | null } }[];
      modelfaucet?: Settled;
      error?: { message: string };
    };
    if (chunk.error) throw new Failure(`The stream ended with an error: ${chunk.error.message}`);
    const text = chunk.choices?.[0]?.delta?.content;
    if (text) onText(text);
    settled = chunk.modelfaucet ?? settled;
  }
  if (!done || !settled) throw new Failure("The stream ended without its price: look into the server's log.");
  return settled;
}

/** The same call where it must be refused. @throws Failure when it is answered. */
export async function refusedCompletion(urls: Urls, session: Session, message: string): Promise<Refusal> {
  const answer = await post(urls, session, message);
  if (answer.ok) {
    await answer.body?.cancel();
    throw new Failure("A call that nobody can pay for was answered.");
  }
  return refusalOf(answer);
}

function post(urls: Urls, session: Session, message: string): Promise<Response> {
  return reach(`${urls.gateway}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${session.session_token}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: demoApp.model,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: message }],
    }),
    signal: AbortSignal.timeout(120_000),
  });
}

async function askJson<T>(url: string, init: RequestInit, token?: string): Promise<T> {
  const answer = await reach(url, {
    ...init,
    headers: {
      ...(init.body ? { "content-type": "application/json" } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...init.headers,
    },
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) {
    const { status, code, message } = await refusalOf(answer);
    throw new Failure(
      `${init.method ?? "GET"} ${new URL(url).pathname} answered ${status} ${code}: ${message}`,
    );
  }
  return (await answer.json()) as T;
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    const cause = error instanceof Error && error.cause ? error.cause : error;
    throw new Failure(
      `${new URL(url).origin} cannot be reached (${sentenceOf(cause)}): start the platform with \`npm start\`.`,
    );
  }
}

async function refusalOf(answer: Response): Promise<Refusal> {
  const body = (await answer.json().catch(() => null)) as {
    error?: { code?: string; message?: string };
  } | null;
  return {
    status: answer.status,
    code: body?.error?.code ?? "unknown",
    message: body?.error?.message ?? `status ${answer.status}`,
  };
}

// The `data` of each event. Our own gateway sends one `data` line per event and ends lines with LF.
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop() ?? "";
    if (rest.length > eventLimitChars) throw new Failure("The stream sends an event without an end.");
    for (const event of events) {
      const line = event.split("\n").find((each) => each.startsWith("data:"));
      if (line) yield line.slice(5).trim();
    }
  }
}
