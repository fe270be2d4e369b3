import { type FaucetError, FaucetStreamError } from "@modelfaucet/sdk";
import type { Format } from "../format.ts";
import { isZero } from "../format.ts";
import type { TextKey } from "../texts/en.ts";
import type { Text } from "../texts/text.ts";

/** What happened and what to do, in the reader's language where this package has a text for it. */
export function errorSentence(error: FaucetError, text: Text, format: Format): string {
  const nextStep = localText(error.code);
  if (nextStep) return text(nextStep);
  switch (error.code) {
    case "insufficient_balance":
      return shortSentence(error, text, format) ?? error.message;
    case "budget_exceeded":
      return limitSentence(error, text, format) ?? error.message;
    case "network_error":
    case "timeout":
      return text("error.network");
    case "unexpected_answer":
      return text("error.unexpected");
    default:
      return isUncharged(error) && !error.message.includes("not charged")
        ? `${error.message} ${text("failed.free")}`
        : error.message;
  }
}

const localTexts: Readonly<Record<string, TextKey>> = {
  local_browser_unsupported: "local.unsupported",
  local_permission_required: "local.permission",
  local_permission_denied: "local.denied",
  local_bridge_unavailable: "local.unavailable",
  local_pairing_required: "local.pairing",
};

function localText(code: string): TextKey | undefined {
  return Object.hasOwn(localTexts, code) ? localTexts[code] : undefined;
}

/**
 * Where the upstream failed before its first byte, the user pays nothing; so it is with a key that its provider refuses. Of an
 * answer that broke off only the books can tell.
 */
function isUncharged(error: FaucetError): boolean {
  if (error instanceof FaucetStreamError) return false;
  return error.status >= 500 || /^(provider_|byok_)/.test(error.code);
}

function shortSentence(error: FaucetError, text: Text, format: Format): string | null {
  const { required_usd: required, balance_usd: balance, held_usd: held } = error.details;
  if (typeof required !== "string" || typeof balance !== "string") return null;
  const reserved =
    typeof held === "string" && !isZero(held) ? text("balance.short.held", { held: format.usd(held) }) : "";
  return text("balance.short", {
    required: format.usd(required),
    balance: format.usd(balance, "down"),
    held: reserved,
  });
}

function limitSentence(error: FaucetError, text: Text, format: Format): string | null {
  const limit = error.details.limit as Record<string, unknown> | null | undefined;
  if (typeof limit !== "object" || limit === null || typeof limit.limit_usd !== "string") return null;
  const key = `limit.${limit.window}` as TextKey;
  const known = ["limit.day", "limit.week", "limit.month", "limit.total"].includes(key);
  const amount = format.usd(limit.limit_usd);
  const reached = text("limit.reached", { limit: known ? text(key, { limit: amount }) : amount });
  const reset =
    typeof limit.reset_at === "string"
      ? ` ${text("limit.reset", { time: format.time(limit.reset_at) })}`
      : "";
  return reached + reset;
}
