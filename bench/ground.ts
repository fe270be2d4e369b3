import { randomBytes } from "node:crypto";
import { formatUsd, parseUsd, type Usd } from "@modelfaucet/server/lib/money.ts";
import { testSecrets } from "@modelfaucet/testkit/product.ts";
import type { Rig } from "./rig.ts";

/** One app with one feature, and a session with money for each end user. */
export type GroundApp = {
  publicAppId: string;
  tokens: string[];
  userIds: string[];
  /** How many limits of any kind a call of this app meets. */
  limits: number;
};

export type Ground = {
  /** The app without limits that has a session for every wallet. */
  main: GroundApp;
  /** Further apps, each of a developer of its own. */
  others: readonly GroundApp[];
  model: string;
  chargeUsd: Usd;
};

/** What an app is to have: so many sessions, and one of the steps of `limitSteps`. */
export type AppPlan = { publicAppId: string; users: number; limits: number };

/**
 * The stub answers with 100 tokens in and 50 out. At 1.00 and 2.00 USD a million that is a cost of 0.0002 USD, and
 * with 25 % on top a charge of 0.00025 USD for every call, whatever the load.
 */
const chargeUsd = parseUsd("0.00025")!;
const model = "stub-text";
const atOnce = 8;
const reason = "benchmark";

/** High enough that nothing is ever refused: what is measured is the asking. */
const limitSteps: Record<
  number,
  { app: { rate_limits: Record<string, number>; wallet_limits: Record<string, string> }; budget: boolean }
> = {
  3: {
    app: {
      rate_limits: { user_rpm: 1_000_000_000 },
      wallet_limits: { user_day_usd: "1000.00", app_day_usd: "1000000.00" },
    },
    budget: false,
  },
  8: {
    app: {
      rate_limits: { user_rpm: 1_000_000_000, user_tpm: 1_000_000_000, user_concurrency: 1_000_000_000 },
      wallet_limits: {
        user_day_usd: "1000.00",
        user_month_usd: "1000.00",
        app_day_usd: "1000000.00",
        app_month_usd: "1000000.00",
      },
    },
    budget: true,
  },
};

type Callers = { admin: Caller; developer: Caller };

/** Makes the tenants through the control API, as an operator would, and opens their sessions. */
export async function layGround(rig: Rig, plans: readonly [AppPlan, ...AppPlan[]]): Promise<Ground> {
  const callers: Callers = {
    admin: caller(rig.api, testSecrets.ADMIN_TOKEN),
    developer: caller(rig.api, testSecrets.DEVELOPER_ADMIN_TOKEN),
  };
  await callers.admin("PUT", "/v1/admin/providers/stub", { base_url: rig.upstream, reason });
  await publishPrices(callers.admin);
  const apps: GroundApp[] = [];
  for (const plan of plans) apps.push(await layApp(plan, callers));
  const [main, ...others] = apps;
  return { main: main!, others, model, chargeUsd };
}

/** Charges of so many calls, as the books must have them. */
export function chargesOf(calls: number): string {
  return formatUsd(chargeUsd * BigInt(calls));
}

async function publishPrices(admin: Caller): Promise<void> {
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
}

async function layApp(plan: AppPlan, callers: Callers): Promise<GroundApp> {
  const { admin, developer } = callers;
  const { publicAppId, limits } = plan;
  const owner = await admin("POST", "/v1/admin/developers", {
    email: `${publicAppId}@example.com`,
    name: `Benchmark ${publicAppId}`,
    reason,
  });
  await developer("POST", "/v1/developer/apps", {
    public_app_id: publicAppId,
    name: `Benchmark ${publicAppId}`,
    developer_id: owner.id,
  });
  await developer("PUT", `/v1/developer/apps/${publicAppId}/features/chat`, {
    feature_key: "chat",
    display_name: "Chat",
    policy: { models: [`stub/${model}`] },
    pricing: { markup_percent: 25, developer_share_bps: 4000 },
  });
  if (limits > 0) await setLimits(plan, owner.id, callers);
  return { publicAppId, limits, ...(await openSessions(plan, callers)) };
}

async function setLimits(
  { publicAppId, limits }: AppPlan,
  developerId: string,
  { admin, developer }: Callers,
): Promise<void> {
  const step = limitSteps[limits];
  if (!step) throw new Error(`no app has ${limits} limits`);
  await developer("PATCH", `/v1/developer/apps/${publicAppId}`, step.app);
  if (!step.budget) return;
  await admin("PUT", "/v1/admin/limits", {
    level: "developer",
    target_id: developerId,
    measure: "usd",
    window: "month",
    limit_usd: "1000000.00",
    reason,
  });
}

async function openSessions(
  { publicAppId, users }: AppPlan,
  { admin, developer }: Callers,
): Promise<{ tokens: string[]; userIds: string[] }> {
  const tokens: string[] = [];
  const userIds: string[] = [];
  const openOne = async (place: number): Promise<void> => {
    const session = await developer("POST", "/v1/sessions", {
      public_app_id: publicAppId,
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
  for (let place = 0; place < users; place += atOnce) {
    const group = Array.from({ length: Math.min(atOnce, users - place) }, (_, index) =>
      openOne(place + index),
    );
    await Promise.all(group);
  }
  return { tokens, userIds };
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field; a missing one fails the run.
type Answer = any;
type Caller = (
  method: string,
  path: string,
  body: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>;

function caller(base: string, token: string): Caller {
  return async (method, path, body, headers = {}) => {
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
