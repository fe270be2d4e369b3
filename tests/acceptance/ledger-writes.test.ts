import { chat, credit, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let runtime: postgres.Sql;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  const ground = await layGround(product);
  const session = await ground.openSession();
  await credit(product, session.userId, "1.00");
  expect((await chat(product, session.token, { model: "stub-flat" })).status).toBe(200);
  runtime = postgres(product.database.runtimeUrl, { max: 1, onnotice: () => {} });
});
afterAll(async () => {
  await runtime.end();
  await product.stop();
});

const appendOnly = [
  ["transfers", "reason"],
  ["usage_events", "model"],
  ["audit_logs", "reason"],
  ["price_versions", "source"],
  ["model_prices", "version"],
  ["feature_versions", "changed_by"],
] as const;

describe("what is written in the books", () => {
  it("A069: the server's role can neither change, remove nor double what is written", async () => {
    for (const [table, column] of appendOnly) {
      for (const statement of [
        `update ${table} set ${column} = ${column}`,
        `delete from ${table}`,
        `truncate ${table}`,
        `truncate ${table} cascade`,
      ]) {
        await expect(asSettlement(statement), statement).rejects.toMatchObject({
          code: expect.stringMatching(/^(42501|23001)$/),
        });
      }
      await expect(asSettlement(`alter table ${table} disable trigger all`)).rejects.toMatchObject({
        code: "42501",
      });
    }
    for (const amount of ["0", "-0.00000001"]) {
      await expect(asSettlement(copyOfTransfer({ amount_usd: amount, line: "99" }))).rejects.toMatchObject({
        code: "23514",
      });
    }
    await expect(asSettlement(copyOfTransfer({}))).rejects.toMatchObject({ code: "23505" });
    await expect(
      asSettlement(copyOfTransfer({ to_scope: "from_scope", to_id: "from_id", line: "99" })),
    ).rejects.toMatchObject({ code: "23514" });
  });

  it("A069: nor can it read another tenant without a purpose", async () => {
    for (const table of [
      "transfers",
      "usage_events",
      "accounts",
      "wallets",
      "end_users",
      "virtual_sessions",
      "audit_logs",
      "provider_credentials",
    ]) {
      expect(await runtime.unsafe(`select count(*)::int as rows from ${table}`), table).toEqual([
        { rows: 0 },
      ]);
    }
  });
});

/** One statement as the server's role, with the purpose under which it writes the books. */
function asSettlement(statement: string): Promise<unknown> {
  return runtime.begin(async (tx) => {
    await tx`select set_config('mf.purpose', 'settlement', true)`;
    await tx.unsafe(statement);
  });
}

/** An insert that repeats one transfer of a use with some columns exchanged. */
function copyOfTransfer(changed: Record<string, string>): string {
  const columns =
    "app_id kind source_id line developer_id from_scope from_id to_scope to_id amount_usd reason fund wallet_seq balance_after_usd wallet_balance_after_usd epoch".split(
      " ",
    );
  return `insert into transfers (${columns.join(", ")}) select ${columns.map((name) => changed[name] ?? name).join(", ")}
    from transfers where kind = 'usage' limit 1`;
}
