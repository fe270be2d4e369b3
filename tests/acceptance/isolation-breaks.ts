import { randomUUID } from "node:crypto";
import type postgres from "postgres";

/** What the seeded tenants are known by. */
export type Owner = {
  app: string;
  developer: string;
  user: string;
  feature: string;
  account: string;
};
export type Ids = { demo: Owner; other: Owner };

/** One way to break the isolation of a database, and to mend it again. Planted by a superuser as a replica would. */
export type Break = {
  check: string;
  what: string;
  plant: (sql: postgres.Sql, ids: Ids) => Promise<unknown>;
  mend: (sql: postgres.Sql, ids: Ids) => Promise<unknown>;
};

export async function readIds(sql: postgres.Sql): Promise<Ids> {
  const owner = async (publicAppId: string): Promise<Owner> => {
    const [row] = await sql<Owner[]>`
      select a.id as app, a.developer_id as developer, e.id as user, f.id as feature, c.id as account
      from apps a join end_users e on e.app_id = a.id join app_features f on f.app_id = a.id
        join accounts c on c.app_id = a.id and c.owner_id = e.id and c.fund = 'test'
      where a.public_app_id = ${publicAppId}`;
    return { ...row! };
  };
  return { demo: await owner("app_pub_demo"), other: await owner("app_pub_isolation") };
}

type Row = Record<string, unknown>;
/** Every planted row that has an id has this one. */
const planted = randomUUID();

/** Puts a row in, laid over an existing one where there is one. */
async function put(sql: postgres.Sql, table: string, changes: Row, like = true): Promise<void> {
  const columns = await sql<{ name: string }[]>`select attname as name from pg_attribute
    where attrelid = ${table}::regclass and attnum > 0 and not attisdropped and attgenerated = ''`;
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  const [base] = like ? await sql.unsafe(`select to_jsonb(t) as row from ${table} t limit 1`) : [];
  const row = JSON.stringify({ ...(base?.row as Row | undefined), ...changes });
  await sql.unsafe(
    `insert into ${table} (${names}) select ${names} from jsonb_populate_record(null::${table}, $1::text::jsonb)`,
    [row],
  );
}

/** A row of `table` that `made` describes; it is taken away by the columns that tell it. */
function foreignRow(
  check: string,
  table: string,
  what: string,
  made: (ids: Ids) => Row,
  told: (ids: Ids) => Row = () => ({ id: planted }),
): Break {
  return {
    check,
    what,
    plant: (sql, ids) => put(sql, table, { ...made(ids), ...told(ids) }),
    mend: async (sql, ids) => {
      const mine = Object.entries(told(ids));
      const where = mine.map(([name], index) => `"${name}"::text = $${index + 1}`).join(" and ");
      await sql.unsafe(
        `delete from ${table} where ${where}`,
        mine.map(([, value]) => String(value)),
      );
    },
  };
}

function schemaChange(check: string, what: string, change: string, back: string): Break {
  return { check, what, plant: (sql) => sql.unsafe(change), mend: (sql) => sql.unsafe(back) };
}

const now = new Date().toISOString();
const later = new Date(Date.now() + 3_600_000).toISOString();
const epoch = "1970-01-01T00:00:00Z";

const ofTenancy: Break[] = [
  foreignRow("developer_tokens", "developer_api_tokens", "a token names another developer's app", (ids) => ({
    developer_id: ids.other.developer,
    public_app_ids: ["app_pub_demo"],
    token_hash: planted,
  })),
  foreignRow("apps", "apps", "an app's developer is nobody", () => ({
    developer_id: randomUUID(),
    public_app_id: "app_of_nobody",
  })),
  foreignRow("features", "app_features", "a feature names another developer than its app", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.other.developer,
    feature_key: "planted",
  })),
  foreignRow(
    "feature_versions",
    "feature_versions",
    "a version is of another app's feature",
    (ids) => ({ app_id: ids.demo.app, developer_id: ids.demo.developer, feature_id: ids.other.feature }),
    () => ({ version: 77 }),
  ),
  foreignRow("end_users", "end_users", "an end user names another developer than the app", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.other.developer,
    external_user_hash: planted,
  })),
  foreignRow("sessions", "virtual_sessions", "a session is of another app's user", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.demo.developer,
    end_user_id: ids.other.user,
    token_hash: planted,
  })),
  foreignRow(
    "user_token_uses",
    "user_token_uses",
    "a used token is of no app",
    () => ({ app_id: randomUUID(), expires_at: later }),
    () => ({ jti_hash: planted }),
  ),
  foreignRow("provider_credentials", "provider_credentials", "a key is not the platform's", (ids) => ({
    owner_scope: "platform",
    owner_id: ids.other.developer,
    provider: "stub",
    sealed_secret: "mfenc:v2:planted",
    key_id: "planted",
    masked: "…",
    last_four: "0000",
    priority: 1,
    weight: 1,
    status: "active",
    created_at: now,
    updated_at: now,
  })),
  foreignRow("sign_in_links", "sign_in_links", "a link is for a developer that is not there", () => ({
    code_hash: planted,
    kind: "developer",
    developer_id: randomUUID(),
    email: "nobody@example.com",
    created_by: "test",
    expires_at: later,
    created_at: now,
  })),
  foreignRow(
    "console_sessions",
    "console_sessions",
    "a session acts as a developer that is not there",
    () => ({
      cookie_hash: planted,
      kind: "developer",
      opened_by: "link",
      developer_id: randomUUID(),
      person_name: "nobody",
      authenticated_at: now,
      last_seen_at: now,
    }),
  ),
  foreignRow("audit_rows", "audit_logs", "a row names an app with another's developer", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.other.developer,
  })),
];

