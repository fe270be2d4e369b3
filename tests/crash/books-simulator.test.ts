import { type Database, openDatabase } from "@modelfaucet/server/lib/db.ts";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { addUsd, minUsd, subtractUsd, type Usd, zeroUsd } from "@modelfaucet/server/lib/money.ts";
import {
  type Books,
  createBooks,
  deepChecks,
  minuteChecks,
  readEpoch,
  runChecks,
} from "@modelfaucet/server/modules/books/books.ts";
import type { KeyClaim } from "@modelfaucet/server/modules/books/items.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { randomFrom, sized, soakSeed } from "@modelfaucet/testkit/sizes.ts";
import { insertEndUser, insertTenant, type TestTenant } from "@modelfaucet/testkit/tenant.ts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { closeOf, moveOf, openOf, settlementOf } from "./books-items.ts";

const firstSeed = soakSeed();
const seeds = sized({ ci: 150, soak: 20_000 });
const operations = sized({ ci: 200, soak: 500 });
const races = sized({ ci: 100, soak: 1_000 });
const bankMs = sized({ ci: 8_000, soak: 600_000 });
const atOnce = 150;
const patienceMs = sized({ ci: 180_000, soak: 7_200_000 });

let test: TestDatabase;
let superuser: postgres.Sql;
let database: Database;
let tenant: TestTenant;
/** Two processes' worth of books on one database. */
let both: readonly [Books, Books];

beforeAll(async () => {
  test = await createTestDatabase(inject("postgres"));
  superuser = postgres(test.superuserUrl, { max: 4, onnotice: () => {} });
  database = openDatabase({
    url: test.runtimeUrl,
    poolMax: 4,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    idleTransactionTimeoutMs: 10_000,
    applicationName: "books simulator",
  });
  both = [await newBooks(), await newBooks()];
  tenant = await insertTenant(superuser);
});
afterAll(async () => {
  await Promise.all(both.map((books) => books.stop()));
  await database.close();
  await superuser.end();
  await test.drop();
});

