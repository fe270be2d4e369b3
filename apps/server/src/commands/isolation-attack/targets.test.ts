import { routeName } from "@modelfaucet/contract/route.ts";
import { apiRoutes, gatewayRoutes } from "@modelfaucet/contract/routes/table.ts";
import { describe, expect, it } from "vitest";
import { type ForeignIds, triesOf } from "./targets.ts";

const ids: ForeignIds = {
  publicAppId: "app_pub_isolation",
  featureKey: "isolation_probe",
  developerId: "00000000-0000-4000-8000-000000000001",
  endUserId: "00000000-0000-4000-8000-000000000002",
  sessionId: "00000000-0000-4000-8000-000000000003",
  tokenId: "00000000-0000-4000-8000-000000000004",
  requestId: "req_00000000-0000-4000-8000-000000000005",
  receiptId: "rcpt_req_00000000-0000-4000-8000-000000000005",
  userKeyId: "00000000-0000-4000-8000-000000000006",
  developerKeyId: "00000000-0000-4000-8000-000000000007",
  nothing: "00000000-0000-4000-8000-000000000008",
};

describe("what the attack tries", () => {
  const tries = triesOf(ids, "app_pub_demo");

  it("is every route of both tables that takes an id: a new one is known here, or this fails", () => {
    const named = new Set(tries.map(({ route }) => route));
    for (const route of [...apiRoutes, ...gatewayRoutes].filter(({ path }) => path.includes(":")))
      expect([routeName(route), named.has(routeName(route))]).toEqual([routeName(route), true]);
    expect(tries.length).toBeGreaterThan(60);
  });

  it("sends what the route takes, so that the id alone decides", () => {
    for (const route of apiRoutes.filter(({ auth, body }) => body !== undefined && auth.class !== "op")) {
      for (const one of tries.filter((tried) => tried.route === routeName(route)))
        expect([one.route, route.body!.safeParse(one.body).success]).toEqual([one.route, true]);
    }
  });

  it("puts an own app before another's thing, and never writes a feature into an own app", () => {
    const own = tries.filter(({ path }) => path.includes("/app_pub_demo/"));
    expect(own.length).toBeGreaterThanOrEqual(4);
    for (const { path } of own) expect(path).not.toContain("features");
    for (const { path } of tries) expect(path).not.toMatch(/:[a-z]/i);
  });
});
