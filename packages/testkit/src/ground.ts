import { randomBytes } from "node:crypto";
import { type HttpAnswer, type Json, type Product, send } from "./product.ts";

/** The ground of the acceptance cases: app `crm`, feature `chat`, the stub's models with their prices. */
export type Ground = {
  readonly publicAppId: string;
  readonly featureKey: string;
  readonly developerId: string;
  /** Opens a session of a user; `openSession` of the same name is the same user. */
  openSession(user?: string, more?: Record<string, unknown>): Promise<GroundSession>;
  /** Replaces the feature's policy and pricing. */
  setFeature(
    policy: Record<string, unknown>,
    pricing?: Record<string, unknown>,
    featureKey?: string,
  ): Promise<HttpAnswer>;
};

export type GroundSession = {
  readonly token: string;
  readonly userId: string;
  readonly user: string;
  readonly answer: Json;
};

type PriceRow = [
  model: string,
  input: string,
  cached: string,
  write: string,
  output: string,
  request: string,
];

const prices: readonly PriceRow[] = [
  ["stub-text", "1.00", "0.10", "1.25", "2.00", "0"],
  ["stub-claude", "3.00", "0.30", "3.75", "15.00", "0"],
  ["stub-dear", "10.00", "1.00", "12.50", "40.00", "0"],
  ["stub-cheap", "0", "0", "0", "0.003", "0"],
  ["stub-flat", "0", "0", "0", "0", "1000.00"],
  ["stub-free", "0", "0", "0", "0", "0"],
];

export function priceEntry(
  [model, input, cached, write, output, request]: PriceRow,
  provider = "stub",
): Record<string, unknown> {
  return {
    provider,
    model,
    per_million: {
      input_usd: input,
      cached_input_usd: cached,
      cache_write_usd: write,
      output_usd: output,
      reasoning_usd: output,
      request_usd: request,
    },
    context_length: 128_000,
    max_output_tokens: 32_768,
    capabilities: [],
  };
}

export const groundModels = prices.map(([model]) => model);

/** Publishes prices through the operator's routes, whatever they change. */
export async function publishPrices(
  product: Product,
  entries: readonly Record<string, unknown>[],
): Promise<number> {
  const drafted = await product.admin("POST", "/v1/admin/price-book/import", {
    source: "entries",
    entries,
    reason: "test prices",
  });
  if (drafted.status !== 201) throw new Error(`import: ${drafted.text}`);
  const { version } = drafted.body;
  const published = await product.admin("POST", `/v1/admin/price-book/versions/${version}/publish`, {
    accept_large_changes: true,
    reason: "test prices",
  });
  if (published.status !== 200) throw new Error(`publish: ${published.text}`);
  return version;
}

export async function layGround(product: Product): Promise<Ground> {
  const publicAppId = `crm_${randomBytes(4).toString("hex")}`;
  const featureKey = "chat";
  must(
    await product.admin("PUT", "/v1/admin/providers/stub", {
      base_url: product.stub.url,
      reason: "test upstream",
    }),
  );
  await publishPrices(
    product,
    prices.map((row) => priceEntry(row)),
  );
  const [known] = (await product.admin("GET", "/v1/admin/developers?limit=1")).body.items;
  const developer =
    known ??
    must(
      await product.admin("POST", "/v1/admin/developers", {
        email: "crm@example.com",
        name: "CRM developer",
        reason: "test",
      }),
    ).body;
  must(
    await product.developer("POST", "/v1/developer/apps", {
      public_app_id: publicAppId,
      name: "CRM",
      developer_id: developer.id,
    }),
  );
  const setFeature: Ground["setFeature"] = async (policy, pricing = {}, key = featureKey) =>
    must(
      await product.developer("PUT", `/v1/developer/apps/${publicAppId}/features/${key}`, {
        feature_key: key,
        display_name: "Chat",
        policy: { models: [...groundModels, "stub-none"].map((model) => `stub/${model}`), ...policy },
        pricing: { markup_percent: 25, developer_share_bps: 4000, ...pricing },
      }),
    );
  await setFeature({});
  return {
    publicAppId,
    featureKey,
    developerId: developer.id,
    setFeature,
    openSession: async (user = `user-${randomBytes(6).toString("hex")}`, more = {}) => {
      const opened = must(
        await product.developer("POST", "/v1/sessions", {
          public_app_id: publicAppId,
          external_user_id: user,
          ...more,
        }),
      );
      return { token: opened.body.session_token, userId: opened.body.end_user_id, user, answer: opened.body };
    },
  };
}

/** Fills a wallet by test credit. */
export async function credit(product: Product, userId: string, amountUsd: string): Promise<void> {
  must(
    await product.call(
      "POST",
      `/v1/admin/wallets/${userId}/credit-test-balance`,
      { amount_usd: amountUsd },
      {
        headers: { "idempotency-key": randomBytes(12).toString("hex") },
      },
    ),
  );
}

/** One chat completion, not streamed, on the first gateway unless told otherwise. */
export function chat(
  product: Product,
  token: string,
  body: Record<string, unknown>,
  options: { gateway?: number; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<HttpAnswer> {
  return send(
    `${product.gateways[options.gateway ?? 0]}/chat/completions`,
    "POST",
    { messages: [{ role: "user", content: "hello" }], ...body },
    { authorization: `Bearer ${token}`, ...options.headers },
    options.signal,
  );
}

export async function wallet(product: Product, token: string): Promise<Json> {
  return (await product.call("GET", "/v1/user/wallet", undefined, { token })).body;
}

/** The record of a request as the developer reads it, once it is closed. */
export async function closedRecord(product: Product, requestId: string): Promise<Json> {
  const deadline = performance.now() + closedWithinMs;
  for (;;) {
    const answer = await product.developer("GET", `/v1/developer/requests/${requestId}`);
    if (answer.status === 200 && answer.body.status !== "pending") return answer.body;
    if (performance.now() > deadline)
      throw new Error(`${requestId} is not closed: ${answer.status} ${answer.text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const closedWithinMs = 10_000;

/** The row of the settlement log, with what no route shows. */
export async function usageEvent(product: Product, requestId: string): Promise<Json> {
  const [row] = await product.sql`select * from usage_events where id = ${requestId.slice("req_".length)}`;
  return row;
}

/** What moved for a request, line by line. */
export async function transfersOf(product: Product, requestId: string): Promise<Json[]> {
  return product.sql`select from_scope, to_scope, amount_usd, reason, fund from transfers
    where kind = 'usage' and source_id = ${requestId.slice("req_".length)} order by line`;
}

/** How many requests of a user are closed in the settlement log. */
export async function closedCount(product: Product, userId: string): Promise<number> {
  const [row] =
    await product.sql`select count(*)::int as count from usage_events where end_user_id = ${userId}`;
  return row!.count;
}

/** A session of a new user whose wallet is filled. */
export async function fundedSession(
  product: Product,
  ground: Ground,
  amountUsd: string,
  more: Record<string, unknown> = {},
): Promise<GroundSession> {
  const session = await ground.openSession(undefined, more);
  await credit(product, session.userId, amountUsd);
  return session;
}

function must(answer: HttpAnswer): HttpAnswer {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
}
