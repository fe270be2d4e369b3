import { effectiveManifest } from "@modelfaucet/contract/manifest.ts";
import { apiRoutes } from "@modelfaucet/contract/routes/table.ts";
import type { PlanSources } from "../flows/complete/plan-context.ts";
import type { ProbeDeps } from "../flows/probe-provider.ts";
import type { CredentialRate } from "../flows/rate-claims.ts";
import type { BodyMemory } from "../lib/body-memory.ts";
import type { ChangeFeed } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import type { HttpServer } from "../lib/http.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Usd } from "../lib/money.ts";
import type { Outbound } from "../lib/outbound.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { type Books, readDeveloperMoney } from "../modules/books/books.ts";
import type { Credentials } from "../modules/credential/credential.ts";
import type {
  BootstrapCredentials,
  ConsoleSessions,
  DeveloperTokens,
  KeySets,
  OperatorTokens,
  SessionCache,
} from "../modules/identity/identity.ts";
import type { PriceBook } from "../modules/pricing/pricing.ts";
import type { RateLimiter } from "../modules/rate/rate.ts";
import type { Upstreams } from "../modules/routing/routing.ts";
import type { Switches } from "../modules/switch/switch.ts";
import type { Directory } from "../modules/tenancy/tenancy.ts";
import { createAuthenticator } from "./authenticate.ts";
import { createConsoleDoor } from "./console-door.ts";
import { mountRoutes } from "./harness.ts";
import { adminAlertRoutes } from "./routes/admin-alerts.ts";
import { adminAppRoutes } from "./routes/admin-apps.ts";
import { adminBackupRoutes } from "./routes/admin-backups.ts";
import { adminBooksRoutes } from "./routes/admin-books.ts";
import { adminDeveloperRoutes } from "./routes/admin-developers.ts";
import { adminKeyRotationRoutes } from "./routes/admin-key-rotations.ts";
import { adminMeRoutes } from "./routes/admin-me.ts";
import { adminPriceBookRoutes } from "./routes/admin-price-book.ts";
import { adminProviderRoutes } from "./routes/admin-providers.ts";
import { adminReconciliationRoutes } from "./routes/admin-reconciliation.ts";
import { adminSessionRoutes } from "./routes/admin-sessions.ts";
import { adminSettingsRoutes } from "./routes/admin-settings.ts";
import { adminSwitchRoutes } from "./routes/admin-switches.ts";
import { adminWalletRoutes } from "./routes/admin-wallets.ts";
import { appUsageRoutes } from "./routes/app-usage.ts";
import { auditRoutes } from "./routes/audit.ts";
import { consoleRoutes } from "./routes/console.ts";
import { debugLogRoutes } from "./routes/debug-log.ts";
import { developerAccountRoutes } from "./routes/developer-account.ts";
import { developerAnalyticsRoutes } from "./routes/developer-analytics.ts";
import { developerAppRoutes } from "./routes/developer-apps.ts";
import { developerFeatureRoutes } from "./routes/developer-features.ts";
import { developerProviderKeyRoutes } from "./routes/developer-provider-keys.ts";
import { developerRequestRoutes } from "./routes/developer-requests.ts";
import { developerUserRoutes } from "./routes/developer-users.ts";
import { identityRoutes } from "./routes/identity.ts";
import { limitRoutes } from "./routes/limits.ts";
import { localUsageRoutes } from "./routes/local-usage.ts";
import { operatorTokenRoutes } from "./routes/operator-tokens.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { userAccountRoutes } from "./routes/user-account.ts";
import { userModeRoutes } from "./routes/user-modes.ts";
import { userProviderKeyRoutes } from "./routes/user-provider-keys.ts";
import { userReceiptRoutes } from "./routes/user-receipts.ts";
import { userUsageRoutes } from "./routes/user-usage.ts";
import { userWalletRoutes } from "./routes/user-wallet.ts";

