import type { TenantSettings, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import type { DeveloperCaller } from "../modules/identity/identity.ts";
import {
  type App,
  type AppScope,
  type Developer,
  invalidApp,
  lockApp,
  readApp,
  readDeveloper,
  readDeveloperByEmail,
  readSoleDeveloper,
} from "../modules/tenancy/tenancy.ts";

/** The rows that a caller may touch: its developer's; everybody's for the bootstrap credential. */
export function tenantOf(caller: DeveloperCaller): TenantSettings {
  return caller.developerId === null ? { purpose: "operator" } : { developerId: caller.developerId };
}

export function appScopeOf(caller: DeveloperCaller, narrowedTo?: string): AppScope {
  return { developerId: caller.developerId ?? narrowedTo ?? null, publicAppIds: caller.publicAppIds };
}

/** @throws ApiError invalid_app for an app that is not the caller's, as for one that does not exist */
export async function requireApp(tx: Tx, caller: DeveloperCaller, publicAppId: string): Promise<App> {
  const app = await readApp(tx, publicAppId, appScopeOf(caller));
  if (!app) throw invalidApp();
  return app;
}

/** @throws ApiError invalid_app for an app that is not the caller's, as for one that does not exist */
export async function requireLockedApp(tx: Tx, caller: DeveloperCaller, publicAppId: string): Promise<App> {
  const app = await lockApp(tx, publicAppId, appScopeOf(caller));
  if (!app) throw invalidApp();
  return app;
}

/**
 * The developer that a row is made for: the token's own, or the one that the bootstrap credential names.
 * @throws ApiError not_found for another one, invalid_request when several could be meant
 */
export async function developerFor(
  tx: Tx,
  caller: DeveloperCaller,
  named: { developerId?: string | undefined; developerEmail?: string | undefined },
): Promise<Developer> {
  const developer = await findDeveloper(tx, caller, named);
  const sameId = named.developerId === undefined || developer?.id === named.developerId;
  const sameEmail =
    named.developerEmail === undefined ||
    developer?.email.toLowerCase() === named.developerEmail.toLowerCase();
  if (!developer || !sameId || !sameEmail) throw new ApiError("not_found", "There is no such developer.");
  if (developer.status !== "active") {
    throw new ApiError("suspended", "This developer is suspended or closed.", {
      details: { what: "developer" },
    });
  }
  return developer;
}

async function findDeveloper(
  tx: Tx,
  caller: DeveloperCaller,
  named: { developerId?: string | undefined; developerEmail?: string | undefined },
): Promise<Developer | null> {
  if (caller.developerId !== null) return readDeveloper(tx, caller.developerId);
  if (named.developerId !== undefined) return readDeveloper(tx, named.developerId);
  if (named.developerEmail !== undefined) return readDeveloperByEmail(tx, named.developerEmail);
  const sole = await readSoleDeveloper(tx);
  if (sole) return sole;
  throw new ApiError("invalid_request", "Name the developer: there is more than one, or none yet.", {
    param: "developer_id",
  });
}