const transfer = (ids: Ids): Row => ({
  app_id: ids.demo.app,
  developer_id: ids.demo.developer,
  from_scope: "end_user",
  from_id: ids.demo.user,
  to_scope: "platform",
  to_id: "00000000-0000-0000-0000-000000000001",
  amount_usd: "0.00000001",
  reason: "planted",
  fund: "test",
  line: 0,
  wallet_seq: 99,
});

const ofMoney: Break[] = [
  foreignRow(
    "wallets",
    "wallets",
    "a wallet is of another app's user",
    (ids) => ({
      developer_id: ids.demo.developer,
      owner_scope: "end_user",
      owner_id: ids.other.user,
      end_user_id: ids.other.user,
    }),
    (ids) => ({ app_id: ids.demo.app, id: ids.other.user }),
  ),
  foreignRow("accounts", "accounts", "a limit counts what another app's user spends", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.demo.developer,
    kind: "end_user",
    owner_id: ids.other.user,
    fund: "none",
    limit_usd: "1",
    balance_usd: "1",
    held_usd: "0",
    set_by: "operator",
  })),
  foreignRow("holds", "holds", "a hold takes from another user's account", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.demo.developer,
    end_user_id: ids.demo.user,
    session_id: randomUUID(),
    feature_id: ids.demo.feature,
    feature_key: "customer_reply",
    feature_version: 1,
    price_version: 1,
    route_mode: "platform",
    provider: "simulated",
    model: "sim-small",
    endpoint: "chat/completions",
    hold_usd: "0",
    leg_accounts: [ids.other.account],
    leg_amounts_usd: ["0"],
    lease_until: later,
    instance_id: randomUUID(),
    progress: {},
    created_at: now,
  })),
  foreignRow("usage_events", "usage_events", "a settled request is of another app's user", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.demo.developer,
    end_user_id: ids.other.user,
    session_id: randomUUID(),
    feature_id: ids.demo.feature,
  })),
  {
    check: "receipts",
    what: "another user of the same app paid for a request",
    plant: async (sql, ids) => {
      const [settled] = await sql<
        { id: string }[]
      >`select id from usage_events where app_id = ${ids.other.app}`;
      await sql`insert into end_users (app_id, id, developer_id, external_user_hash)
        values (${ids.other.app}, ${planted}, ${ids.other.developer}, ${planted})`;
      await sql`insert into wallets (app_id, id, owner_scope, owner_id, end_user_id, developer_id)
        values (${ids.other.app}, ${planted}, 'end_user', ${planted}, ${planted}, ${ids.other.developer})`;
      const { app, developer } = ids.other;
      const own = { app_id: app, developer_id: developer, from_id: planted };
      await put(sql, "transfers", { ...transfer(ids), ...own, kind: "usage", source_id: settled!.id });
    },
    mend: async (sql) => {
      await sql`delete from transfers where from_id = ${planted}`;
      await sql`delete from wallets where id = ${planted}`;
      await sql`delete from end_users where id = ${planted}`;
    },
  },
  foreignRow(
    "ledger_entries",
    "transfers",
    "money leaves another app's wallet",
    (ids) => ({ ...transfer(ids), from_id: ids.other.user, kind: "adjustment" }),
    () => ({ source_id: planted }),
  ),
  foreignRow("wallet_adjustments", "wallet_adjustments", "another app's wallet is adjusted", (ids) => ({
    app_id: ids.demo.app,
    developer_id: ids.demo.developer,
    wallet_id: ids.other.user,
    kind: "adjustment",
    direction: "credit",
    amount_usd: "1",
    reason: "planted",
    actor_id: "test",
    created_at: now,
  })),
  foreignRow(
    "idempotency_keys",
    "idempotency_keys",
    "a key is of another app's user",
    (ids) => ({
      app_id: ids.demo.app,
      caller: `end_user:${ids.other.user}`,
      route: "planted",
      fingerprint: "planted",
      state: "done",
      request_id: randomUUID(),
      created_at: now,
    }),
    () => ({ key: planted }),
  ),
  foreignRow(
    "kept_answers",
    "idempotency_answers",
    "an answer is kept for no key",
    (ids) => ({
      app_id: ids.demo.app,
      caller: `end_user:${ids.demo.user}`,
      route: "planted",
      request_id: randomUUID(),
      sealed_answer: "mfenc:v2:planted",
      created_at: now,
    }),
    () => ({ key: planted }),
  ),
];

