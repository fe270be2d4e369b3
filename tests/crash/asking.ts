export type Asked = {
  /** 0 when the connection ended before any answer. */
  status: number;
  headers: Headers;
  text: string;
  /** The connection ended before the answer did. */
  wasCut: boolean;
  firstByteAt: number | null;
  endedAt: number;
};

/** One completion whose server may die at any time: what came until then, never an exception. */
export function ask(
  url: string,
  token: string,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Asked> {
  return exchange(`${url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "stub-text", messages: [{ role: "user", content: "hello" }], ...body }),
  });
}

/** The wallet of a session, asked of the control API. */
export function askWallet(api: string, token: string): Promise<Asked> {
  return exchange(`${api}/v1/user/wallet`, { headers: { authorization: `Bearer ${token}` } });
}

async function exchange(url: string, request: RequestInit): Promise<Asked> {
  const asked: Asked = {
    status: 0,
    headers: new Headers(),
    text: "",
    wasCut: false,
    firstByteAt: null,
    endedAt: 0,
  };
  try {
    const answer = await fetch(url, request);
    asked.status = answer.status;
    asked.headers = answer.headers;
    const decoder = new TextDecoder();
    for await (const piece of answer.body!) {
      asked.firstByteAt ??= performance.now();
      asked.text += decoder.decode(piece, { stream: true });
    }
  } catch {
    asked.wasCut = true;
  }
  asked.endedAt = performance.now();
  return asked;
}

export const isWhole = (asked: Asked): boolean => asked.text.endsWith("data: [DONE]\n\n");
