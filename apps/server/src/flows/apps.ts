import { randomBytes } from "node:crypto";
import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import { type Database, isUniqueViolation, type Tx } from "../lib/db.ts";
import { egressError } from "../lib/egress/refusal.ts";
import { ApiError } from "../lib/errors.ts";
import { newToken, uuidV7 } from "../lib/ids.ts";
import type { Outbound } from "../lib/outbound.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { type DeveloperCaller, issuesOfKeySet, revokeSessionsOfApp } from "../modules/identity/identity.ts";
import {
  type App,
  type AppChange,
  type Developer,
  insertApp,
  invalidApp,
  isOriginAllowedHere,
  isUrlAllowedHere,
  lockApp,
  maximaOf,
  mergeLimits,
  readApp,
  readSettings,
  refuseIssues,
  refuseOtherVersion,
  type StoredLimits,
  updateApp as writeApp,
} from "../modules/tenancy/tenancy.ts";
import { appScopeOf, developerFor, requireLockedApp, tenantOf } from "./developers-calling.ts";

export type AppDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  secretBox: Pick<SecretBox, "seal">;
  /** Judges the address of a key set before it is saved. */
  outbound: Pick<Outbound, "judge">;
  production: boolean;
  /** `SESSION_TOKEN_TTL_SECONDS`: what a new app starts with. */
  sessionTtlSeconds: number;
};

export type CreateAppInput = {
  publicAppId: string;
  name: string;
  developerId?: string | undefined;
  change: AppChange;
};

const defaultShareBps = 4000;
/** Of a secret so much is shown, and its app found by it. */
export const shownPrefixLength = 15;

/**
 * Makes an app with an identity secret that is told here and never again; `null` where it is known by a key set instead.
 * @throws ApiError conflict when the id is taken, base_url_not_allowed
 */
export async function createApp(
  deps: AppDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: CreateAppInput,
): Promise<{ app: App; identitySecret: string | null }> {
  if (caller.publicAppIds !== null && !caller.publicAppIds.includes(input.publicAppId)) {
    throw new ApiError("forbidden", "This token is kept to certain apps; use one that is not.", {
      details: { reason: "public_app_ids" },
    });
  }
  refuseForeignPlaces(input.change, deps.production);
  await refuseWrongKeys(deps, input.change);
  const identitySecret = newToken("mf_idsec_");
  const made = await deps.database
    .write(tenantOf(caller), async (tx) => {
      const developer = await developerFor(tx, caller, input);
      const id = await insertSealedApp(tx, deps, developer, input, identitySecret);
      const app = (await readApp(tx, input.publicAppId, appScopeOf(caller)))!;
      await auditApp(tx, actor, "app.create", app, null);
      return { app, version: await announce(tx, "app", id) };
    })
    .catch((error: unknown) => {
      if (!isUniqueViolation(error, "apps_public_app_id_key")) throw error;
      throw new ApiError("conflict", "This public_app_id is taken; choose another one.", {
        param: "public_app_id",
        details: { reason: "taken" },
      });
    });
  await deps.feed.waitUntilSeen(made.version);
  return { app: made.app, identitySecret: made.app.identitySecretPrefix === null ? null : identitySecret };
}

/**
 * Changes what is named; in force on every instance when this answers. An app that gets a key set loses its secrets.
 * @throws ApiError invalid_app, conflict, base_url_not_allowed
 */
export async function updateApp(
  deps: AppDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  input: { publicAppId: string; change: AppChange; expectedVersion?: number | undefined },
): Promise<App> {
  refuseForeignPlaces(input.change, deps.production);
  await refuseWrongKeys(deps, input.change);
  const { app, version } = await deps.database.write(tenantOf(caller), async (tx) => {
    const before = await requireLockedApp(tx, caller, input.publicAppId);
    refuseOtherVersion(input.expectedVersion, before.version);
    refuseStatusChange(before, input.change);
    await refuseShareAboveMaximum(tx, input.change, before.developerLimits, before.limits);
    await writeApp(tx, before.id, input.change, "change");
    if (input.change.status === "disabled") await revokeSessionsOfApp(tx, before.id);
    const after = (await readApp(tx, input.publicAppId, appScopeOf(caller)))!;
    await auditApp(tx, actor, "app.update", after, before);
    return { app: after, version: await announce(tx, "app", after.id) };
  });
  await deps.feed.waitUntilSeen(version);
  return app;
}

/** Ends the app's sessions and takes no new ones; wallets and books stay. May be repeated. */
export async function disableApp(
  deps: AppDeps,
  caller: DeveloperCaller,
  actor: AuditActor,
  publicAppId: string,
): Promise<App> {
  return updateApp(deps, caller, actor, { publicAppId, change: { status: "disabled" } });
}

/** Sets the operator's limits of one app. @throws ApiError invalid_app, conflict */
export async function updateAppAsOperator(
  deps: Pick<AppDeps, "database" | "feed">,
  actor: AuditActor,
  input: {
    publicAppId: string;
    limits: Parameters<typeof mergeLimits>[1];
    expectedVersion?: number | undefined;
    reason: string;
  },
): Promise<App> {
  const everyApp = { developerId: null, publicAppIds: null };
  const { app, version } = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const before = await lockApp(tx, input.publicAppId, everyApp);
    if (!before) throw invalidApp();
    refuseOtherVersion(input.expectedVersion, before.version);
    await writeApp(tx, before.id, { limits: mergeLimits(before.limits, input.limits) }, "change");
    const after = (await readApp(tx, input.publicAppId, everyApp))!;
    await auditApp(tx, actor, "app.update", after, before, input.reason);
    return { app: after, version: await announce(tx, "app", after.id) };
  });
  await deps.feed.waitUntilSeen(version);
  return app;
}

