"use client";

export { FaucetBalance, type FaucetBalanceProps } from "./components/faucet-balance.tsx";
export { FaucetByokForm, type FaucetByokFormProps } from "./components/faucet-byok-form.tsx";
export { FaucetChat, type FaucetChatProps } from "./components/faucet-chat.tsx";
export {
  FaucetFeatureCommand,
  type FaucetFeatureCommandProps,
} from "./components/faucet-feature-command.tsx";
export { FaucetLocalBridge, type FaucetLocalBridgeProps } from "./components/faucet-local-bridge.tsx";
export { FaucetModeSwitch, type FaucetModeSwitchProps } from "./components/faucet-mode-switch.tsx";
export { FaucetReceipt, type FaucetReceiptProps } from "./components/faucet-receipt.tsx";
export { FaucetUsage, type FaucetUsageProps } from "./components/faucet-usage.tsx";
export { type FaucetByokKeysHook, useByokKeys } from "./hooks/use-byok-keys.ts";
export {
  type FaucetChatHook,
  type FaucetChatOptions,
  type FaucetChatStatus,
  type FaucetStopped,
  useFaucetChat,
} from "./hooks/use-faucet-chat.ts";
export { type FaucetFeatureHook, useFaucetFeature } from "./hooks/use-faucet-feature.ts";
export { type FaucetLimitsHook, useLimits } from "./hooks/use-limits.ts";
export type { FaucetListHook } from "./hooks/use-list.ts";
export { type FaucetLocalBridgeHook, useLocalBridge } from "./hooks/use-local-bridge.ts";
export { type FaucetModesHook, useModes } from "./hooks/use-modes.ts";
export { useReceipts } from "./hooks/use-receipts.ts";
export { useUsage } from "./hooks/use-usage.ts";
export { type FaucetWalletHook, useWallet } from "./hooks/use-wallet.ts";
export { type FaucetAppearance, FaucetProvider, type FaucetProviderProps, useFaucet } from "./provider.tsx";
export type { BridgeState as FaucetBridgeState } from "./stores/bridge-store.ts";
export type { TextKey as FaucetTextKey } from "./texts/en.ts";
export type { Messages as FaucetMessages } from "./texts/text.ts";

export const reactPackage = { name: "@modelfaucet/react", hiddenByokMarkup: false } as const;
