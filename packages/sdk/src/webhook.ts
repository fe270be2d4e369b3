import { FaucetError, invalidConfig } from "./errors.ts";

export type WebhookDelivery = {
  /** The body as it came, before anything has parsed it. */
  payload: string | Uint8Array;
  headers: Headers | Record<string, string | string[] | undefined>;
  /** `whsec_…`; several while one takes over from the other. */
  secret?: string;
  secrets?: readonly string[];
  /** How old, or how far ahead, a delivery may be. Default 300. */
  toleranceSeconds?: number;
};

export type WebhookEvent = { type: string; [field: string]: unknown };

/**
 * The event of a delivery that was signed with one of the secrets. Source: Standard Webhooks 1.0.0, read 2026-11-25.
 * @throws FaucetConfigError for a missing secret; FaucetError `invalid_webhook`, `details.reason`
 */
export async function readWebhook(delivery: WebhookDelivery): Promise<WebhookEvent> {
  const { toleranceSeconds = 300 } = delivery;
  const keys = [...(delivery.secrets ?? []), ...(delivery.secret === undefined ? [] : [delivery.secret])].map(
    keyOf,
  );
  if (keys.length === 0) throw invalidConfig("verifyWebhook needs the endpoint's secret, whsec_….", "secret");
  const [id, sentAt, signatures] = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
    headerOf(delivery.headers, name),
  );
  if (!id || !signatures || !/^\d{1,12}$/.test(sentAt ?? "")) throw refused("headers");
  const payload =
    typeof delivery.payload === "string" ? new TextEncoder().encode(delivery.payload) : delivery.payload;
  const signed = joined(new TextEncoder().encode(`${id}.${sentAt}.`), payload);
  if (!(await anyMatches(keys, signatures, signed))) throw refused("signature");
  // Judged last: whoever cannot sign learns nothing of our clock.
  if (Math.abs(Date.now() / 1000 - Number(sentAt)) > toleranceSeconds) throw refused("age");
  return JSON.parse(new TextDecoder().decode(payload)) as WebhookEvent;
}

async function anyMatches(
  keys: readonly Uint8Array<ArrayBuffer>[],
  signatures: string,
  signed: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const given = signatures.split(" ").slice(0, 20);
  for (const bytes of keys) {
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, [
      "verify",
    ]);
    for (const one of given) {
      const signature = /^v1,([A-Za-z0-9+/]{43}=)$/.exec(one)?.[1];
      if (signature && (await crypto.subtle.verify("HMAC", key, fromBase64(signature), signed))) return true;
    }
  }
  return false;
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  const encoded = /^(?:whsec_)?([A-Za-z0-9+/]{16,}={0,2})$/.exec(secret)?.[1];
  if (!encoded) throw invalidConfig("A webhook secret is whsec_ and base64.", "secret");
  return fromBase64(encoded);
}

function headerOf(headers: WebhookDelivery["headers"], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const entry = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return Array.isArray(entry) ? entry[0] : entry;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function refused(reason: "headers" | "signature" | "age"): FaucetError {
  return new FaucetError("The delivery was not sent with this secret, or too long ago.", {
    code: "invalid_webhook",
    details: { reason },
  });
}
