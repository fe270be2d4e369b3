import type { SessionScope } from "@modelfaucet/contract/scopes.ts";
import type { ChosenMode } from "../../lib/chosen-mode.ts";
import type { Usd } from "../../lib/money.ts";
import type { StoredLimit } from "../../lib/stored-limit.ts";

export type IdentityMode = "signed" | "server" | "demo";

/** What is known of a caller's session without asking the database: plain facts, never changed in place. */
export type SessionContext = {
  readonly sessionId: string;
  /** Of the token that was presented: a refreshed session has two for a minute. */
  readonly tokenHash: string;
  readonly appId: string;
  readonly publicAppId: string;
  readonly appName: string;
  readonly developerId: string;
  readonly endUserId: string;
  /** `sha256:` and 64 hex characters, keyed by the app. */
  readonly endUserHash: string;
  /** The developer's own account: its charges earn the developer nothing. */
  readonly endUserOwn: boolean;
  readonly endUserStatus: "active" | "suspended" | "erased";
  readonly walletStatus: "active" | "frozen";
  readonly appStatus: "pending" | "active" | "disabled" | "suspended";
  readonly developerStatus: "active" | "suspended" | "closed";
  readonly scopes: ReadonlySet<SessionScope>;
  readonly featureKey: string | null;
  /** The features that the user token allowed; `null` is all of them. */
  readonly features: readonly string[] | null;
  /** The models that the session is narrowed to, bare, `provider/model` or `auto:<feature>`; `null` is all of the feature's. */
  readonly models: readonly string[] | null;
  readonly modes: readonly string[] | null;
  /** What the user chose, for a feature or (`null`) for all that have no choice of their own. */
  readonly chosenModes: readonly ChosenMode[];
  readonly maxSpendUsd: Usd | null;
  /** What the user, the developer and the operator set on this user and this session. */
  readonly limits: readonly StoredLimit[];
  /** The one origin that the session works from; `null` when it was opened without one. */
  readonly origin: string | null;
  /** Origins that a session opened without one also works from. */
  readonly origins: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** When the token that was presented ends, by the database's clock. */
  readonly expiresAtMs: number;
  readonly verified: boolean;
  readonly identityMode: IdentityMode;
  readonly provedAtMs: number;
};

/** `expired` still names its user, so that a refresh can ask for proof; nothing else may use it. */
export type SessionLookup =
  | { readonly state: "live" | "expired"; readonly session: SessionContext }
  | { readonly state: "unknown" };
