import { randomBytes } from "node:crypto";
import { formatUsd, parseUsd, type Usd } from "@modelfaucet/server/lib/money.ts";
import { testSecrets } from "@modelfaucet/testkit/product.ts";
import type { Rig } from "./rig.ts";

/** One app with one feature, and a session with money for each end user. */
export type Ground = { tokens: string[]; userIds: string[]; model: string; chargeUsd: Usd };

/**
 * The stub answers with 100 tokens in and 50 out. At 1.00 and 2.00 USD a million that is a cost of 0.0002 USD, and
 * with 25 % on top a charge of 0.00025 USD for every call, whatever the load.
 */
const chargeUsd = parseUsd("0.00025")!;
const model = "stub-text";
const atOnce = 8;

/** Makes the tenant through the control API, as an operator would, and opens `count` sessions. */
export async function layGround(rig: Rig, count: number): Promise<Ground> {
  const admin = caller(rig.api, testSecrets.ADMIN_TOKEN);
  const developer = caller(rig.api, testSecrets.DEVELOPER_ADMIN_TOKEN);
  const reason = "benchmark";
  await admin("PUT", "/v1/admin/providers/stub", { base_url: rig.upstream, reason });
  const { version } = await admin("POST", "/v1/admin/price-book/import", {
    source: "entries",
    reason,
    entries: [
      {
        provider: "stub",
        model,
        per_million: { input_usd: "1.00", output_usd: "2.00" },
        context_length: 128_000,
        max_output_tokens: 32_768,
        capabilities: [],
      },
    ],
  });
  await admin("POST", `/v1/admin/price-book/versions/${version}/publish`, {
    accept_large_changes: true,
    reason,
  });
  const owner = await admin("POST", "/v1/admin/developers", {
    email: "bench@example.com",
    name: "Benchmark",
    reason,
  });
  await developer("POST", "/v1/developer/apps", {
    public_app_id: "bench",
    name: "Benchmark",
    developer_id: owner.id,
  });
  await developer("PUT", "/v1/developer/apps/bench/features/chat", {
    feature_key: "chat",
    display_name: "Chat",
    policy: { models: [`stub/${model}`] },
    pricing: { markup_percent: 25, developer_share_bps: 4000 },
  });
  const tokens: string[] = [];
  const userIds: string[] = [];
  const openOne = async (place: number): Promise<void> => {
    const session = await developer("POST", "/v1/sessions", {
      public_app_id: "bench",
      external_user_id: `user-${place}`,
    });
    await admin(
      "POST",
      `/v1/admin/wallets/${session.end_user_id}/credit-test-balance`,
      { amount_usd: "1000.00" },
      { "idempotency-key": randomBytes(12).toString("hex") },
    );
    tokens[place] = session.session_token;
    userIds[place] = session.end_user_id;
  };
  for (let place = 0; place < count; place += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, count - place) }, (_, index) =>
      openOne(place + index),
    );
    await Promise.all(group);
  }
  return { tokens, userIds, model, chargeUsd };
}

/** Charges of so many calls, as the books must have them. */
export function chargesOf(calls: number): string {
  return formatUsd(chargeUsd * BigInt(calls));
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field; a missing one fails the run.
type Answer = any;

function caller(base: string, token: string) {
  return async (
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  };
}