it(
  `T-12: ${seeds} seeds of ${operations} operations come out as a model of the wallet says, and break no invariant`,
  async () => {
    const waiting = Array.from({ length: seeds }, (_, index) => firstSeed + index);
    const work = async (): Promise<void> => {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        await new Simulation(seed, await insertEndUser(superuser, tenant)).run();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    await expectInvariants();
  },
  patienceMs,
);

it(
  `T-11: over ${races} seeds one of sweeper and settlement wins, and says so to both`,
  async () => {
    await Promise.all(
      Array.from({ length: races }, async (_, index) => {
        const random = randomFrom(firstSeed + index);
        const user = await insertEndUser(superuser, tenant);
        await both[0].move(moveOf(tenant, user, "credit", 1_000_000n as Usd));
        const id = uuidV7();
        await both[0].open(openOf(tenant, user, id, 1_000n as Usd, 100_000n as Usd), 20_000);
        await superuser`update holds set lease_until = mf_now() - interval '1 minute' where id = ${id}`;
        const later = <T>(act: () => Promise<T>): Promise<T> =>
          new Promise((resolve, reject) => {
            setTimeout(() => act().then(resolve, reject), random() * 20);
          });
        const closed = settlementOf("succeeded", 25_000n as Usd);
        const [swept, settled, renewed] = await Promise.all([
          later(() => both[1].close(closeOf(tenant, id, settlementOf("flagged", zeroUsd), true))),
          later(() => both[0].close(closeOf(tenant, id, closed))),
          later(() => both[0].renew(random() < 0.3 ? [{ appId: tenant.appId, id, progress: {} }] : [])),
          later(() => both[0].close(closeOf(tenant, id, closed))),
        ]);
        const sweeperWon = swept.outcome === "settled" && !swept.repeated;
        expect([index, settled.outcome]).toEqual([index, sweeperWon ? "flagged" : "settled"]);
        if (!sweeperWon) expect(["alive", "settled"]).toContain(swept.outcome);
        expect(renewed.size).toBeLessThanOrEqual(1);
        const [row] = await superuser`select outcome, charge_usd from usage_events where id = ${id}`;
        expect(row).toMatchObject(
          sweeperWon
            ? { outcome: "flagged", charge_usd: "0.00000000" }
            : { outcome: "succeeded", charge_usd: "0.00025000" },
        );
        expect(await walletOf(user)).toEqual({ balance: sweeperWon ? 1_000_000n : 975_000n, held: 0n });
      }),
    );
    await expectInvariants();
  },
  patienceMs,
);

it(
  "T-03: a bank of eight wallets reads the same total at every moment, and nothing below zero",
  async () => {
    const users = await Promise.all(Array.from({ length: 8 }, () => insertEndUser(superuser, tenant)));
    // A hundred dollars lie in the wallets or with the one whom they pay and who pays them.
    const share = 1_250_000_000n as Usd;
    for (const user of users) await both[0].move(moveOf(tenant, user, "credit", share));
    const random = randomFrom(firstSeed);
    const until = performance.now() + bankMs;
    let reads = 0;
    let moves = 0;
    const write = async (place: number): Promise<void> => {
      while (performance.now() < until) {
        const user = users[Math.floor(random() * users.length)]!;
        const amount = BigInt(1 + Math.floor(random() * 500_000_000)) as Usd;
        await both[place % 2]!.move(moveOf(tenant, user, random() < 0.5 ? "credit" : "debit", amount));
        moves++;
      }
    };
    const read = async (): Promise<void> => {
      while (performance.now() < until) {
        const [row] = await superuser.begin(
          "isolation level repeatable read read only",
          (tx) => tx`
        select (select sum(balance_usd) from accounts where owner_id = any(${users}))::text as wallets,
          (select coalesce(sum(case when to_id = any(${users}) then amount_usd else -amount_usd end), 0)
            from transfers where to_id = any(${users}) or from_id = any(${users}))::numeric(20,8)::text as moved,
          (select min(balance_usd - held_usd) from accounts where owner_id = any(${users}))::text as least`,
        );
        expect(row!.wallets).toBe(row!.moved);
        expect(row!.least).not.toMatch(/^-/);
        reads++;
      }
    };
    const cut = async (): Promise<void> => {
      while (performance.now() < until - 1_000) {
        await new Promise((resolve) => setTimeout(resolve, 700));
        await superuser`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'books simulator'`;
      }
    };
    await Promise.all([...Array.from({ length: 8 }, (_, place) => write(place)), read(), read(), cut()]);
    expect(moves).toBeGreaterThan(100);
    expect(reads).toBeGreaterThan(20);
    await expectInvariants();
  },
  patienceMs,
);

type OpenHold = { id: string; hold: Usd; claim: KeyClaim | null };

/** One wallet under a seed's operations, beside what a model of it says; the model is a dozen lines, the books are not. */
class Simulation {
  #seed: number;
  #user: string;
  #random: () => number;
  #balance: Usd = zeroUsd;
  #open: OpenHold[] = [];
  #closed: { id: string; charge: Usd }[] = [];
  #keys = 0;

  constructor(seed: number, user: string) {
    this.#seed = seed;
    this.#user = user;
    this.#random = randomFrom(seed);
  }

  async run(): Promise<void> {
    for (let step = 0; step < operations; step++) {
      const books = both[this.#random() < 0.5 ? 0 : 1];
      const dice = this.#random();
      if (dice < 0.15) await this.#credit(books);
      else if (dice < 0.2) await this.#debit(books);
      else if (dice < 0.6) await this.#admit(books);
      else if (dice < 0.93) await this.#settle(books);
      else await this.#settleAgain(books);
    }
    while (this.#open.length > 0) await this.#settle(both[0]);
    expect([this.#seed, await walletOf(this.#user)]).toEqual([
      this.#seed,
      { balance: this.#balance, held: 0n },
    ]);
  }

  get #held(): Usd {
    return addUsd(zeroUsd, ...this.#open.map(({ hold }) => hold));
  }

  #amount(most: number): Usd {
    return BigInt(1 + Math.floor(this.#random() * most)) as Usd;
  }

  async #credit(books: Books): Promise<void> {
    const item = moveOf(tenant, this.#user, "credit", this.#amount(100_000));
    // The same source twice, as a client does who saw no answer.
    const results = await Promise.all(
      this.#random() < 0.3 ? [books.move(item), both[0].move(item)] : [books.move(item)],
    );
    this.#balance = addUsd(this.#balance, item.amountUsd);
    this.#expect(
      results.map((result) => result.outcome === "moved" && result.walletBalanceUsd === this.#balance),
      results.map(() => true),
    );
  }

  async #debit(books: Books): Promise<void> {
    const item = moveOf(tenant, this.#user, "debit", this.#amount(60_000));
    const result = await books.move(item);
    const fits = item.amountUsd <= subtractUsd(this.#balance, this.#held);
    this.#expect(result.outcome, fits ? "moved" : "refused");
    if (fits) this.#balance = subtractUsd(this.#balance, item.amountUsd);
  }

  async #admit(books: Books): Promise<void> {
    const least = this.#amount(20_000);
    const most = addUsd(least, this.#amount(40_000));
    const claim =
      this.#random() < 0.2
        ? { caller: `end_user:${this.#user}`, route: "r", key: `k${this.#keys++}`, fingerprint: "f" }
        : null;
    const id = uuidV7();
    const result = await books.open({ ...openOf(tenant, this.#user, id, least, most), claim }, 20_000);
    const free = subtractUsd(this.#balance, this.#held);
    if (free < least) {
      this.#expect(result.outcome, "refused");
      if (result.outcome === "refused")
        this.#expect(result.by.reason, this.#balance >= least ? "held" : "balance");
      return;
    }
    const hold = minUsd(most, free);
    this.#expect(result.outcome === "held" ? result.holdUsd : result.outcome, hold);
    this.#open.push({ id, hold, claim });
  }

  async #settle(books: Books): Promise<void> {
    const place = Math.floor(this.#random() * this.#open.length);
    const [one] = this.#open.splice(place, 1);
    if (!one) return;
    const outcome = (["succeeded", "succeeded", "aborted", "failed"] as const)[
      Math.floor(this.#random() * 4)
    ]!;
    const wanted = outcome === "failed" ? zeroUsd : this.#amount(60_000);
    const result = await books.close({
      ...closeOf(tenant, one.id, settlementOf(outcome, wanted)),
      key: one.claim && { claim: one.claim, finish: outcome === "failed" ? "free" : "done" },
    });
    const charge = minUsd(wanted, one.hold);
    this.#balance = subtractUsd(this.#balance, charge);
    this.#expect(result.outcome === "settled" ? result.figures.chargeUsd : result.outcome, charge);
    this.#closed.push({ id: one.id, charge });
  }

  async #settleAgain(books: Books): Promise<void> {
    const one = this.#closed[Math.floor(this.#random() * this.#closed.length)];
    if (!one) return;
    const result = await books.close(
      closeOf(tenant, one.id, settlementOf("succeeded", this.#amount(90_000))),
    );
    this.#expect(result.outcome === "settled" && [result.repeated, result.figures.chargeUsd], [
      true,
      one.charge,
    ]);
  }

  #expect(found: unknown, wanted: unknown): void {
    expect([this.#seed, found]).toEqual([this.#seed, wanted]);
  }
}

async function walletOf(user: string): Promise<{ balance: bigint; held: bigint }> {
  const [row] = await superuser<{ balance: string; held: string }[]>`
    select (sum(balance_usd) * 100000000)::bigint::text as balance, (sum(held_usd) * 100000000)::bigint::text as held
    from accounts where owner_id = ${user}`;
  return { balance: BigInt(row!.balance), held: BigInt(row!.held) };
}

async function expectInvariants(): Promise<void> {
  // So many rows in so few seconds: the planner knows nothing of them until it is told.
  await superuser`analyze`;
  const results = await database.read({ purpose: "operator" }, (tx) =>
    runChecks(tx, [...minuteChecks, ...deepChecks]),
  );
  expect(results.filter(({ ok }) => !ok)).toEqual([]);
}

async function newBooks(): Promise<Books> {
  return createBooks({
    database,
    maxBatch: 256,
    maxQueued: 5_000,
    statementTimeoutMs: 10_000,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 30 },
    onBatch: () => {},
    onError: () => {},
  });
}
