import fc from "fast-check";
import { expect, it } from "vitest";
import { formatUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import { type AccountSpec, credits, type OpenItem, type Payer, type Settlement } from "./items.ts";
import { type Account, Accounts, decideOpen, walletSpec } from "./rules.ts";
import { settleHold } from "./settle.ts";
import type { HeldRow } from "./store.ts";

// Keys of two owners beside one wallet: what is taken of a key's budget is what the key cost, and never more than there is.

const user = "user";
const keys = ["key-a", "key-b"] as const;
type Key = (typeof keys)[number];
const usd = (units: bigint | number): Usd => BigInt(units) as Usd;

const account = (id: string, spec: AccountSpec, fund: Account["fund"], balance: bigint): Account => ({
  ...spec,
  appId: "app",
  id,
  fund,
  current: true,
  resetAt: null,
  limitUsd: fund === "none" ? usd(balance) : null,
  balanceUsd: usd(balance),
  heldUsd: zeroUsd,
  debtUsd: zeroUsd,
  walletSeq: 0n,
  isStopped: false,
  changed: false,
});
const keySpec = (ownerId: Key, limitUsd: bigint, costs?: AccountSpec["costs"]): AccountSpec => ({
  ...walletSpec(ownerId),
  kind: "credential",
  setBy: "user",
  limitUsd: usd(limitUsd),
  ...(costs ? { costs } : {}),
});

const operation = fc.record({
  /** Which keys the request may use, and which of them serves in the end. */
  uses: fc.subarray([...keys], { minLength: 1 }),
  serves: fc.constantFrom(...keys),
  min: fc.nat(50),
  more: fc.nat(300),
  fee: fc.nat(20),
  cost: fc.nat(500),
  mode: fc.constantFrom("byok", "developer_key"),
  /** How many requests stay open meanwhile. */
  open: fc.nat(3),
});

it("never holds or takes more than a key's owner allows, and takes what the key that served has cost", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(2_000), fc.nat(2_000), (steps, a, b) => {
      const limits = { "key-a": BigInt(a), "key-b": BigInt(b) };
      const wallet = account("wallet", walletSpec(user), "paid", 1_000n);
      const budgets = keys.map((key) => account(key, keySpec(key, limits[key]), "none", limits[key]));
      const accounts = new Accounts([wallet, ...budgets]);
      const taken: Record<Key, bigint> = { "key-a": 0n, "key-b": 0n };
      const running: { hold: HeldRow; settlement: Settlement }[] = [];
      const settleOldest = (): void => {
        const { hold, settlement } = running.shift()!;
        const { event } = settleHold(hold, settlement, accounts);
        const { credentialId } = settlement.payer;
        const leg = hold.legAccountIds.indexOf(credentialId ?? "");
        const reserved = leg < 0 ? 0n : hold.legAmountsUsd[leg]!;
        const took = settlement.payer.keyCostUsd < reserved ? settlement.payer.keyCostUsd : reserved;
        expect(event.key_cost_usd).toBe(formatUsd(took as Usd));
        if (leg >= 0) taken[credentialId as Key] += took;
      };
      for (const step of steps) {
        const item = openItem(step, limits);
        const decided = decideOpen(item, accounts);
        const free = (key: Key) => accounts.byId.get(key)!.balanceUsd - accounts.byId.get(key)!.heldUsd;
        if (decided.outcome === "refused") {
          const short = step.uses.some((key) => free(key) < BigInt(step.min));
          expect(short || wallet.balanceUsd - wallet.heldUsd < item.minUsd).toBe(true);
        } else {
          running.push({ hold: heldRow(decided), settlement: settlementOf(step) });
        }
        while (running.length > step.open) settleOldest();
        for (const each of [wallet, ...budgets]) {
          expect(each.heldUsd >= 0n && each.balanceUsd - each.heldUsd >= 0n).toBe(true);
        }
      }
      while (running.length > 0) settleOldest();
      for (const key of keys) {
        const { balanceUsd, heldUsd } = accounts.byId.get(key)!;
        expect([balanceUsd, heldUsd]).toEqual([limits[key] - taken[key], 0n]);
      }
    }),
    { numRuns: 500 },
  );
});

type Step = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

function openItem(step: Step, limits: Record<Key, bigint>): OpenItem {
  const costs = { minUsd: usd(step.min), maxUsd: usd(step.min + step.more) };
  return {
    facts: { appId: "app" } as OpenItem["facts"],
    minUsd: usd(step.fee),
    maxUsd: usd(step.fee),
    accounts: [walletSpec(user), ...step.uses.map((key) => keySpec(key, limits[key], costs))],
    spendsTest: true,
    claim: null,
    isFinal: true,
  };
}

function heldRow(held: Extract<ReturnType<typeof decideOpen>, { outcome: "held" }>): HeldRow {
  return {
    appId: "app",
    requestId: "request",
    developerId: "developer",
    endUserId: user,
    holdUsd: held.holdUsd,
    legAccountIds: held.legs.map(({ accountId }) => accountId),
    legAmountsUsd: held.legs.map(({ amountUsd }) => amountUsd),
    openedAt: "",
    isAbandoned: false,
  };
}

function settlementOf(step: Step): Settlement {
  const payer: Payer = {
    ...credits,
    routeMode: step.mode,
    credentialId: step.serves,
    keyCostUsd: usd(step.cost),
  };
  return {
    outcome: "succeeded",
    errorCode: null,
    provider: "p",
    model: "m",
    servedModel: "m",
    payer,
    tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, reasoning: 0 },
    requests: 1,
    usageSource: "provider",
    simulated: false,
    lines: [],
    pricing: { mode: "usage_markup", markup_percent: "0.00", developer_share_bps: 0 },
    costUsd: zeroUsd,
    chargeUsd: usd(step.fee),
    feeUsd: usd(step.fee),
    developerShareBps: 0,
    failedCostsUsd: [],
    attempts: [],
    stopped: null,
    outputLimit: null,
    warnings: [],
    firstByteMs: null,
    durationMs: 0,
  };
}
