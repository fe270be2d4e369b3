import type { RouteAuth } from "@modelfaucet/contract/route.ts";
import type { OperatorScope, Scope } from "@modelfaucet/contract/scopes.ts";
import type { TenantSettings } from "../lib/db.ts";
import type { AuditActor } from "../modules/audit/audit.ts";
import type { ConsoleSession, DeveloperCaller, SessionContext } from "../modules/identity/identity.ts";

/** Who calls, as their token says. Nothing here ever comes from a body, a query or another header. */
export type NoActor = { class: "none" };
export type SessionActor = {
  class: "session";
  session: SessionContext;
  /** Only on a route with a grace: the session is over and names its user alone. */
  expired: boolean;
};
export type DeveloperActor = {
  class: "dev";
  caller: DeveloperCaller;
  /** The console session whose cookie was sent instead of a token. */
  console?: ConsoleSession;
};
export type OperatorActor = {
  class: "op";
  /** An operator's e-mail address; `bootstrap` for the credential from the environment. */
  person: string;
  scopes: ReadonlySet<OperatorScope>;
  /** The named token that was sent, and who it is for. */
  token?: { id: string; operatorId: string; personName: string };
  console?: ConsoleSession;
};
/** Whoever came by the console's cookie. */
export type ConsoleActor = (DeveloperActor | OperatorActor) & { console: ConsoleSession };
export type Actor = NoActor | SessionActor | DeveloperActor | OperatorActor;

type ActorByClass = {
  none: NoActor;
  session: SessionActor;
  dev: DeveloperActor;
  op: OperatorActor;
  dev_or_op: DeveloperActor | OperatorActor;
  app_identity: NoActor | DeveloperActor;
  console: ConsoleActor;
  monitor: NoActor;
};
export type ActorOf<Auth extends RouteAuth> = ActorByClass[Auth["class"]];

/** The classes of token that may enter a route; `none` where it may do without. */
export const classesOf: { readonly [C in RouteAuth["class"]]: readonly Actor["class"][] } = {
  none: ["none"],
  session: ["session"],
  dev: ["dev"],
  op: ["op"],
  dev_or_op: ["dev", "op"],
  app_identity: ["none", "dev"],
  console: ["dev", "op"],
  monitor: ["none"],
};

export function scopesOf(actor: Actor): ReadonlySet<Scope> {
  if (actor.class === "session") return actor.session.scopes;
  if (actor.class === "dev") return actor.caller.scopes;
  return actor.class === "op" ? actor.scopes : new Set<Scope>();
}

/** What row security lets this caller read. The bootstrap credential of developers may read as any of them. */
export function tenantOf(actor: Actor, developerId?: string): TenantSettings {
  if (actor.class === "session") return { appId: actor.session.appId, endUserId: actor.session.endUserId };
  if (actor.class === "op") return { purpose: "operator" };
  if (actor.class === "none") return {};
  const own = actor.caller.developerId ?? developerId;
  return own === undefined ? { purpose: "operator" } : { developerId: own };
}

/** How audit rows name the caller. `requestId` is the UUID inside `req_…`. */
export function auditActorOf(actor: Actor, requestId: string, addressPrefix: string | null): AuditActor {
  const where = { requestId, addressPrefix };
  if (actor.class === "session")
    return { actorScope: "end_user", actorId: actor.session.endUserId, ...where };
  if (actor.class === "none") return { actorScope: "system", ...where };
  const session = actor.console;
  const isBootstrap = actor.class === "dev" ? actor.caller.bootstrap : actor.person === "bootstrap";
  if (isBootstrap) return { actorScope: "bootstrap", actorName: "bootstrap", ...where };
  if (actor.class === "op") {
    const actorId = actor.token?.id ?? session?.operatorToken?.id ?? session?.operator?.id ?? null;
    return { actorScope: "admin", actorId, actorName: actor.person, ...where };
  }
  if (session === undefined) {
    return { actorScope: "developer", actorId: actor.caller.tokenId, ...where };
  }
  // Behind the developer that an operator acts as stands the operator's own name.
  const actorId = session.token?.id ?? actor.caller.developerId;
  return {
    actorScope: "developer",
    actorId,
    actorName: session.person.email ?? session.person.name,
    ...where,
  };
}
