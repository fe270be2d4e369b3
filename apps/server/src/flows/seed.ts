import { announce } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import type { Usd } from "../lib/money.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { hasEntry } from "../modules/audit/audit.ts";
import { type OperatorSettings, seedSettings } from "../modules/tenancy/tenancy.ts";
import { demoTenant, isolationTenant, plantTenant } from "./seed-tenant.ts";

export type SeedDeps = {
  /** Writes as the operator: the owner's role or the servers'. */
  database: Database;
  /** Past a pooler: two seeds at once wait for each other on a lock of this connection. */
  directDatabase: Database;
  secretBox: SecretBox;
  production: boolean;
  sessionTtlSeconds: number;
  ports: { crmDemo: number; simulatedProvider: number };
  /** What `auto-text` starts with. */
  autoText: OperatorSettings["autoText"];
  /** Makes and publishes the shipped price version when there is none. */
  seedPrices: () => Promise<{ version: number; created: boolean }>;
  /** Moves an opening balance into a wallet's fund `test`, once per source; the books' door. */
  creditOpeningBalance: (credit: OpeningCredit) => Promise<{ created: boolean }>;
  /** Opens and closes one small request of the isolation tenant, once, so that it owns one of everything. */
  settleProbeRequest: (probe: {
    appId: string;
    developerId: string;
    endUserId: string;
    sessionId: string;
    featureKey: string;
  }) => Promise<{ created: boolean }>;
};

export type OpeningCredit = {
  appId: string;
  developerId: string;
  /** The end user's id. */
  walletId: string;
  amountUsd: Usd;
  sourceId: string;
};

export type SeededRow = { what: string; created: boolean };

const lockKey = 7_146_229_033;
const lockWaitMs = 120_000;

/**
 * Makes what is missing and changes nothing that exists: no edit is undone, no spent balance is refilled. Two at once
 * equal one.
 */
export async function seed(deps: SeedDeps, wanted: { demo: boolean }): Promise<SeededRow[]> {
  return underLock(deps.directDatabase, async () => {
    const rows = await seedPlatform(deps);
    if (!wanted.demo) return rows;
    for (const tenant of [demoTenant(deps), isolationTenant(deps)])
      rows.push(...(await plantTenant(deps, tenant)));
    return rows;
  });
}

async function underLock<T>(database: Database, work: () => Promise<T>): Promise<T> {
  const connection = database.connect({ max: 1, statementTimeoutMs: lockWaitMs });
  try {
    await connection`select pg_advisory_lock(${lockKey})`;
    return await work();
  } finally {
    // The lock goes with its connection.
    await connection.end({ timeout: 5 });
  }
}

async function seedPlatform(deps: SeedDeps): Promise<SeededRow[]> {
  const rows = await deps.database.write({ purpose: "operator" }, async (tx) => {
    // A provider key that comes later changes `auto-text`, until an operator says what it is to be.
    const autoTextIsEdited = await hasEntry(tx, "settings.update", "setting", "auto-text");
    const settings = await seedSettings(tx, { autoText: deps.autoText, autoTextIsEdited });
    if (settings.changed) await announce(tx, "settings", "operator");
    const made: SeededRow[] = [{ what: "operator settings", created: settings.added.length > 0 }];
    if (!deps.production) made.push(await seedSimulatedProvider(tx, deps.ports.simulatedProvider));
    return made;
  });
  const prices = await deps.seedPrices();
  return [...rows, { what: `price version ${prices.version}`, created: prices.created }];
}

/** The row follows the port for as long as no operator has edited it. */
async function seedSimulatedProvider(tx: Tx, port: number): Promise<SeededRow> {
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const rows = await tx`
    insert into providers as p (name, base_url) values ('simulated', ${baseUrl})
    on conflict (name) do update set base_url = excluded.base_url
      where p.updated_at = p.created_at and p.base_url <> excluded.base_url
    returning xmax = 0 as created`;
  if (rows.length > 0) await announce(tx, "provider", "simulated");
  return { what: "provider simulated", created: rows[0]?.created === true };
}
