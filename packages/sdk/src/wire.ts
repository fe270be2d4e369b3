import type { ErrorEnvelope } from "@modelfaucet/contract/errors.ts";
import type { userLimits } from "@modelfaucet/contract/objects/limit.ts";
import type { session } from "@modelfaucet/contract/objects/session.ts";
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

/** The glass box that rides on every answer: the three parts always add up to `charge_usd`. */
export type FaucetModelfaucet = {
  request_id: string;
  receipt_id: string;
  feature_key: string;
  route_mode: RouteMode;
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
  /** Told when the purse or a limit granted fewer output tokens than were asked for. */
  output_limit?: { requested: number; granted: number; by: string };
  stopped?: string;
  settlement?: "pending";
  debug_log?: boolean;
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
export type WireError = Partial<Omit<ErrorEnvelope["error"], "code" | "type">> & {
  code?: string;
  type?: string;
};

type Output<Schema extends { _zod: { output: unknown } }> = Schema["_zod"]["output"];
