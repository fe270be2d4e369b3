import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import type postgres from "postgres";

/** One developer with one app and one feature, put straight into the tables, for tests below the HTTP edge. */
export type TestTenant = {
  developerId: string;
  appId: string;
  featureId: string;
  featureKey: string;
  priceVersion: number;
};

/** `sql` is a superuser's connection: row security does not bind it. */
export async function insertTenant(sql: postgres.Sql): Promise<TestTenant> {
  const [developerId, appId, featureId] = [uuidV7(), uuidV7(), uuidV7()];
  const featureKey = "chat";
  await sql`insert into developers (id, email, name) values (${developerId}, ${`${developerId}@example.com`}, 'Test developer')`;
  await sql`insert into apps (id, developer_id, public_app_id, name, user_hash_key)
    values (${appId}, ${developerId}, ${`app_${appId}`}, 'Test app', 'mfenc:v2:test')`;
  await sql`insert into app_features (app_id, id, developer_id, feature_key, display_name, policy, pricing)
    values (${appId}, ${featureId}, ${developerId}, ${featureKey}, 'Chat', '{}', '{}')`;
  await sql`insert into feature_versions (app_id, feature_id, version, developer_id, display_name, policy, pricing, changed_by)
    values (${appId}, ${featureId}, 1, ${developerId}, 'Chat', '{}', '{}', 'test')`;
  const [row] = await sql<{ version: number }[]>`
    insert into price_versions (source, effective_from, imported_by) values ('entries', mf_now(), 'test') returning version`;
  return { developerId, appId, featureId, featureKey, priceVersion: row!.version };
}

/** An end user with an empty wallet. */
export async function insertEndUser(sql: postgres.Sql, tenant: TestTenant): Promise<string> {
  const id = uuidV7();
  const { appId, developerId } = tenant;
  await sql`insert into end_users (app_id, id, developer_id, external_user_hash) values (${appId}, ${id}, ${developerId}, ${id})`;
  await sql`insert into wallets (app_id, id, owner_id, owner_scope, end_user_id, developer_id)
    values (${appId}, ${id}, ${id}, 'end_user', ${id}, ${developerId})`;
  await sql`insert into accounts (app_id, developer_id, kind, owner_id, fund)
    values (${appId}, ${developerId}, 'wallet', ${id}, 'paid'), (${appId}, ${developerId}, 'wallet', ${id}, 'test')`;
  return id;
}

/** An account that limits something, with what is left of it. */
export async function insertCap(
  sql: postgres.Sql,
  tenant: TestTenant,
  cap: { kind: string; ownerId: string; scopeId: string; limitUsd: string },
): Promise<void> {
  await sql`insert into accounts (app_id, developer_id, kind, owner_id, scope_id, limit_usd, balance_usd)
    values (${tenant.appId}, ${tenant.developerId}, ${cap.kind}, ${cap.ownerId}, ${cap.scopeId}, ${cap.limitUsd}, ${cap.limitUsd})`;
}
