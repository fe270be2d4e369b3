import { invalidConfig } from "./errors.ts";

const loopback = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/**
 * A key of the user's own, fit to be sent to `serverUrl`: over https, or to this very computer.
 * @throws FaucetConfigError that never repeats the key
 */
export function usableKey(apiKey: unknown, serverUrl: string): string {
  const { protocol, hostname } = new URL(serverUrl);
  if (protocol !== "https:" && !loopback.test(hostname)) {
    throw invalidConfig("A key is sent over https only.", "apiKey");
  }
  const key = typeof apiKey === "string" ? apiKey.trim() : "";
  // A header refuses other characters with an error that repeats them.
  if (!/^[\x21-\x7e]{1,4096}$/.test(key)) {
    throw invalidConfig("A key is 1 to 4096 visible characters without spaces.", "apiKey");
  }
  return key;
}

/** The same text without the key, should an answer repeat it. */
export function withoutKey(text: string, key: string | undefined): string {
  if (!key) return text;
  return text.replaceAll(key, "***").replaceAll(JSON.stringify(key).slice(1, -1), "***");
}
