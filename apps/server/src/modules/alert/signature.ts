import { createHmac } from "node:crypto";

const secretPrefix = "whsec_";

/**
 * The headers by which a receiver knows a Standard Webhook: its id, its time in seconds and the signature over both and
 * the body. Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, November 2026.
 */
export function signedHeaders(
  message: { id: string; timestampSeconds: number; body: string },
  secret: string,
): Record<string, string> {
  const key = Buffer.from(secret.slice(secretPrefix.length), "base64");
  const signed = `${message.id}.${message.timestampSeconds}.${message.body}`;
  return {
    "webhook-id": message.id,
    "webhook-timestamp": String(message.timestampSeconds),
    "webhook-signature": `v1,${createHmac("sha256", key).update(signed).digest("base64")}`,
  };
}
