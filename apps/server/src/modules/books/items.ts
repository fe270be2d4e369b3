import type { RouteMode } from "@modelfaucet/contract/values.ts";
import { type Usd, zeroUsd } from "../../lib/money.ts";

export type Fund = "promo" | "test" | "paid";
/** The order in which a wallet's money is spent. */
export const fundsInOrder: readonly Fund[] = ["promo", "test", "paid"];

export type AccountKind =
  | "session"
  | "wallet"
  | "end_user"
  | "feature"
  | "app"
  | "credential"
  | "allowance"
  | "developer"
  | "platform";
export type AccountWindow = "day" | "week" | "month" | "total";

/** Names an account by what it limits; a wallet's names all its funds. A windowed one is made when it is missing. */
export type AccountSpec = {
  kind: AccountKind;
  ownerId: string;
  scopeId: string;
  setBy: "user" | "developer" | "app" | "feature" | "operator";
  window: AccountWindow;
  zone: string;
  /**
   * What the limit is now; a window starts with it, and one that runs follows when it changes. `null` for wallets and
   * for accounts that were made with what they belong to. Of a budget that apps share it is the whole budget's.
   */
  limitUsd: Usd | null;
  /** Of a key's budget: what is taken of it is what the key costs its owner, not what the payer is charged. */
  costs?: { minUsd: Usd; maxUsd: Usd };
};

export const nobody = "00000000-0000-0000-0000-000000000000";

/** What a provider key's owner allows to be taken of it. */
export function keyBudgetSpec(keyId: string, setBy: "user" | "developer", limitUsd: Usd): AccountSpec {
  return {
    kind: "credential",
    ownerId: keyId,
    scopeId: nobody,
    setBy,
    window: "total",
    zone: "UTC",
    limitUsd,
  };
}

/** A claim of an Idempotency-Key; it rides in the batch that opens the hold. */
export type KeyClaim = { caller: string; route: string; key: string; fingerprint: string };

/** Facts of a request that its hold carries and its usage event repeats. */
export type RequestFacts = {
  requestId: string;
  appId: string;
  developerId: string;
  endUserId: string;
  sessionId: string;
  featureId: string;
  featureKey: string;
  featureVersion: number;
  priceVersion: number;
  routeMode: RouteMode;
  provider: string;
  model: string;
  endpoint: string;
  clientRequestId: string | null;
};

export type OpenItem = {
  facts: RequestFacts;
  /** Below this the request is refused; it never takes more than `maxUsd`. */
  minUsd: Usd;
  maxUsd: Usd;
  accounts: readonly AccountSpec[];
  /** Whether this user may spend test money here. */
  spendsTest: boolean;
  claim: KeyClaim | null;
  /** A budget that apps share refuses unless the whole of `maxUsd` is there: its app's part can be filled first. */
  needsWhole?: boolean;
  /** Whether a refusal stays the key's answer; the first try of a request that may be asked again frees it. */
  isFinal: boolean;
};

export type Leg = { accountId: string; kind: AccountKind; fund: Fund | "none"; amountUsd: Usd };

export type RefusedBy = {
  kind: AccountKind;
  ownerId: string;
  setBy: AccountSpec["setBy"];
  window: AccountWindow;
  zone: string;
  resetAt: string | null;
  limitUsd: Usd | null;
  balanceUsd: Usd;
  heldUsd: Usd;
  debtUsd: Usd;
  requiredUsd: Usd;
  /**
   * `held`: running requests reserve what is there; `debt`: nothing may be spent; `stopped`: its stored figures do not
   * agree with what follows from its entries; else the balance is short.
   */
  reason: "held" | "balance" | "debt" | "stopped";
};

export type OpenResult =
  | {
      outcome: "held";
      holdUsd: Usd;
      legs: Leg[];
      /** The account that granted less than `maxUsd`. */
      cutBy: AccountKind | null;
      openedAt: string;
    }
  | { outcome: "refused"; by: RefusedBy }
  | { outcome: "key"; state: "running" | "done" | "mismatch"; requestId: string }
  | { outcome: "key_refused"; by: RefusedBy; requestId: string }
  /** The database did not answer in time; the hold may exist, so whoever gets this closes it. */
  | { outcome: "unknown" };

