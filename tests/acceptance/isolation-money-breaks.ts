import { randomUUID } from "node:crypto";
import {
  type Break,
  foreignRow,
  type Ids,
  later,
  now,
  planted,
  put,
  type Row,
} from "./isolation-planting.ts";

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

export const moneyBreaks: Break[] = [
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
  foreignRow(
    "debug_logs",
    "debug_logs",
    "a call of another app's user is recorded",
    (ids) => ({
      app_id: ids.demo.app,
      developer_id: ids.demo.developer,
      end_user_id: ids.other.user,
      sealed_bodies: "mfenc:v2:planted",
      created_at: now,
    }),
    () => ({ request_id: planted }),
  ),
];
