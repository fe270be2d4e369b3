/** What each class of token may be allowed. A scope is required by name; nothing is allowed by default. */

export const sessionScopes = [
  "chat",
  "wallet:read",
  "wallet:topup",
  "settings:write",
  "keys:read",
  "keys:write",
  "account:write",
] as const;
export type SessionScope = (typeof sessionScopes)[number];

/** Given to a new developer token when it names none. */
export const defaultDeveloperScopes = [
  "developer:apps:read",
  "developer:apps:write",
  "developer:features:read",
  "developer:features:write",
  "developer:operations:read",
  "developer:provider_keys:read",
  "developer:provider_keys:write",
  "developer:tokens:read",
  "developer:tokens:write",
] as const;

/** Given only when named. */
export const namedDeveloperScopes = [
  "developer:sessions:write",
  "developer:users:read",
  "developer:users:write",
  "developer:usage:read",
] as const;

export const developerScopes = [...defaultDeveloperScopes, ...namedDeveloperScopes] as const;
export type DeveloperScope = (typeof developerScopes)[number];

/** Developer scopes of later packages: refused by name. */
export const reservedDeveloperScopes = {
  "developer:webhooks:read": 4,
  "developer:webhooks:write": 4,
  "developer:payouts:read": 4,
  "developer:payouts:write": 4,
  "developer:gateway:invoke": 7,
} as const;

/** Each of them includes `operator:read`. */
export const operatorScopes = [
  "operator:read",
  "operator:support",
  "operator:tenants",
  "operator:switches",
  "operator:finance",
  "operator:platform",
  "operator:incidents",
  "operator:security",
] as const;
export type OperatorScope = (typeof operatorScopes)[number];

/** Roles are sets of scopes. */
export const operatorRoles = {
  viewer: ["operator:read"],
  support: ["operator:read", "operator:support", "operator:switches"],
  finance: ["operator:read", "operator:support", "operator:finance"],
  admin: operatorScopes,
} as const satisfies Readonly<Record<string, readonly OperatorScope[]>>;

export type Scope = SessionScope | DeveloperScope | OperatorScope;
