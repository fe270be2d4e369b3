import type { FaucetModeItem, FaucetModes, RouteMode } from "@modelfaucet/sdk";
import { expect, test } from "vitest";
import { payerOf } from "./use-modes.ts";

type Reason = FaucetModeItem["reason"];

function modes(
  selected: FaucetModes["selected"],
  reasons: Partial<Record<RouteMode, Reason | null>>,
): FaucetModes {
  const items = Object.entries(reasons).map(
    ([mode, reason]) =>
      ({
        mode,
        available: reason === null,
        ...(reason ? { reason } : {}),
        paid_by: "credits",
        fee_usd: "0.00000000",
      }) as FaucetModeItem,
  );
  return { selected, fallback_to_platform: false, items };
}

const all: RouteMode[] = ["local", "byok", "platform"];
const offered = { platform: null, byok: "no_key", local: null } as const;

test.each([
  ["what was chosen pays", "byok", { ...offered, byok: null }, all, false, "byok"],
  [
    "what was chosen and cannot pay is not replaced",
    "byok",
    { ...offered, byok: "key_invalid" },
    all,
    false,
    "byok",
  ],
  ["a machine that was chosen and is away is not replaced", "local", offered, all, false, "local"],
  ["without a choice the first that is set up pays", "auto", offered, all, false, "platform"],
  ["a machine counts once it is paired", "auto", offered, all, true, "local"],
  ["a broken key is not passed over", "auto", { ...offered, byok: "key_invalid" }, all, false, "byok"],
  [
    "what the app no longer offers is no choice",
    "byok",
    { ...offered, byok: "not_in_policy" },
    all,
    false,
    "platform",
  ],
  ["nobody pays where nothing is set up", "auto", { byok: "no_key" }, all, false, undefined],
] as const)("%s", (_name, selected, reasons, order, paired, expected) => {
  expect(payerOf(modes(selected, reasons), order, paired)?.mode).toBe(expected);
});
