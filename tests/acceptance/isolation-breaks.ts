import { randomUUID } from "node:crypto";
import { moneyBreaks } from "./isolation-money-breaks.ts";
import {
  type Break,
  epoch,
  foreignRow,
  type Ids,
  later,
  now,
  planted,
  type Row,
  schemaChange,
} from "./isolation-planting.ts";

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
  foreignRow("provider_credentials", "provider_credentials", "a key is of another app's user", (ids) => ({
    owner_scope: "end_user",
    app_id: ids.demo.app,
    developer_id: ids.demo.developer,
    owner_id: ids.other.user,
    end_user_id: ids.other.user,
    provider: "openai",
    sealed_secret: "mfenc:v2:planted",
    key_id: "planted",
    masked: "…",
    last_four: "0000",
    priority: 1,
    weight: 1,
    status: "disabled",
    fallback_to_platform: false,
    created_at: now,
    updated_at: now,
  })),
  foreignRow(
    "user_modes",
    "user_modes",
    "a choice is of another app's user",
    (ids) => ({
      app_id: ids.demo.app,
      developer_id: ids.demo.developer,
      mode: "auto",
      fallback_to_platform: false,
      updated_at: now,
    }),
    (ids) => ({ end_user_id: ids.other.user, feature_id: planted }),
  ),
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
  foreignRow(
    "switches",
    "switches",
    "a switch of one app stops another app's user",
    (ids) => ({
      app_id: ids.demo.app,
      developer_id: ids.demo.developer,
      end_user_id: ids.demo.user,
      kind: "end_user",
      state: "off",
      reason: "planted",
      set_by: "test",
      changed_at: now,
      version: 1_000_000,
    }),
    (ids) => ({ target_id: ids.other.user }),
  ),
];

const bucket = (ids: Ids): Row => ({
  app_id: ids.demo.app,
  developer_id: ids.other.developer,
  generation: 1,
  grain: 1440,
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
  ...moneyBreaks,
  ...ofLimits,
  ...ofProjections,
  ...ofRetention,
  ...ofCatalogue,
];
