import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { apiRoutes, gatewayRoutes } from "@modelfaucet/contract/routes/table.ts";

/** What the isolation tenant owns, by the names under which paths ask for it. */
export type ForeignIds = Record<IdKind, string>;
export type IdKind =
  | "publicAppId"
  | "featureKey"
  | "developerId"
  | "endUserId"
  | "sessionId"
  | "tokenId"
  | "requestId"
  | "receiptId"
  | "userKeyId"
  | "developerKeyId"
  | "nothing";

/** One request that nobody of another tenant may have answered. */
export type Try = {
  route: string;
  base: "api" | "gateway";
  method: RouteDefinition["method"];
  path: string;
  body: unknown;
};

/** Which id stands behind `:id`, by the beginning of the path; what belongs to no tenant is an id of nothing. */
const idKinds: readonly (readonly [prefix: string, kind: IdKind])[] = [
  ["/v1/user/receipts/", "receiptId"],
  ["/v1/user/provider-keys/", "userKeyId"],
  ["/v1/developer/tokens/", "tokenId"],
  ["/v1/developer/sessions/", "sessionId"],
  ["/v1/developer/provider-keys/", "developerKeyId"],
  ["/v1/developer/apps/", "endUserId"],
  ["/v1/admin/developers/", "developerId"],
  ["/v1/admin/wallets/", "endUserId"],
  ["/v1/admin/books/transactions/", "requestId"],
];
const namedKinds: Readonly<Record<string, IdKind>> = {
  publicAppId: "publicAppId",
  featureKey: "featureKey",
  request_id: "requestId",
  provider: "nothing",
  keyId: "nothing",
  version: "nothing",
};

/** A body that the route takes, so that the id alone decides the answer. */
const bodies: Readonly<Record<string, Record<string, unknown>>> = {
  "PATCH /v1/developer/apps/:publicAppId": { name: "Attack" },
  "POST /v1/developer/apps/:publicAppId/features": { feature_key: "attack", display_name: "Attack" },
  "PUT /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "Attack" },
  "PATCH /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "Attack" },
  "POST /v1/developer/apps/:publicAppId/features/validate": { policy: {}, pricing: {} },
  "POST /v1/developer/apps/:publicAppId/users": { external_user_id: "attack" },
  "PATCH /v1/developer/apps/:publicAppId/users/:id": { own: true },
  "POST /v1/developer/apps/:publicAppId/users/:id/revoke-sessions": {},
  "POST /v1/developer/apps/:publicAppId/identity-secret/rotate": { overlap_seconds: 604_800 },
  "POST /v1/developer/apps/:publicAppId/identity/test": { user_token: "attack" },
  "POST /v1/developer/apps/:publicAppId/debug-log": { minutes: 1, reason: "attack" },
  "POST /v1/developer/tokens/:id/rotate": { overlap_seconds: 604_800 },
  "PATCH /v1/developer/provider-keys/:id": { name: "Attack" },
  "PATCH /v1/user/provider-keys/:id": { name: "Attack" },
};

/** Of an operator's route: whoever gets as far as this is told 400, and nothing has happened. */
const nonsense = { "no field of ours": true };

const takesId = ({ path }: RouteDefinition): boolean => path.includes(":");

/**
 * Every id-taking route of both servers with the ids of another tenant, in all its places, and, where two ids stand in a
 * path, with an app of the caller's own in front of the other tenant's thing.
 * @throws where a route is of a kind that this does not know: a new route has to be named here
 */
export function triesOf(ids: ForeignIds, ownAppId: string): Try[] {
  return [
    ...apiRoutes.filter(takesId).flatMap((route) => {
      const foreign = tryOf("api", route, ids);
      if (!holdsTwo(route)) return [foreign];
      return [foreign, tryOf("api", route, { ...ids, publicAppId: ownAppId })];
    }),
    ...gatewayRoutes.filter(takesId).map((route) => tryOf("gateway", route, ids)),
    {
      route: "POST /v1/chat/completions",
      base: "gateway",
      method: "POST",
      path: "/v1/chat/completions",
      body: { model: `auto:${ids.featureKey}`, messages: [{ role: "user", content: "attack" }] },
    },
  ];
}

/** An id of its own behind the app's. A feature's key is no such id: under an own app it is one that anybody may use. */
const holdsTwo = ({ path }: RouteDefinition): boolean =>
  path.includes(":publicAppId/") && /:(id|request_id)\b/.test(path);

function tryOf(base: Try["base"], route: RouteDefinition, ids: ForeignIds): Try {
  const path = route.path.replaceAll(/:([A-Za-z_]+)/g, (_, name: string) =>
    encodeURIComponent(base === "gateway" ? `auto:${ids.featureKey}` : ids[kindOf(route, name)]),
  );
  const query = route.method === "DELETE" && route.wantsReason ? "?reason=attack" : "";
  return { route: routeName(route), base, method: route.method, path: path + query, body: bodyOf(route) };
}

function kindOf(route: RouteDefinition, name: string): IdKind {
  const known =
    name === "id" ? idKinds.find(([prefix]) => route.path.startsWith(prefix))?.[1] : namedKinds[name];
  if (known !== undefined) return known;
  if (route.auth.class === "op") return "nothing";
  throw new Error(`${routeName(route)}: nobody knows what :${name} is an id of`);
}

function bodyOf(route: RouteDefinition): unknown {
  if (route.body === undefined) return undefined;
  if (route.auth.class === "op") return nonsense;
  const body = bodies[routeName(route)];
  if (body === undefined) throw new Error(`${routeName(route)}: no body to try it with`);
  return body;
}
