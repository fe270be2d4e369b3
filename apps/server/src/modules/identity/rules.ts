import type { SessionScope } from "@modelfaucet/contract/scopes.ts";
import { ApiError } from "../../lib/errors.ts";
import { minUsd, type Usd } from "../../lib/money.ts";
import type { IdentityMode, SessionContext } from "./session-context.ts";

const everySessionScope: Record<SessionScope, true> = {
  chat: true,
  "wallet:read": true,
  "wallet:topup": true,
  "settings:write": true,
  "keys:read": true,
  "keys:write": true,
  "account:write": true,
};

/** What a session may be given at most: one that nobody proved cannot export or erase an account. */
export function scopesOfMode(mode: IdentityMode, proved: boolean): SessionScope[] {
  const all = Object.keys(everySessionScope) as SessionScope[];
  return mode === "demo" && !proved ? all.filter((scope) => scope !== "account:write") : all;
}

type Narrowing = readonly string[] | null | undefined;

/** What all lists allow; a list that is not given allows everything. `null`: nothing narrows. */
export function narrowest(...lists: readonly Narrowing[]): string[] | null {
  const given = lists.filter((list) => list !== null && list !== undefined);
  if (given.length === 0) return null;
  const [first, ...rest] = given;
  return [...new Set(first)].filter((word) => rest.every((list) => list.includes(word)));
}

/** As `narrowest`, where a bare model name and `provider/model` overlap in the longer of the two. */
export function narrowestModels(...lists: readonly Narrowing[]): string[] | null {
  const given = lists.filter((list) => list !== null && list !== undefined);
  if (given.length === 0) return null;
  return given.slice(1).reduce<string[]>(overlap, [...new Set(given[0])]);
}

/** The least of the caps that are given; `null`: none is. */
export function narrowestUsd(...caps: readonly (Usd | null | undefined)[]): Usd | null {
  const given = caps.filter((cap) => cap !== null && cap !== undefined);
  return given.length === 0 ? null : minUsd(given[0]!, ...given.slice(1));
}

/** Whether the session may use that feature at all; the app's own state is another matter. */
export function mayUseFeature(
  session: Pick<SessionContext, "featureKey" | "features">,
  featureKey: string,
): boolean {
  if (session.featureKey !== null) return session.featureKey === featureKey;
  return session.features === null || session.features.includes(featureKey);
}

/** Whether the session may be used from there; `undefined` is a request without `Origin`. */
export function mayUseFrom(
  session: Pick<SessionContext, "origin" | "origins" | "allowedOrigins">,
  origin: string | undefined,
): boolean {
  if (session.origin !== null) return origin === session.origin && session.allowedOrigins.includes(origin);
  return (
    origin === undefined || (session.origins.includes(origin) && session.allowedOrigins.includes(origin))
  );
}

/** `origin` is the request's header. @throws ApiError forbidden with `details.reason: "origin"` */
export function refuseForeignOrigin(
  session: Pick<SessionContext, "origin" | "origins" | "allowedOrigins">,
  origin: string | undefined,
): void {
  if (mayUseFrom(session, origin)) return;
  throw new ApiError("forbidden", "This session may not be used from this origin; open one there.", {
    details: { reason: "origin" },
  });
}

/** @throws ApiError invalid_app, suspended or forbidden when something above the session is switched off */
export function refuseSuspended(
  state: Pick<SessionContext, "appStatus" | "developerStatus" | "endUserStatus">,
): void {
  if (state.developerStatus !== "active") throw suspended("developer");
  if (state.appStatus === "disabled")
    throw new ApiError("invalid_app", "There is no such app, or it is disabled.");
  if (state.appStatus === "suspended") throw suspended("app");
  if (state.appStatus === "pending") {
    throw new ApiError("forbidden", "This app is not active yet: its gates are open.", {
      details: { reason: "gates" },
    });
  }
  if (state.endUserStatus !== "active") throw suspended("end_user");
}

export function suspended(what: "developer" | "app" | "feature" | "end_user"): ApiError {
  return new ApiError("suspended", sentences[what], { details: { what } });
}

const sentences = {
  developer: "The developer of this app is suspended or closed; ask the app's support.",
  app: "This app is suspended; ask its support.",
  feature: "This feature is suspended; use another one or ask the app's support.",
  end_user: "This user is suspended; ask the app's support.",
};

export function forbiddenOrigin(param?: string): ApiError {
  return new ApiError("forbidden", "This origin is not one of the app's allowed_origins.", {
    ...(param === undefined ? {} : { param }),
    details: { reason: "origin" },
  });
}

function overlap(first: readonly string[], second: readonly string[]): string[] {
  const kept = new Set<string>();
  for (const model of first) {
    for (const other of second) {
      if (model === other || isBareNameOf(other, model)) kept.add(model);
      else if (isBareNameOf(model, other)) kept.add(other);
    }
  }
  return [...kept];
}

function isBareNameOf(bare: string, full: string): boolean {
  const slash = full.indexOf("/");
  return slash >= 0 && !bare.startsWith("auto:") && full.slice(slash + 1) === bare;
}
