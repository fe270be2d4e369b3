import {
  type AnswerOf,
  type BodyOf,
  type ParamsOf,
  type QueryOf,
  type RouteDefinition,
  routeName,
} from "@modelfaucet/contract/route.ts";
import type { TenantSettings, Tx } from "../lib/db.ts";
import type { AuditActor } from "../modules/audit/audit.ts";
import type { ActorOf } from "./actor.ts";

/** One call of a route, authenticated, allowed and parsed. */
export type Call<D extends RouteDefinition> = {
  actor: ActorOf<D["auth"]>;
  params: ParamsOf<D>;
  query: QueryOf<D>;
  body: BodyOf<D>;
  /** The bytes of the body, for the fingerprint of an `Idempotency-Key`. */
  rawBody: Buffer;
  /** The UUID inside `req_…`. */
  requestId: string;
  clientRequestId: string | null;
  /** Only on routes that take one. */
  idempotencyKey: string | null;
  origin: string | undefined;
  /** The peer, or the client that a trusted proxy names. For limiters; never for rows or logs. */
  address: string;
  /** How an audit row names the caller. */
  audit: AuditActor;
  /** What row security lets the caller read. */
  tenant: TenantSettings;
  /** One read-only snapshot under `tenant`. */
  read<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Aborts when the client leaves. */
  leaving(): AbortSignal;
  /** Sends a `set-cookie` header with the answer. */
  setCookie(cookie: string): void;
  /** Adds ids to the access log line; never content. */
  logFacts(facts: Record<string, unknown>): void;
};

/** One line of the mount table. */
export type Mounted = {
  readonly route: RouteDefinition;
  readonly handler: (call: Call<RouteDefinition>) => unknown;
};

/** Puts a handler behind a route of the contract; its types follow from there. */
export function mount<const D extends RouteDefinition, const Answer extends AnswerOf<D>>(
  route: D,
  handler: (call: Call<D>) => Promise<Answer>,
): Mounted {
  return { route, handler: handler as unknown as Mounted["handler"] };
}

/**
 * The deny-by-default table: what is not in it does not answer. Refuses to start when a route of the contract has no
 * handler, a handler no route, or a route neither class nor scope.
 * @throws naming every such route
 */
export function checkMountTable(mounted: readonly Mounted[], contract: readonly RouteDefinition[]): void {
  const faults: string[] = [];
  const names = mounted.map(({ route }) => routeName(route));
  for (const route of contract) {
    if (!names.includes(routeName(route))) faults.push(`${routeName(route)} has no handler`);
  }
  for (const { route } of mounted) {
    const name = routeName(route);
    if (!contract.includes(route)) faults.push(`${name} is not a route of the contract`);
    if (names.indexOf(name) !== names.lastIndexOf(name)) faults.push(`${name} is mounted twice`);
    if (!isGuarded(route)) faults.push(`${name} has no class or no scope`);
  }
  if (faults.length > 0) throw new Error(`the mount table is not whole:\n${[...new Set(faults)].join("\n")}`);
}

/** Only a route that says `none`, or whose proof is the app's identity mode or the console's cookie, does without a scope. */
function isGuarded(route: RouteDefinition): boolean {
  const auth = route.auth as { class?: string; scopes?: unknown } | undefined;
  if (auth?.class === "none" || auth?.class === "app_identity" || auth?.class === "console") return true;
  const known =
    auth?.class === "session" || auth?.class === "dev" || auth?.class === "op" || auth?.class === "dev_or_op";
  return known && (auth.scopes === "any" || (Array.isArray(auth.scopes) && auth.scopes.length > 0));
}