export type AttemptRecord = {
  number: number;
  provider: string;
  model: string;
  outcome: string;
  status_class: string | null;
  first_byte_ms: number | null;
  duration_ms: number;
  /** Only on attempts that failed after upstream had begun to work. */
  cost_usd?: string;
  usage_source?: "provider" | "estimated";
};

/** What a request came to. Amounts are before the split over funds and shares, which the books make. */
export type Settlement = {
  outcome: "succeeded" | "failed" | "aborted" | "flagged";
  errorCode: string | null;
  /** The route that served, or the last one that was tried. */
  provider: string;
  model: string;
  /** The name that the answer gave. */
  servedModel: string;
  payer: Payer;
  tokens: { input: number; cachedInput: number; cacheWrite: number; output: number; reasoning: number };
  requests: 0 | 1;
  usageSource: "provider" | "estimated";
  simulated: boolean;
  lines: unknown[];
  pricing: { mode: string; markup_percent: string; developer_share_bps: number };
  /** What upstream took for the attempt that served, and what the payer is charged; never above the hold. */
  costUsd: Usd;
  chargeUsd: Usd;
  feeUsd: Usd;
  developerShareBps: number;
  /** Costs of attempts that failed, one transfer line each. */
  failedCostsUsd: Usd[];
  attempts: AttemptRecord[];
  stopped: string | null;
  outputLimit: unknown;
  warnings: string[];
  firstByteMs: number | null;
  durationMs: number;
};

/** Who paid for the route that served, and with which key. */
export type Payer = {
  routeMode: RouteMode;
  credentialId: string | null;
  /** What is taken of the key's budget. */
  keyCostUsd: Usd;
  /** What the owner of an own key pays elsewhere; `null` where our price book does not know the model. */
  providerEstimateUsd: Usd | null;
};

export const credits: Payer = {
  routeMode: "platform",
  credentialId: null,
  keyCostUsd: zeroUsd,
  providerEstimateUsd: null,
};

export type CloseItem = {
  appId: string;
  requestId: string;
  settlement: Settlement;
  /** What becomes of the request's Idempotency-Key: kept as done, or free to be tried again. */
  key: { claim: KeyClaim; finish: "done" | "free" } | null;
  /** Recovery's close: it loses to a lease that was renewed meanwhile. */
  onlyIfAbandoned?: boolean;
};

/** The figures of a settled request, the same in answer, API and receipt. */
export type SettledFigures = {
  chargeUsd: Usd;
  upstreamCostUsd: Usd;
  absorbedCostUsd: Usd;
  developerShareUsd: Usd;
  platformShareUsd: Usd;
  feeUsd: Usd;
  walletBalanceUsd: Usd | null;
};

export type CloseResult =
  | { outcome: "settled"; figures: SettledFigures; repeated: boolean }
  /** Recovery was first; no money moves any more. */
  | { outcome: "flagged" }
  /** Its gateway lives after all. */
  | { outcome: "alive" }
  | { outcome: "unknown" };

/** Money into or out of one wallet outside a request. */
export type MoveItem = {
  kind: "adjustment" | "test_credit" | "seed";
  appId: string;
  developerId: string;
  /** The end user whose wallet it is. */
  endUserId: string;
  sourceId: string;
  direction: "credit" | "debit";
  amountUsd: Usd;
  /** Where a credit goes; debits drain `paid`, then `test`, never `promo`. */
  fund: "paid" | "test";
  counterparty: { scope: string; id: string };
  /** A credit that would lift the wallet above this is refused; `null`: any amount. */
  maxBalanceUsd?: Usd | null;
  reason: string;
  /** Rows written in the same transaction: the adjustment itself and its audit row. */
  adjustment: { reason: string; actorId: string } | null;
  audit: Record<string, unknown> | null;
};

export type MoveResult =
  | { outcome: "moved"; walletBalanceUsd: Usd; repeated: boolean }
  | { outcome: "refused"; availableUsd: Usd; balanceUsd: Usd }
  | { outcome: "above_maximum"; balanceUsd: Usd }
  | { outcome: "no_wallet" };