/** Where the keys of an app are sealed to: a value that is moved to another row does not open. */
export const identityKeyPlace = (appId: string, developerId: string) => ({
  table: "apps",
  column: "identity_key",
  rowId: appId,
  owner: developerId,
});
export const previousIdentityKeyPlace = (appId: string, developerId: string) => ({
  table: "apps",
  column: "previous_identity_key",
  rowId: appId,
  owner: developerId,
});
export const userHashKeyPlace = (appId: string, developerId: string) => ({
  table: "apps",
  column: "user_hash_key",
  rowId: appId,
  owner: developerId,
});

/** Writes the row with its sealed keys and everything that was set; gives its id. */
export async function insertSealedApp(
  tx: Tx,
  deps: Pick<AppDeps, "secretBox" | "sessionTtlSeconds">,
  developer: Pick<Developer, "id" | "limits">,
  input: { publicAppId: string; name: string; change: AppChange },
  identitySecret: string,
): Promise<string> {
  const id = uuidV7();
  const maxima = await refuseShareAboveMaximum(tx, input.change, developer.limits, {});
  await insertApp(tx, {
    id,
    developerId: developer.id,
    publicAppId: input.publicAppId,
    name: input.name,
    status: input.change.status ?? "active",
    identityKey: deps.secretBox.seal(identitySecret, identityKeyPlace(id, developer.id)),
    identitySecretPrefix: identitySecret.slice(0, shownPrefixLength),
    userHashKey: deps.secretBox.seal(
      randomBytes(32).toString("base64url"),
      userHashKeyPlace(id, developer.id),
    ),
  });
  const filled: AppChange = {
    defaultDeveloperShareBps: Math.min(defaultShareBps, maxima.maxDeveloperShareBps),
    sessionTtlSeconds: deps.sessionTtlSeconds,
    ...input.change,
  };
  await writeApp(tx, id, filled, "fill");
  return id;
}

async function refuseShareAboveMaximum(
  tx: Tx,
  change: AppChange,
  developer: StoredLimits,
  app: StoredLimits,
) {
  const maxima = maximaOf(await readSettings(tx), developer, app);
  const share = change.defaultDeveloperShareBps;
  if (share !== undefined && share > maxima.maxDeveloperShareBps) {
    const maximum = maxima.maxDeveloperShareBps;
    refuseIssues([{ param: "default_developer_share_bps", message: `must be at most ${maximum}`, maximum }]);
  }
  return maxima;
}

function refuseForeignPlaces(change: AppChange, production: boolean): void {
  const issues = (change.allowedOrigins ?? []).flatMap((origin, index) =>
    isOriginAllowedHere(origin, production)
      ? []
      : [
          {
            param: `allowed_origins.${index}`,
            message: "must be https; http is for loopback outside production",
          },
        ],
  );
  const url = change.supportUrl;
  if (url && !isUrlAllowedHere(url, production)) {
    issues.push({ param: "support_url", message: "must be https; http is for loopback outside production" });
  }
  refuseIssues(issues);
}

/** Asks for the address of a key set before anything is open: it may take a look at a name server. */
async function refuseWrongKeys(deps: Pick<AppDeps, "outbound">, { identity }: AppChange): Promise<void> {
  if (!identity) return;
  const { jwks, jwksUrl } = identity;
  if (jwks !== null) {
    const issues = issuesOfKeySet(jwks).map(({ at, message }) => ({
      param: at === "" ? "identity.jwks" : `identity.jwks.${at}`,
      message,
    }));
    if (jwksUrl !== null)
      issues.unshift({ param: "identity.jwks", message: "stands beside jwks_url; name one of them" });
    refuseIssues(issues);
  }
  if (jwksUrl === null) return;
  const refusal = jwksUrl.startsWith("https://")
    ? await deps.outbound.judge(jwksUrl, "jwks")
    : ({ reason: "not_https" } as const);
  if (refusal !== null) throw egressError(refusal, "identity.jwks_url");
}

function refuseStatusChange(app: App, change: AppChange): void {
  if (change.status !== "active" || app.status === "active" || app.status === "disabled") return;
  if (app.status === "suspended") {
    throw new ApiError("suspended", "The operator suspended this app and alone can resume it.", {
      details: { what: "app" },
    });
  }
  throw new ApiError("conflict", "This app becomes active when its gates are passed.", {
    param: "status",
    details: { reason: "gates", failing: [] },
  });
}

async function auditApp(
  tx: Tx,
  actor: AuditActor,
  action: "app.create" | "app.update",
  app: App,
  before: App | null,
  reason?: string,
): Promise<void> {
  await append(tx, {
    ...actor,
    action,
    resourceType: "app",
    resourceId: app.publicAppId,
    appId: app.id,
    developerId: app.developerId,
    reason: reason ?? null,
    ...(before === null ? {} : { before }),
    after: app,
  });
}