export type ApiDeps = {
  database: Database;
  feed: ChangeFeed;
  switches: Switches;
  secretBox: SecretBox;
  directory: Directory;
  books: Books;
  sessions: SessionCache;
  developerTokens: DeveloperTokens;
  operatorTokens: OperatorTokens;
  keySets: KeySets;
  /** SHA-256 of the environment's secrets, by variable: a leaked one is known again. */
  secretDigests: readonly { name: string; digest: string }[];
  bootstrap: BootstrapCredentials;
  prices: PriceBook;
  plans: PlanSources;
  providers: ProbeDeps["providers"];
  upstreams: Upstreams;
  outbound: Outbound;
  credentials: Credentials;
  bodyMemory: BodyMemory;
  metrics: Metrics;
  production: boolean;
  /** In tests every answer is held against the contract. */
  checkAnswers: boolean;
  bodyLimitBytes: number;
  sessionTtlSeconds: number;
  userTokenMaxTtlSeconds: number;
  gatewayBaseUrl: string;
  supportUrl: string;
  consoleSessions: ConsoleSessions;
  /** Where this API and the console are reached. */
  apiUrl: string;
  dashboardUrl: string;
  consoleOrigins: readonly string[];
  /** 0 refuses test credit. */
  testCreditMaxUsd: Usd;
  rates: RateLimiter;
  credentialRate: CredentialRate;
  onError: (error: unknown) => void;
};

/** Puts every route of the control API behind its class and scope. @throws when the mount table is not whole */
export function mountApi(http: HttpServer, deps: ApiDeps): void {
  const isPriced = (provider: string, model: string): boolean => deps.prices.find(provider, model) !== null;
  const { apiUrl, consoleOrigins: origins, consoleSessions: sessions, switches } = deps;
  const console = createConsoleDoor({ apiUrl, origins, sessions, switches });
  const common = {
    ...deps,
    console,
    isPriced,
    developerMoney: readDeveloperMoney,
    effectiveManifest,
    restrictsTestMoney: deps.production,
  };
  mountRoutes(
    http,
    [
      ...sessionRoutes(common),
      ...developerAccountRoutes(common),
      ...developerAppRoutes(common),
      ...developerFeatureRoutes(common),
      ...consoleRoutes(common),
      ...adminMeRoutes(common),
      ...adminDeveloperRoutes(common),
      ...adminAppRoutes(common),
      ...adminSettingsRoutes(common),
      ...adminPriceBookRoutes(common),
      ...adminProviderRoutes(common),
      ...userAccountRoutes(common),
      ...userWalletRoutes(common),
      ...userUsageRoutes(),
      ...userReceiptRoutes(),
      ...userProviderKeyRoutes(common),
      ...developerProviderKeyRoutes(common),
      ...adminKeyRotationRoutes(common),
      ...developerRequestRoutes(),
      ...appUsageRoutes(),
      ...developerAnalyticsRoutes(common),
      ...adminBooksRoutes(),
      ...adminWalletRoutes(common),
      ...adminReconciliationRoutes(),
      ...adminBackupRoutes(),
      ...adminAlertRoutes(common),
      ...adminSwitchRoutes(common),
      ...adminSessionRoutes(common),
      ...limitRoutes(common),
      ...identityRoutes(common),
      ...developerUserRoutes(common),
      ...operatorTokenRoutes(common),
      ...auditRoutes(common),
      ...userModeRoutes(common),
      ...debugLogRoutes(common),
      ...localUsageRoutes(common),
    ],
    apiRoutes,
    {
      authenticate: createAuthenticator({ ...deps, nowMs: deps.feed.now }),
      database: deps.database,
      bodyMemory: deps.bodyMemory,
      bodyLimitBytes: deps.bodyLimitBytes,
      console,
      metrics: deps.metrics,
      checkAnswers: deps.checkAnswers,
      nowMs: deps.feed.now,
      rates: deps.rates,
      credentialRate: deps.credentialRate,
      switches,
    },
  );
}
