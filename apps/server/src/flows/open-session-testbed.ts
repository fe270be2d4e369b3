// One database, one change feed and the flows' dependencies, as the wiring would hand them in, for tests beside the flows.
import { effectiveManifest } from "@modelfaucet/contract/manifest.ts";
import { defaultDeveloperScopes, developerScopes } from "@modelfaucet/contract/scopes.ts";
import { createTestDatabase, type PostgresServer } from "@modelfaucet/testkit/database.ts";
import { withoutCredentialRate } from "@modelfaucet/testkit/rates.ts";
import { SignJWT } from "jose";
import { createChangeFeed } from "../lib/change-feed.ts";
import { openDatabase } from "../lib/db.ts";
import { uuidV7 } from "../lib/ids.ts";
import { createOutbound } from "../lib/outbound.ts";
import { createSecretBox } from "../lib/secret-box.ts";
import { createBooks, readEpoch } from "../modules/books/books.ts";
import {
  createDeveloperTokens,
  createKeySets,
  createMissLimiter,
  createOperatorTokens,
  createSessionCache,
  type DeveloperCaller,
  fetchKeySet,
} from "../modules/identity/identity.ts";
import { createSwitches } from "../modules/switch/switch.ts";
import { createAppOrigins, createDirectory } from "../modules/tenancy/tenancy.ts";
import { createApp } from "./apps.ts";
import { auditDeveloperTokenUse, auditOperatorTokenUse } from "./credential-uses.ts";
import { createDeveloper } from "./developers.ts";
import { createFeature } from "./features.ts";
import { keepKeySet } from "./keep-key-set.ts";
import { openPlans } from "./plan-testbed.ts";

export type Testbed = Awaited<ReturnType<typeof openTestbed>>;

/** Seals nothing of worth. */
const testEncryptionKey = "Jr7vX2mQ9cTzK4wLh8sBpN5dYfG3aE6uR1oV0iCt";

export const testActor = { actorScope: "bootstrap", actorId: "bootstrap", actorName: "test" } as const;

/** The bootstrap credential for developers: all scopes, any developer. */
export const bootstrapCaller: DeveloperCaller = {
  tokenId: "bootstrap",
  bootstrap: true,
  developerId: null,
  scopes: new Set(developerScopes),
  publicAppIds: null,
  modelsAllowed: null,
  expiresAtMs: null,
};

export async function openTestbed(server: PostgresServer) {
  const cloned = await createTestDatabase(server);
  const open = (url: string) =>
    openDatabase({
      url,
      poolMax: 8,
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 10_000,
      idleTransactionTimeoutMs: 10_000,
      applicationName: "flows-test",
    });
  const database = open(cloned.runtimeUrl);
  const feed = createChangeFeed({
    database,
    directDatabase: database,
    instanceId: uuidV7(),
    roles: ["api"],
    pollMs: 100,
    onError: (error) => console.error(error),
  });
  const misses = createMissLimiter(() => feed.now());
  const sessions = createSessionCache({ database, feed, misses });
  const switches = createSwitches({ database, feed });
  const directory = createDirectory({ database, feed, effectiveManifest });
  await feed.start();
  const origins = await createAppOrigins({ database, feed });
  const outbound = createOutbound({
    connectTimeoutMs: 1_000,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: () => false,
  });
  const books = createBooks({
    database,
    maxBatch: 64,
    maxQueued: 1_000,
    statementTimeoutMs: 10_000,
    context: { epoch: await readEpoch(database), instanceId: uuidV7(), holdTtlSeconds: 30 },
    onBatch: () => {},
    onError: (error) => console.error(error),
  });
  const deps = {
    database,
    feed,
    sessions,
    directory,
    effectiveManifest,
    defaultScopes: defaultDeveloperScopes,
    secretBox: createSecretBox([testEncryptionKey]),
    production: false,
    sessionTtlSeconds: 3600,
    userTokenMaxTtlSeconds: 600,
    plans: openPlans(),
    rates: withoutCredentialRate.rates,
    switches,
    // Nothing of these tests goes out; what does is tried against a running product.
    outbound,
    keySets: createKeySets({
      fetch: (url) => fetchKeySet(outbound, url),
      keep: (source, stored) => keepKeySet(database, source, stored),
      nowMs: feed.now,
      onError: (error) => console.error(error),
    }),
  };
  return {
    ...deps,
    deps,
    developerTokens: createDeveloperTokens({ database, misses, onFirstUse: auditDeveloperTokenUse }),
    operatorTokens: createOperatorTokens({ database, misses, onFirstUse: auditOperatorTokenUse }),
    origins,
    books,
    cloned,
    close: async () => {
      await books.stop();
      await feed.stop();
      await database.close();
      await cloned.drop();
    },
  };
}

/** A developer with one app and one feature `reply` over two simulated models. */
export async function makeApp(
  bed: Testbed,
  publicAppId: string,
  change: Parameters<typeof createApp>[3]["change"] = {},
) {
  const developer = await createDeveloper(bed.deps, testActor, {
    email: `${publicAppId}@example.com`,
    name: publicAppId,
    reason: "test",
  });
  const { app, identitySecret } = await createApp(bed.deps, bootstrapCaller, testActor, {
    publicAppId,
    name: publicAppId,
    developerId: developer.id,
    change,
  });
  const { feature } = await createFeature(bed.deps, bootstrapCaller, testActor, {
    publicAppId,
    featureKey: "reply",
    displayName: "Reply",
    policy: { models: ["simulated/sim-small", "simulated/sim-large"] },
    pricing: {},
  });
  const caller: DeveloperCaller = {
    ...bootstrapCaller,
    tokenId: uuidV7(),
    bootstrap: false,
    developerId: developer.id,
  };
  return { developer, app, identitySecret: identitySecret!, feature, caller };
}

/** A user token as an app's backend signs it; a claim of `undefined` is left out. */
export function signUserToken(secret: string, claims: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = Object.entries({ iat: now, exp: now + 300, ...claims }).filter(
    ([, value]) => value !== undefined,
  );
  return new SignJWT(Object.fromEntries(all))
    .setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
}
