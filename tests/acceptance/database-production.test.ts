import { withDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { serverCommand } from "./server-command.ts";

const name = `mf_production_${process.pid}`;
let superuser: postgres.Sql;
let rows: postgres.Sql;
let env: Record<string, string>;

beforeAll(async () => {
  const server = inject("postgres");
  superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`create database ${name} owner mf_owner`);
  rows = postgres(withDatabase(server.superuserUrl, name), { max: 1, onnotice: () => {} });
  env = {
    NODE_ENV: "production",
    HOSTED_ENVIRONMENT: "pilot",
    HOSTED_SECRET_MANAGER: "vault",
    DATABASE_URL: withDatabase(server.runtimeUrl, name),
    DATABASE_MIGRATION_URL: withDatabase(server.ownerUrl, name),
    DATABASE_READONLY_URL: withDatabase(server.readUrl, name),
    API_PUBLIC_BASE_URL: "https://api.faucet-pilot.example",
    GATEWAY_PUBLIC_BASE_URL: "https://gateway.faucet-pilot.example",
    DASHBOARD_PUBLIC_BASE_URL: "https://console.faucet-pilot.example",
    PUBLIC_SUPPORT_URL: "https://faucet-pilot.example/support",
    API_CORS_ORIGINS: "https://console.faucet-pilot.example",
    GATEWAY_CORS_ORIGINS: "https://console.faucet-pilot.example",
    SECURITY_CONTACT_EMAIL: "security@faucet-pilot.example",
    ABUSE_CONTACT_EMAIL: "abuse@faucet-pilot.example",
    INCIDENT_CONTACT_EMAIL: "incident@faucet-pilot.example",
    LITELLM_BASE_URL: "http://litellm:4000",
    LITELLM_MASTER_KEY: "mN8bV7cX6zL5kJ4hG3fD2sA1qW",
    HOSTED_INTERNAL_HOSTS: "litellm",
  };
  const migrated = await serverCommand(["migrate"], env);
  expect(migrated.code, migrated.stderr).toBe(0);
});
afterAll(async () => {
  await rows.end();
  await superuser.unsafe(`drop database ${name} with (force)`);
  await superuser.end();
});

const seed = async (...args: string[]) => {
  const { code, stdout, stderr } = await serverCommand(["seed", "--json", ...args], env);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe("db:seed in production", () => {
  it("makes the platform's rows and no tenant", async () => {
    expect((await seed()).created).toBeGreaterThan(0);
    expect(await rows`select count(*)::int as tenants from developers`).toEqual([{ tenants: 0 }]);
    const [platform] = await rows`select (select count(*)::int from price_publications) as versions,
      (select count(*)::int from providers) as providers, (select environment from deployment) as environment,
      (select count(*)::int from wallets where developer_id is null) as system_wallets`;
    expect(platform).toEqual({ versions: 1, providers: 0, environment: "pilot", system_wallets: 11 });
    expect((await seed("--no-demo")).created).toBe(0);
  });

  it("makes both tenants with --demo: signed, pending, their users own, their money test money", async () => {
    await seed("--demo");
    const apps =
      await rows`select a.public_app_id, a.status, a.identity_mode, a.allowed_origins, e.own, c.fund, c.balance_usd
      from apps a join end_users e on e.app_id = a.id join accounts c on c.owner_id = e.id and c.balance_usd > 0 order by 1`;
    const waiting = {
      status: "pending",
      identity_mode: "signed",
      allowed_origins: [],
      own: true,
      fund: "test",
    };
    expect(apps).toEqual([
      { public_app_id: "app_pub_demo", balance_usd: "10.00000000", ...waiting },
      { public_app_id: "app_pub_isolation", balance_usd: "1.00000000", ...waiting },
    ]);
    expect((await seed("--demo")).created).toBe(0);
  });

  it("gives the isolation tenant one of everything that a tenant can own by now, none of it usable", async () => {
    const [owned] = await rows`select
      (select bool_and(t.revoked_at is not null) from developer_api_tokens t where t.developer_id = a.developer_id) as token_revoked,
      (select bool_and(s.revoked_at is not null) from virtual_sessions s where s.app_id = a.id) as session_revoked,
      (select array_agg(f.feature_key) from app_features f where f.app_id = a.id) as features,
      (select array_agg(u.outcome) from usage_events u where u.app_id = a.id) as settled,
      (select count(*)::int from receipts r where r.app_id = a.id) as receipts,
      (select array_agg(distinct c.kind order by c.kind) from accounts c where c.app_id = a.id) as accounts,
      (select count(*)::int from transfers x where x.app_id = a.id and x.kind = 'seed') as opening
      from apps a where a.public_app_id = 'app_pub_isolation'`;
    expect(owned).toEqual({
      token_revoked: true,
      session_revoked: true,
      features: ["isolation_probe"],
      settled: ["succeeded"],
      receipts: 1,
      accounts: ["session", "wallet"],
      opening: 1,
    });
  });

  it("leaves books that agree and a database that passes the isolation check", async () => {
    for (const args of [["books"], ["hosted", "check-isolation"]]) {
      const { code, stdout } = await serverCommand(args, env);
      expect([args, code, stdout.match(/^FAIL.*$/gm)]).toEqual([args, 0, null]);
    }
  });

  it("is never dropped: db:reset:dev refuses", async () => {
    const { code, stderr } = await serverCommand(["reset-dev", "--yes", "--allow-remote"], env);
    expect([code, stderr.trim()]).toEqual([
      1,
      "NODE_ENV is production: this drops a database, and never that of a deployment",
    ]);
  });
});
