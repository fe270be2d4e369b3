import { oneOf, type RawSearch, texts } from "../format/search-text.ts";

/** What the URLs of tenants, wallets, limits and alerts hold. Whatever is not well formed is as if it were not there. */

export type DevelopersSearch = Paged & { q?: string | undefined; status?: DeveloperStatus | undefined };
export type AppsSearch = Paged & {
  q?: string | undefined;
  status?: AppStatus | undefined;
  /** The id of the developer whose apps these are. */
  developer?: string | undefined;
};
export type WalletsSearch = Paged & {
  scope?: OwnerScope | undefined;
  status?: WalletStatus | undefined;
  app?: string | undefined;
  owner?: string | undefined;
};
export type WalletSearch = Paged & { kind?: TransactionKind | undefined };
export type LimitsSearch = {
  level?: LimitLevel | undefined;
  /** What the limits hold for, as the API takes it: an app's public id, `app/feature`, else an id. */
  target?: string | undefined;
};
export type AlertsSearch = Paged & { state?: AlertState | undefined; kind?: AlertKind | undefined };

type Paged = {
  /** Of the page that is shown; absent on the newest. */
  cursor?: string | undefined;
};

export const developerStatuses = ["active", "suspended", "closed"] as const;
export type DeveloperStatus = (typeof developerStatuses)[number];
export const appStatuses = ["pending", "active", "disabled", "suspended"] as const;
type AppStatus = (typeof appStatuses)[number];
export const ownerScopes = ["end_user", "developer", "platform"] as const;
export type OwnerScope = (typeof ownerScopes)[number];
export const walletStatuses = ["active", "frozen", "debt"] as const;
export type WalletStatus = (typeof walletStatuses)[number];
export const transactionKinds = [
  "charge",
  "charge_reversal",
  "topup",
  "refund",
  "adjustment",
  "chargeback",
  "promo",
  "promo_expiry",
] as const;
export type TransactionKind = (typeof transactionKinds)[number];
export const limitLevels = ["platform", "developer", "app", "feature", "end_user", "session"] as const;
export type LimitLevel = (typeof limitLevels)[number];
/** Without a state the open ones are shown. */
export const alertStates = ["closed", "all"] as const;
type AlertState = (typeof alertStates)[number];
export const alertKinds = ["page", "ticket"] as const;
type AlertKind = (typeof alertKinds)[number];

export function developersSearch(raw: RawSearch): DevelopersSearch {
  return { ...texts(raw, words, "q"), ...oneOf(raw, "status", developerStatuses), ...placeIn(raw) };
}

export function appsSearch(raw: RawSearch): AppsSearch {
  return {
    ...texts(raw, words, "q"),
    ...oneOf(raw, "status", appStatuses),
    ...texts(raw, uuid, "developer"),
    ...placeIn(raw),
  };
}

export function walletsSearch(raw: RawSearch): WalletsSearch {
  return {
    ...oneOf(raw, "scope", ownerScopes),
    ...oneOf(raw, "status", walletStatuses),
    ...texts(raw, /^[a-zA-Z0-9_:-]{1,128}$/, "app"),
    ...texts(raw, uuid, "owner"),
    ...placeIn(raw),
  };
}

export function walletSearch(raw: RawSearch): WalletSearch {
  return { ...oneOf(raw, "kind", transactionKinds), ...placeIn(raw) };
}

export function limitsSearch(raw: RawSearch): LimitsSearch {
  const level = oneOf(raw, "level", limitLevels);
  // A target is one of a level; of the platform there is only one.
  if (level.level === undefined || level.level === "platform") return level;
  return { ...level, ...texts(raw, /^[a-zA-Z0-9_:/-]{1,257}$/, "target") };
}

export function alertsSearch(raw: RawSearch): AlertsSearch {
  return { ...oneOf(raw, "state", alertStates), ...oneOf(raw, "kind", alertKinds), ...placeIn(raw) };
}

const words = /^.{1,256}$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function placeIn(raw: RawSearch): Paged {
  return texts(raw, /^.{1,512}$/, "cursor");
}
