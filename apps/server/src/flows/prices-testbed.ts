// A database with two instances that keep the price book and the upstreams in memory, for tests beside the flows.
import { createTestDatabase, type PostgresServer } from "@modelfaucet/testkit/database.ts";
import { type ChangeFeed, createChangeFeed } from "../lib/change-feed.ts";
import { type Database, openDatabase } from "../lib/db.ts";
import { uuidV7 } from "../lib/ids.ts";
import { createSecretBox, type SecretBox } from "../lib/secret-box.ts";
import { createPriceBook, type PriceBook } from "../modules/pricing/pricing.ts";
import {
  type ConfiguredUpstream,
  createUpstreams,
  providerKeyPlace,
  type Upstreams,
} from "../modules/routing/routing.ts";

export type Instance = { feed: ChangeFeed; prices: PriceBook; upstreams: Upstreams; stop(): Promise<void> };

export type PricesBed = {
  database: Database;
  secretBox: SecretBox;
  instances: readonly [Instance, Instance];
  /** As the servers hand them to the flows. */
  deps: {
    database: Database;
    feed: ChangeFeed;
    secretBox: SecretBox;
    upstreams: Upstreams;
    production: boolean;
  };
  setClockOffset(ms: number): Promise<void>;
  close(): Promise<void>;
};

export const testOperator = { actorScope: "admin", actorName: "operator@example.com" } as const;

export async function openPricesBed(
  server: PostgresServer,
  configured: readonly ConfiguredUpstream[] = [],
): Promise<PricesBed> {
  const cloned = await createTestDatabase(server);
  const database = openDatabase({
    url: cloned.runtimeUrl,
    poolMax: 8,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 20_000,
    idleTransactionTimeoutMs: 20_000,
    applicationName: "prices-test",
  });
  const secretBox = createSecretBox(["a test key that seals nothing of worth"]);
  const instances = await Promise.all([
    startInstance(database, secretBox, configured),
    startInstance(database, secretBox, configured),
  ]);
  const { feed, upstreams } = instances[0];
  return {
    database,
    secretBox,
    instances,
    deps: { database, feed, secretBox, upstreams, production: false },
    setClockOffset: cloned.setClockOffset,
    close: async () => {
      for (const instance of instances) await instance.stop();
      await database.close();
      await cloned.drop();
    },
  };
}

async function startInstance(
  database: Database,
  secretBox: SecretBox,
  configured: readonly ConfiguredUpstream[],
): Promise<Instance> {
  const feed = createChangeFeed({
    database,
    directDatabase: database,
    instanceId: uuidV7(),
    roles: ["gateway"],
    pollMs: 100,
    onError: (error) => console.error(error),
  });
  const prices = createPriceBook({ database, now: feed.now });
  const openSecret = (sealed: string, id: string): string | null => {
    try {
      return secretBox.open(sealed, providerKeyPlace(id));
    } catch {
      return null;
    }
  };
  const upstreams = createUpstreams({ database, configured, openSecret });
  feed.on("prices", () => prices.reload());
  feed.on("provider", () => upstreams.reload());
  await feed.start();
  await Promise.all([prices.reload(), upstreams.reload()]);
  return { feed, prices, upstreams, stop: feed.stop };
}
