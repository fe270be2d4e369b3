import type { Config } from "./config.ts";
import type { RotationDeps } from "./flows/key-rotation.ts";
import type { PriceDeps } from "./flows/prices.ts";
import { ensureShippedPrices } from "./flows/prices-shipped.ts";
import type { SeedDeps } from "./flows/seed.ts";
import { settleProbe } from "./flows/seed-probe.ts";
import { waitUntilSeen } from "./lib/change-feed.ts";
import { type Database, openDatabase } from "./lib/db.ts";
import { uuidV7 } from "./lib/ids.ts";
import { requireOurDatabase } from "./lib/migrations.ts";
import { createSecretBox } from "./lib/secret-box.ts";
import { createBooks, readEpoch, systemOwners } from "./modules/books/books.ts";

/** What `auto-text` starts with: the first of these that is configured and priced serves. */
const autoText = [
  { provider: "openai", model: "gpt-5-mini" },
  { provider: "openrouter", model: "openai/gpt-5-mini" },
  { provider: "litellm", model: "auto-text" },
  { provider: "simulated", model: "sim-small" },
  { provider: "simulated", model: "sim-large" },
];

export async function withPriceDeps(
  config: Config,
  work: (deps: PriceDeps) => Promise<number>,
): Promise<number> {
  return withOwner(config, (database) => work({ database, feed: feedOf(database) }));
}

export async function withRotationDeps(
  config: Config,
  work: (deps: RotationDeps) => Promise<number>,
): Promise<number> {
  if (!config.secretEncryptionKey)
    throw new Error("SECRET_ENCRYPTION_KEY is missing: it holds the key to rotate to, and the old one");
  const secretBox = createSecretBox(config.secretEncryptionKey);
  return withOwner(config, (database) => work({ database, secretBox }));
}

export async function withSeedDeps(
  config: Config,
  work: (deps: SeedDeps) => Promise<number>,
): Promise<number> {
  if (!config.secretEncryptionKey)
    throw new Error("SECRET_ENCRYPTION_KEY is missing: the demo app's secrets are sealed with it");
  const secretBox = createSecretBox(config.secretEncryptionKey);
  return withOwner(config, async (database) => {
    const books = createBooks({
      database,
      maxBatch: config.database.groupCommitMaxBatch,
      maxQueued: 1_000,
      statementTimeoutMs: config.database.statementTimeoutMs,
      context: {
        epoch: await readEpoch(database),
        instanceId: uuidV7(),
        holdTtlSeconds: config.holdTtlSeconds,
      },
      onBatch: () => {},
      onError: (error) => console.error((error as Error).message),
    });
    try {
      return await work({
        database,
        directDatabase: database,
        secretBox,
        production: config.production,
        sessionTtlSeconds: config.sessionTtlSeconds,
        ports: config.ports,
        autoText,
        seedPrices: () =>
          ensureShippedPrices({ database, feed: feedOf(database), production: config.production }),
        creditOpeningBalance: async (credit) => {
          const moved = await books.move({
            kind: "seed",
            appId: credit.appId,
            developerId: credit.developerId,
            endUserId: credit.walletId,
            sourceId: credit.sourceId,
            direction: "credit",
            amountUsd: credit.amountUsd,
            fund: "test",
            counterparty: { scope: "external", id: systemOwners.externalOpening },
            reason: "seed_opening_balance",
            adjustment: null,
            audit: null,
          });
          if (moved.outcome !== "moved") throw new Error("the demo user has no wallet");
          return { created: !moved.repeated };
        },
        settleProbeRequest: (probe) => settleProbe({ database, books }, probe),
      });
    } finally {
      await books.stop();
    }
  });
}

const feedOf = (database: Database): PriceDeps["feed"] => ({
  waitUntilSeen: (version, timeoutMs = 2_000) => waitUntilSeen(database, version, timeoutMs),
});

async function withOwner(config: Config, work: (database: Database) => Promise<number>): Promise<number> {
  const url = config.database.migrationUrl;
  if (!url) throw new Error("DATABASE_URL is missing: set it, or start the platform with `npm start`");
  const database = openDatabase({
    ...config.database,
    url,
    poolMax: 4,
    applicationName: "modelfaucet command",
  });
  try {
    await requireOurDatabase(database, config.hosted.environment);
    return await work(database);
  } finally {
    await database.close();
  }
}
