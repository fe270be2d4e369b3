import type { Product } from "./product.ts";

/** Where the console's pages are unless a test says otherwise. */
export const consoleOrigin = "http://127.0.0.1:5173";

/**
 * What a browser on a page of the console sends once it is signed in with a token: origin, cookie and csrf token.
 * @throws when the token opens no session
 */
export async function signInToConsole(product: Product, token: string): Promise<Record<string, string>> {
  const headers = { origin: consoleOrigin };
  const answer = await product.call(
    "POST",
    "/v1/console/token-exchange",
    { token },
    { token: null, headers },
  );
  const cookie = answer.headers.get("set-cookie")?.split(";")[0];
  if (answer.status !== 200 || !cookie)
    throw new Error(`no console session: ${answer.status} ${answer.text}`);
  return { ...headers, cookie, "x-csrf-token": answer.body.csrf_token };
}
