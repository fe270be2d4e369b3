import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type Json, type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import type { TransactionSql } from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { serverCommand, threeLogins } from "./server-command.ts";

let product: Product;
let grounds: [Ground, Ground];
let users: [GroundSession, GroundSession, GroundSession];

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  grounds = [await layGround(product), await layGround(product)];
  users = [
    await fundedSession(product, grounds[0], "1.00", { max_spend_usd: "0.50" }),
    await fundedSession(product, grounds[0], "2.00"),
    await fundedSession(product, grounds[1], "3.00"),
  ];
  for (const { token } of users) {
    for (const model of ["stub-flat", "stub-text"]) {
      const answer = await chat(product, token, { model });
      expect(answer.status, answer.text).toBe(200);
    }
  }
});
afterAll(() => product.stop());

const books = async (...args: string[]): Promise<{ code: number | null; answer: Json; stderr: string }> => {
  const { code, stdout, stderr } = await serverCommand(
    ["books", "--json", ...args],
    threeLogins(product.database),
  );
  return { code, stderr, answer: stdout ? JSON.parse(stdout) : null };
};
/** The ledger is append-only for everybody else. */
const asReplica = (work: (tx: TransactionSql) => Promise<Json>): Promise<Json> =>
  product.sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    return work(tx);
  });
const credited = (answer: Json): string =>
  answer.trial_balance.find(({ scope }: Json) => scope === "end_user").credits_usd;

describe("pnpm books", () => {
  it("agrees for all, for an app, a developer, a wallet, and since a time", async () => {
    const [first, , third] = users;
    const minuteAgo = new Date(Date.now() - 60_000).toISOString();
    const scopes: [string[], string][] = [
      [[], "6.00000000"],
      [["--app", grounds[0].publicAppId], "3.00000000"],
      [["--app", grounds[1].publicAppId], "3.00000000"],
      [["--developer", "crm@example.com"], "6.00000000"],
      [["--developer", grounds[0].developerId, "--app", grounds[0].publicAppId], "3.00000000"],
      [["--wallet", first.userId], "1.00000000"],
      [["--wallet", third.userId, "--since", minuteAgo], "3.00000000"],
      [["--since", "2100-01-01"], "6.00000000"],
    ];
    const answers = await Promise.all(scopes.map(([args]) => books(...args)));
    for (const [index, { code, answer, stderr }] of answers.entries()) {
      const failed = answer?.checks.filter(({ ok }: Json) => !ok).map(({ name }: Json) => name);
      expect({ args: scopes[index]![0], code, failed, stderr }).toEqual({
        args: scopes[index]![0],
        code: 0,
        failed: [],
        stderr: "",
      });
      expect(credited(answer)).toBe(scopes[index]![1]);
      expect(answer.drifting_wallets).toEqual([]);
    }
  });

  it("lists a wallet that drifts with its difference, in every scope that it belongs to and in no other", async () => {
    const [first, second] = users;
    await product.sql`update accounts set balance_usd = balance_usd + 0.25
      where owner_id = ${first.userId} and kind = 'wallet' and fund = 'test'`;
    const drift = [
      expect.objectContaining({ wallet_id: first.userId, fund: "test", difference_usd: "0.25000000" }),
    ];
    const inScope = [
      [],
      ["--app", grounds[0].publicAppId],
      ["--wallet", first.userId],
      ["--since", "2100-01-01"],
    ];
    for (const args of inScope)
      expect(await books(...args)).toMatchObject({ code: 1, answer: { ok: false, drifting_wallets: drift } });
    for (const args of [
      ["--app", grounds[1].publicAppId],
      ["--wallet", second.userId],
    ])
      expect(await books(...args)).toMatchObject({ code: 0, answer: { ok: true, drifting_wallets: [] } });
    const told = await serverCommand(["books"], threeLogins(product.database));
    expect(told.stdout).toMatch(
      new RegExp(`^DRIFT ${first.userId} test .* difference 0\\.25000000 USD$`, "m"),
    );
    await product.sql`update accounts set balance_usd = balance_usd - 0.25
      where owner_id = ${first.userId} and kind = 'wallet' and fund = 'test'`;
  });

  it("finds a request without its charge only where it looks: in its app, and since before it", async () => {
    const [first, second] = users;
    const taken = await asReplica(
      (tx) => tx`delete from transfers where kind = 'usage' and from_id = ${second.userId} and line = 0
      and source_id = (select min(source_id) from transfers where kind = 'usage' and from_id = ${second.userId}) returning *`,
    );
    const failed = ({ answer }: Json) =>
      answer.checks.filter(({ ok }: Json) => !ok).map(({ name }: Json) => name);
    expect(failed(await books("--app", grounds[0].publicAppId))).toContain("charge_equals_its_transfers");
    expect(failed(await books("--wallet", second.userId))).toContain("charge_equals_its_transfers");
    expect(failed(await books("--since", "2100-01-01"))).not.toContain("charge_equals_its_transfers");
    expect(failed(await books("--wallet", first.userId))).not.toContain("charge_equals_its_transfers");
    await asReplica((tx) => tx`insert into transfers ${tx(taken as never)}`);
  });

  it.each([
    [["--app", "nobody"], 1, 'there is no app "nobody"'],
    [["--developer", "nobody@example.com"], 1, 'there is no developer "nobody@example.com"'],
    [["--wallet", "7"], 1, `there is no end user's wallet "7"`],
    [["--since", "yesterday"], 2, "--since wants a time, for example 2026-03-01T00:00:00Z"],
    [["--watch", "0"], 2, "--watch wants a number of seconds between 1 and 86400"],
  ] as const)("refuses %j in one sentence", async (args, wanted, sentence) => {
    const { code, stderr, answer } = await books(...args);
    expect({ code, stderr: stderr.trim(), answer }).toEqual({ code: wanted, stderr: sentence, answer: null });
  });
});
