import { type RouteDefinition, routeName } from "@modelfaucet/contract/route.ts";
import { gatewayRoutes } from "@modelfaucet/contract/routes/table.ts";
import { type HttpAnswer, type Product, send } from "@modelfaucet/testkit/product.ts";
import { callRoute, type OwnedIds, routesToWalk } from "@modelfaucet/testkit/route-walk.ts";

/** Somebody who calls, and what a route tells them whatever the id: `null` where they would be let in to their own. */
export type MatrixActor = {
  name: string;
  token: string | null;
  expected: (route: RouteDefinition) => 401 | 403 | 404 | null;
};

const takesId = ({ path }: RouteDefinition): boolean => path.includes(":");
/** From the tables that are mounted: a route that is not in them does not answer. */
export const matrixRoutes = [...routesToWalk(), ...gatewayRoutes].filter(takesId);

export type MatrixCell = {
  route: string;
  actor: string;
  ids: string;
  status: number;
  body: string;
  headers: string;
};

/**
 * Asks one route as one actor with each set of ids. What differs from call to call, the request's id and the ids that were
 * sent, is taken out of the answers, so that the cells can be compared byte by byte.
 */
export async function askWithEach(
  product: Product,
  route: RouteDefinition,
  actor: MatrixActor,
  sets: Readonly<Record<string, OwnedIds>>,
): Promise<MatrixCell[]> {
  return Promise.all(
    Object.entries(sets).map(async ([name, ids]) => {
      const answer = gatewayRoutes.includes(route)
        ? await askGateway(product, ids, actor.token)
        : await callRoute(product, route, ids, { token: actor.token });
      return {
        route: routeName(route),
        actor: actor.name,
        ids: name,
        status: answer.status,
        body: withoutIds(answer.text, ids),
        headers: headersOf(answer),
      };
    }),
  );
}

function askGateway(product: Product, ids: OwnedIds, token: string | null): Promise<HttpAnswer> {
  return send(
    `${product.gateways[0]}/models/${encodeURIComponent(`auto:${ids.featureKey}`)}`,
    "GET",
    undefined,
    token === null ? {} : { authorization: `Bearer ${token}` },
  );
}

function withoutIds(text: string, ids: OwnedIds): string {
  const bare = text.replace(/"request_id":"req_[0-9a-f-]{36}"/, '"request_id":"…"');
  return Object.values(ids).reduce((left, id) => left.replaceAll(id, "…"), bare);
}

const differing = new Set(["date", "x-request-id", "content-length", "keep-alive"]);

function headersOf({ headers }: HttpAnswer): string {
  return [...headers]
    .filter(([name]) => !differing.has(name) && !name.startsWith("x-ratelimit-"))
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
    .join("\n");
}
