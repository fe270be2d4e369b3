import type { Database } from "../../lib/db.ts";
import { uuidV7 } from "../../lib/ids.ts";
import { unfinishedTable } from "../../lib/migrations-state.ts";
import type { SecretBox } from "../../lib/secret-box.ts";
import {
  type BackupManifest,
  countFaults,
  countOpenHolds,
  countRows,
  sentenceOf,
  sumWallets,
} from "../../modules/backup/backup.ts";
import {
  createBooks,
  deepChecks,
  minuteChecks,
  readEpoch,
  runChecks,
  trialBalance,
} from "../../modules/books/books.ts";
import { voidOpenHolds } from "../recover-requests.ts";
import { openEverySealedValue } from "./sealed-values.ts";
import type { Steps } from "./steps.ts";

export type RestoreChecks = {
  secretBox: SecretBox;
  maxBatch: number;
  statementTimeoutMs: number;
  /** The tenants' walls, as `hosted check-isolation` sees them. */
  checkIsolation: (database: Database) => Promise<{ ok: boolean; detail: string }>;
};

/** The rows and the money of the snapshot, before anything of the restore's own is written. */
export async function checkAsDumped(
  steps: Steps,
  database: Database,
  manifest: BackupManifest,
): Promise<void> {
  await steps.run("compare with the manifest", async () => {
    const found = await database.read({ purpose: "backup" }, async (tx) => ({
      rows: await countRows(tx),
      balances: await trialBalance(tx),
      wallets: await sumWallets(tx),
    }));
    const { [unfinished]: _mark, ...rows } = found.rows;
    const faults = countFaults({ rows: manifest.tables, by: "the manifest" }, { rows, by: "the database" });
    if (!isSame(found.balances, manifest.trial_balance)) faults.push("the trial balance is another one");
    if (!isSame(found.wallets, manifest.wallets)) faults.push("wallets have other balances");
    const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
    return {
      ok: faults.length === 0,
      detail: faults.length === 0 ? `${total} rows, trial balance and wallets agree` : sentenceOf(faults),
    };
  });
}

/** Releases what was in flight, through the books' own close and in the new epoch. */
export async function voidHolds(deps: RestoreChecks, database: Database): Promise<number> {
  const failures: unknown[] = [];
  const books = createBooks({
    database,
    maxBatch: deps.maxBatch,
    maxQueued: 1_000,
    statementTimeoutMs: deps.statementTimeoutMs,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 30 },
    onBatch: () => {},
    onError: (error) => failures.push(error),
  });
  try {
    return await voidOpenHolds({ database, books });
  } catch (error) {
    throw failures[0] ?? error;
  } finally {
    await books.stop();
  }
}

/** The books, the wallets to the cent, the walls, and every sealed value. */
export async function checkAsWanted(
  steps: Steps,
  deps: RestoreChecks,
  database: Database,
  manifest: BackupManifest,
): Promise<void> {
  await steps.run("check the books", async () => {
    const { checks, open } = await database.read({ purpose: "operator" }, async (tx) => ({
      checks: await runChecks(tx, [...minuteChecks, ...deepChecks]),
      open: await countOpenHolds(tx),
    }));
    const faults = checks
      .filter(({ ok }) => !ok)
      .map(({ name, violations, samples }) => `${name}: ${violations} rows, such as ${samples[0]}`);
    if (open > 0) faults.push(`${open} holds are open`);
    return {
      ok: faults.length === 0,
      detail: faults.length === 0 ? `${checks.length} checks hold` : sentenceOf(faults),
    };
  });
  await steps.run("compare the wallets", async () => {
    const wallets = await database.read({ purpose: "backup" }, sumWallets);
    const ok = wallets.digest === manifest.wallets.digest;
    const count = wallets.funds.reduce((sum, fund) => sum + fund.wallets, 0);
    return { ok, detail: ok ? `${count} balances are those of the backup` : "a balance has changed" };
  });
  await steps.run("check isolation", () => deps.checkIsolation(database));
  await steps.run("open every sealed value", async () => {
    const { opened, faults } = await database.read({ purpose: "backup" }, (tx) =>
      openEverySealedValue(tx, deps.secretBox),
    );
    return { ok: faults.length === 0, detail: faults.length === 0 ? `${opened} values` : sentenceOf(faults) };
  });
}

const unfinished = `public.${unfinishedTable}`;

const isSame = (found: unknown, expected: unknown): boolean =>
  JSON.stringify(found) === JSON.stringify(expected);
