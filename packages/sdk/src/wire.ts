import type { userLimits } from "@modelfaucet/contract/objects/limit.ts";
import type { modeItem, modes, session } from "@modelfaucet/contract/objects/session.ts";
import type { receipt, usageItem, usageSource } from "@modelfaucet/contract/objects/usage.ts";
import type { wallet } from "@modelfaucet/contract/objects/wallet.ts";
import type { routeMode } from "@modelfaucet/contract/values.ts";

/**
 * What the control API and the gateway send. Objects keep the names of the wire; amounts of money (`…_usd`) are decimal
 * strings with eight decimals and stay strings.
 */

// The contract's schemas are the one text of these objects; only their types come along, no code.
export type RouteMode = Output<typeof routeMode>;
type UsageSource = Output<typeof usageSource>;
export type FaucetSessionAnswer = Output<typeof session>;
export type FaucetWallet = Output<typeof wallet>;
export type FaucetLimits = Output<typeof userLimits>;
export type FaucetUsageItem = Output<typeof usageItem>;
export type FaucetReceipt = Output<typeof receipt>;
export type FaucetReceiptLine = FaucetReceipt["lines"][number];
export type FaucetList<Item> = { items: Item[]; next_cursor: string | null };

/** One payer: whether a call may use it now, else why not, and the fee of the app for it. */
export type FaucetModeItem = Output<typeof modeItem>;
export type FaucetModes = Output<typeof modes>;

/** A key of the user's own, as it may be shown. */
export type FaucetProviderKey = {
  id: string;
  provider: string;
  base_url?: string;
  masked: string;
  status: "active" | "invalid" | "needs_reentry" | "disabled" | "suspended";
  models_allowed: string[];
  priority: number;
  weight: number;
  budget_limit_usd?: string;
  fallback_to_platform: boolean;
  name?: string;
  budget_used_usd: string;
  fee_usd: string;
  disclosure_version: string;
  /** Whether that is the text and the fee of today; if not, the user has to be asked again. */
  disclosure_current: boolean;
  last_used_at?: string;
  last_check?: { ok: boolean; reason?: FaucetKeyFault; at: string };
  created_at: string;
};

/** Why a key cannot be used: refused, used up, or its server is away, too slow, or not to be reached from ours. */
type FaucetKeyFault = "key_invalid" | "quota" | "unreachable" | "timeout" | "base_url";

export type FaucetKeyTest = {
  ok: boolean;
  reason?: FaucetKeyFault;
  models_count?: number;
  models?: string[];
  latency_ms: number;
  checked_at: string;
};

/** The glass box that rides on every answer. */
export type FaucetModelfaucet = FaucetCloudSettlement | FaucetLocalSettlement;

/** Paid by credits or by a key: the three parts always add up to `charge_usd`. */
export type FaucetCloudSettlement = {
  request_id: string;
  receipt_id: string;
  feature_key: string;
  route_mode: Exclude<RouteMode, "local">;
  provider: string;
  model: string;
  usage_source: UsageSource;
  simulated: boolean;
  upstream_cost_usd: string;
  developer_share_usd: string;
  platform_share_usd: string;
  charge_usd: string;
  fee_usd: string;
  wallet_balance_usd?: string;
  price_version: number;
  attempts: number;
  absorbed_cost_usd?: string;
  /** What the user pays to the own provider, about; on `byok`. */
  provider_estimate_usd?: string;
  /** Told when the purse or a limit granted fewer output tokens than were asked for. */
  output_limit?: { requested: number; granted: number; by: string };
  stopped?: string;
  settlement?: "pending";
  debug_log?: boolean;
  warnings?: undefined;
  context_length?: undefined;
  usage_report_status?: undefined;
};

/** Answered by the user's own machine: nobody is charged but for a fee of the app. */
export type FaucetLocalSettlement = {
  request_id: string;
  receipt_id?: string;
  feature_key: string;
  route_mode: "local";
  /** The endpoint of the bridge that answered. */
  provider: string;
  model: string;
  usage_source: UsageSource;
  simulated: false;
  upstream_cost_usd: string;
  charge_usd: string;
  fee_usd: string;
  /** Absent where the model's server does not tell it. */
  context_length?: number;
  warnings: ("context_length_unknown" | "context_nearly_full" | "prompt_maybe_cut" | (string & {}))[];
  /** `sent`: the API has the counts; `queued`: the bridge or this page keeps them for later. */
  usage_report_status: "sent" | "queued";
  wallet_balance_usd?: undefined;
  developer_share_usd?: undefined;
  platform_share_usd?: undefined;
  price_version?: undefined;
  attempts?: undefined;
  absorbed_cost_usd?: undefined;
  provider_estimate_usd?: undefined;
  output_limit?: undefined;
  stopped?: undefined;
  settlement?: undefined;
  debug_log?: undefined;
};

export type FaucetTokenUsage = {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  cost?: number;
  prompt_tokens_details?: { cached_tokens?: number };
  completion_tokens_details?: { reasoning_tokens?: number };
  [field: string]: unknown;
};

export type ChatMessage = {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content: string | null | readonly Record<string, unknown>[];
  name?: string;
  tool_call_id?: string;
  tool_calls?: readonly Record<string, unknown>[];
};

export type ToolCall = { id: string; type: "function"; function: { name: string; arguments: string } };

/** An OpenAI chat completion and, beside it, what it cost and who got what. */
export type FaucetChatResult = {
  id: string;
  object: string;
  created: number;
  model: string;
  choices: {
    index: number;
    message: { role: string; content: string | null; tool_calls?: ToolCall[]; [field: string]: unknown };
    finish_reason: string | null;
    [field: string]: unknown;
  }[];
  usage?: FaucetTokenUsage;
  modelfaucet: FaucetModelfaucet;
  [field: string]: unknown;
};

/** One error of the wire, as far as a foreign body can be trusted to have its fields. */
export type WireError = {
  message?: string;
  type?: string;
  param?: string | null;
  code?: string;
  request_id?: string;
  details?: Record<string, unknown>;
};

type Output<Schema extends { _zod: { output: unknown } }> = Schema["_zod"]["output"];
