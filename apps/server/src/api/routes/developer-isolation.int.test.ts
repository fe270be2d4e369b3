import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { uuidV7 } from "../../lib/ids.ts";
import { type Answer, openRoutes, type Tenant } from "./developer-testbed.ts";

let routes: Awaited<ReturnType<typeof openRoutes>>;
let one: Tenant;
let other: Tenant;
beforeAll(async () => {
  routes = await openRoutes(inject("postgres"));
  one = await routes.makeTenant("one");
  other = await routes.makeTenant("other");
});
afterAll(() => routes.close());

describe("no neighbour", () => {
  it("A138: a foreign id is told like a random one on every route, and changes no row", async () => {
    const foreign = await idsOf(other);
    const random = {
      app: "app_of_nobody",
      feature: "no_such_feature",
      user: uuidV7(),
      token: uuidV7(),
      session: uuidV7(),
    };
    const before = await snapshot();
    let tried = 0;
    for (const { route } of routes.mounted) {
      if (route.auth.class !== "dev" || !route.path.includes(":")) continue;
      const body = bodies[`${route.method} ${route.path}`];
      const call = (ids: typeof random) => routes.ask(one.token, route.method, pathOf(route.path, ids), body);
      const [theirs, nobodys] = [await call(foreign), await call(random)];
      expect([route.path, theirs.status, withoutId(theirs)]).toEqual([route.path, 404, withoutId(nobodys)]);
      tried += 1;
    }
    expect(tried).toBeGreaterThan(12);
    expect(await snapshot()).toEqual(before);
  });

  it("A152: privileged fields in a body are refused or have no effect", async () => {
    const fields = [
      "role",
      "developer_id",
      "id",
      "balance_usd",
      "status",
      "scopes",
      "version",
      "sandbox",
      "app_id",
      "created_at",
      "identity_key",
      "user_hash_key",
      "token_hash",
      "limits",
      "own",
      "verified",
      "held_usd",
      "debt_usd",
      "purpose",
      "tenant",
      "is_admin",
      "owner_id",
      "end_user_id",
      "session_id",
      "paid_usd",
      "max_markup_percent",
      "clearing_days",
      "revoked_at",
      "public_app_id",
      "__proto__x",
    ];
    const before = await snapshot();
    for (const { route } of routes.mounted) {
      if (route.body === undefined || route.auth.class !== "dev" || !route.path.includes(":")) continue;
      for (const field of fields) {
        const ids = { ...(await idsOf(other)), app: other.app };
        const answer = await routes.ask(one.token, route.method, pathOf(route.path, ids), { [field]: "x" });
        expect([400, 404]).toContain(answer.status);
      }
    }
    expect(await snapshot()).toEqual(before);
    const own = await routes.ask(one.token, "PATCH", `/v1/developer/apps/${one.app}`, {
      developer_id: other.developerId,
    });
    expect([own.status, own.body.error.param]).toEqual([400, "developer_id"]);
  });
});

const bodies: Record<string, object | undefined> = {
  "PATCH /v1/developer/apps/:publicAppId": { name: "taken over" },
  "POST /v1/developer/apps/:publicAppId/features": { feature_key: "new", display_name: "taken over" },
  "PUT /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "taken over" },
  "PATCH /v1/developer/apps/:publicAppId/features/:featureKey": { display_name: "taken over" },
  "POST /v1/developer/apps/:publicAppId/users": { external_user_id: "taken over" },
  "PATCH /v1/developer/apps/:publicAppId/users/:id": { own: true },
};

type Ids = { app: string; feature: string; user: string; token: string; session: string };

function pathOf(path: string, ids: Ids): string {
  const id = path.includes("/users/") ? ids.user : path.includes("/sessions/") ? ids.session : ids.token;
  return path.replace(":publicAppId", ids.app).replace(":featureKey", ids.feature).replace(":id", id);
}

async function idsOf(tenant: Tenant): Promise<Ids> {
  const [row] = await routes.operator(
    (tx) => tx`select u.id as user, s.id as session from apps a
    join end_users u on u.app_id = a.id join virtual_sessions s on s.end_user_id = u.id where a.public_app_id = ${tenant.app} limit 1`,
  );
  return { app: tenant.app, feature: "reply", user: row!.user, session: row!.session, token: tenant.tokenId };
}

function withoutId(answer: Answer) {
  const { request_id: _id, ...error } = answer.body.error;
  return error;
}

/** Everything that the other tenant owns. */
function snapshot() {
  return routes.operator(async (tx) => {
    const [row] = await tx`select
      (select json_agg(a order by a.id) from apps a where developer_id = ${other.developerId}) as apps,
      (select json_agg(f order by f.id) from app_features f where developer_id = ${other.developerId}) as features,
      (select json_agg(u order by u.id) from end_users u where developer_id = ${other.developerId}) as users,
      (select json_agg(s order by s.id) from virtual_sessions s where developer_id = ${other.developerId}) as sessions,
      (select json_agg(t.id order by t.id) from developer_api_tokens t where developer_id = ${other.developerId} and revoked_at is null) as tokens`;
    return { ...row };
  });
}
