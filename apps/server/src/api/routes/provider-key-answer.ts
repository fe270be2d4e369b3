import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type {
  addDeveloperProviderKey,
  addUserProviderKey,
  testUserProviderKey,
} from "@modelfaucet/contract/routes/provider-keys.ts";
import type { KeyVerdict } from "../../flows/provider-key-check.ts";
import type { Tx } from "../../lib/db.ts";
import { formatUsd, parseUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import { keyBudgetSpec, readBudgetUse } from "../../modules/books/books.ts";
import {
  byokDisclosureVersion,
  type CredentialRow,
  type Credentials,
  coversDisclosure,
} from "../../modules/credential/credential.ts";
import type { Switches } from "../../modules/switch/switch.ts";

export type UserKeyAnswer = AnswerOf<typeof addUserProviderKey>;
export type DeveloperKeyAnswer = AnswerOf<typeof addDeveloperProviderKey>;

export type KeyAnswerDeps = {
  credentials: Pick<Credentials, "statusOf">;
  switches: Pick<Switches, "isOff">;
};

/** Keys as their owner may see them, with what was used of their budgets. Purpose `auth` or `operator`. */
export async function keyAnswers(
  deps: KeyAnswerDeps,
  tx: Tx,
  keys: readonly CredentialRow[],
): Promise<Omit<DeveloperKeyAnswer, "public_app_id">[]> {
  const used = await usedBudgets(tx, keys);
  return keys.map((key) => ({
    id: key.id,
    provider: key.provider,
    ...(key.baseUrl === null ? {} : { base_url: key.baseUrl }),
    masked: key.masked,
    status: statusOf(deps, key),
    models_allowed: key.modelsAllowed ?? [],
    priority: key.priority,
    weight: key.weight,
    ...(key.budgetLimitUsd === null ? {} : { budget_limit_usd: formatUsd(key.budgetLimitUsd) }),
    ...(key.name === null ? {} : { name: key.name }),
    budget_used_usd: used.get(key.id) ?? formatUsd(zeroUsd),
    ...(key.lastUsedAt === null ? {} : { last_used_at: key.lastUsedAt.toISOString() }),
    ...(key.lastCheck === null ? {} : { last_check: key.lastCheck }),
    created_at: key.createdAt.toISOString(),
  }));
}

function statusOf(deps: KeyAnswerDeps, key: CredentialRow): DeveloperKeyAnswer["status"] {
  const status = deps.credentials.statusOf(key);
  return status === "active" && deps.switches.isOff("credential", key.id) ? "suspended" : status;
}

async function usedBudgets(tx: Tx, keys: readonly CredentialRow[]): Promise<Map<string, string>> {
  const used = new Map<string, string>();
  const limited = keys.flatMap((key) =>
    key.budgetLimitUsd === null ? [] : [{ ...key, budgetLimitUsd: key.budgetLimitUsd }],
  );
  for (const [appId, ofApp] of Map.groupBy(limited, (key) => key.appId)) {
    const specs = ofApp.map((key) =>
      keyBudgetSpec(key.id, key.endUserId === null ? "developer" : "user", key.budgetLimitUsd),
    );
    const uses = await readBudgetUse(tx, appId, specs);
    for (const [place, { used_usd }] of uses.entries()) used.set(ofApp[place]!.id, used_usd);
  }
  return used;
}

/** What a call with the key costs beside its vendor's own bill, and whether its owner has agreed to that. */
export function disclosureOf(key: CredentialRow, feeUsd: Usd) {
  const fee = formatUsd(feeUsd);
  const needsConsent = feeUsd > 0n || key.fallbackToPlatform;
  return {
    fallback_to_platform: key.fallbackToPlatform,
    fee_usd: fee,
    disclosure_version: byokDisclosureVersion(fee),
    disclosure_current: !needsConsent || coversDisclosure(key.disclosureVersion, fee),
  };
}

export function testAnswer(
  verdict: KeyVerdict & { checkedAt: string },
): AnswerOf<typeof testUserProviderKey> {
  const { ok, reason, models, latencyMs, checkedAt } = verdict;
  return {
    ok,
    ...(reason ? { reason } : {}),
    ...(models ? { models_count: models.length, models } : {}),
    latency_ms: latencyMs,
    checked_at: checkedAt,
  };
}

type SettingsBody = {
  models_allowed?: string[] | null | undefined;
  budget_limit_usd?: string | null | undefined;
  priority?: number | undefined;
  weight?: number | undefined;
  name?: string | null | undefined;
  fallback_to_platform?: boolean | undefined;
  disclosure_version?: string | null | undefined;
};

/** What a body names of a key's settings, and nothing else. An empty list of models is none at all. */
export function settingsIn(body: SettingsBody) {
  const { models_allowed: models, budget_limit_usd: budget } = body;
  return {
    ...(models === undefined
      ? {}
      : { modelsAllowed: models === null || models.length === 0 ? null : models }),
    ...(budget === undefined ? {} : { budgetLimitUsd: budget === null ? null : parseUsd(budget)! }),
    ...(body.priority === undefined ? {} : { priority: body.priority }),
    ...(body.weight === undefined ? {} : { weight: body.weight }),
    ...(body.name === undefined ? {} : { name: body.name }),
    ...(body.fallback_to_platform === undefined ? {} : { fallbackToPlatform: body.fallback_to_platform }),
    ...(body.disclosure_version === undefined ? {} : { disclosureVersion: body.disclosure_version }),
  };
}

/** A key of which nothing is said. */
export const defaultSettings = {
  modelsAllowed: null,
  budgetLimitUsd: null,
  priority: 100,
  weight: 1,
  name: null,
  fallbackToPlatform: false,
  disclosureVersion: null,
};
