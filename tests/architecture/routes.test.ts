import { routeName } from "@modelfaucet/contract/route.ts";
import { gatewayRoutes, operationRoutes } from "@modelfaucet/contract/routes/table.ts";
import { mountGateway } from "@modelfaucet/server/gateway/server.ts";
import { describe, expect, it } from "vitest";
import { sourcesUnder } from "./sources.ts";

// Whatever answers stands in a table of the contract, with a class: the isolation tests walk those tables.

describe("routes", () => {
  it("are put on a server in three places, and nowhere else", () => {
    const putting = /\b(?:app|fastify|server)\.(?:get|head|post|put|patch|delete|options|all|route)\(/;
    const places = sourcesUnder(["apps/server/src"], /\.ts$/)
      .filter(({ path, text }) => !path.endsWith(".test.ts") && putting.test(text))
      .map(({ path }) => path.replace("apps/server/src/", ""));
    expect(places.sort()).toEqual(["api/harness.ts", "gateway/server.ts", "lib/http-operations.ts"]);
  });

  it("of the gateway are those of the contract", () => {
    const mounted = new Set<string>();
    const put = (method: string) => (path: string) => {
      // Without `/v1` it is the same route, and what stands behind a star is the id.
      const named = path.replace(/^(?!\/v1\/|\/health\/)/, "/v1").replace("*", ":id");
      mounted.add(`${method} ${named}`);
    };
    const app = Object.fromEntries(
      ["get", "post", "put", "patch", "delete"].map((name) => [name, put(name.toUpperCase())]),
    );
    mountGateway({ app } as never, {} as never);
    const listed = [...gatewayRoutes, ...operationRoutes].map(routeName);
    for (const route of mounted) expect(listed).toContain(route);
    for (const route of gatewayRoutes) expect(mounted).toContain(routeName(route));
  });
});
