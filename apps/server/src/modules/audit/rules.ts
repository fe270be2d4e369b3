import { formatUsd } from "../../lib/money.ts";

/** Names of fields whose values are secrets, whatever they look like. */
const secretName =
  /(^|_)(secret|password|passphrase|api_key|identity_key|hash_key|authorization|credential|token)$/i;
/** Values that are secrets, whatever field they stand in. */
const secretForm =
  /\b(mf_(?:sess|dev|admin|idsec|br|link|cons)_[0-9A-Za-z]{8})[0-9A-Za-z]{4,}|\b(?:whsec_|sk-|rk_|sk_)[0-9A-Za-z_-]{8,}/g;
const longestText = 2000;
const deepest = 12;

/** What an audit row may hold: the same JSON with every secret replaced and every long text cut. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  // The only big integers of this code are money.
  if (typeof value === "bigint") return formatUsd(value);
  if (value === null || typeof value !== "object") return value;
  if (depth >= deepest) return "[too deep]";
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      secretName.test(name) && item !== null && item !== undefined ? "[redacted]" : redact(item, depth + 1),
    ]),
  );
}

function redactText(text: string): string {
  const clean = text.replace(secretForm, (_match, ours?: string) => (ours ? `${ours}…` : "[redacted]"));
  return clean.length > longestText ? `${clean.slice(0, longestText)}…` : clean;
}