const ofLimits: Break[] = [
  foreignRow(
    "limits",
    "limits",
    "a limit is set on another app's user",
    (ids) => ({
      app_id: ids.demo.app,
      developer_id: ids.demo.developer,
      level: "end_user",
      set_by: "developer",
      measure: "usd",
      window: "day",
      limit_usd: "1",
      updated_at: now,
    }),
    (ids) => ({ target_id: ids.other.user }),
  ),
  foreignRow(
    "budgets",
    "budgets",
    "a budget is of another developer",
    (ids) => ({
      level: "developer",
      developer_id: ids.demo.developer,
      window: "day",
      window_start: epoch,
      limit_usd: "1",
      leased_usd: "0",
    }),
    (ids) => ({ owner_id: ids.other.developer }),
  ),
];

const bucket = (ids: Ids): Row => ({
  app_id: ids.demo.app,
  developer_id: ids.other.developer,
  generation: 1,
  grain: 60,
  bucket: epoch,
  feature_key: "planted",
  route_mode: "platform",
  provider: "stub",
  outcome: "succeeded",
  slot: 1,
  end_user_id: ids.demo.user,
});
const counts = {
  ...Object.fromEntries(["requests", "fallbacks", "input_tokens", "output_tokens"].map((name) => [name, 0])),
  ...Object.fromEntries(
    ["charge", "fee", "upstream_cost", "absorbed_cost", "developer_share", "platform_share"].map((name) => [
      `${name}_usd`,
      "0",
    ]),
  ),
};

const ofProjections: Break[] = [
  ...["usage_rollups", "usage_latencies", "usage_active_users"].map((table) =>
    foreignRow(
      table,
      table,
      "a bucket names another developer than its app",
      (ids) => ({ ...counts, ...bucket(ids) }),
      () => ({ model: "planted" }),
    ),
  ),
  foreignRow(
    "ledger_rollups",
    "ledger_rollups",
    "what moved is of a developer that is not there",
    () => ({
      generation: 1,
      grain: 0,
      bucket: epoch,
      scope: "developer",
      wallet_id: planted,
      fund: "paid",
      kind: "usage",
      debits_usd: "0",
      credits_usd: "0",
    }),
    () => ({ reason: "planted" }),
  ),
];

const ofRetention: Break[] = [
  foreignRow(
    "detached_charges",
    "detached_charges",
    "what was charged is of another app's account",
    (ids) => ({ app_id: ids.demo.app, account_id: ids.other.account, charge_usd: "1" }),
    () => ({ month: "2020-01-01" }),
  ),
];

const ofCatalogue: Break[] = [
  schemaChange(
    "row_security_is_forced",
    "a table's owner is not bound",
    "alter table accounts no force row level security",
    "alter table accounts force row level security",
  ),
  schemaChange(
    "policies_ask_for_the_tenant",
    "a policy opens every row",
    "create policy everybody on wallets for select using (true)",
    "drop policy everybody on wallets",
  ),
  schemaChange(
    "keys_name_the_tenant",
    "a hold's key leaves the developer out",
    `alter table holds drop constraint holds_app_id_developer_id_end_user_id_fkey,
      add constraint planted foreign key (app_id, end_user_id) references end_users (app_id, id)`,
    `alter table holds drop constraint planted,
      add constraint holds_app_id_developer_id_end_user_id_fkey foreign key (app_id, developer_id, end_user_id)
        references end_users (app_id, developer_id, id)`,
  ),
  schemaChange(
    "views_obey_row_security",
    "a view has its owner's rights",
    "alter view receipts set (security_invoker = false)",
    "alter view receipts set (security_invoker = true)",
  ),
  schemaChange(
    "every_owned_table_is_checked",
    "a new table of an app has no check",
    `create table stray (app_id uuid primary key references apps);
      call mf_protect('stray', 'app_id = (select mf_app())', '{}', '{}')`,
    "drop table stray",
  ),
];

export const breaks: readonly Break[] = [
  ...ofTenancy,
  ...ofMoney,
  ...ofLimits,
  ...ofProjections,
  ...ofRetention,
  ...ofCatalogue,
];
