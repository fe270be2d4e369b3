import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { consoleRoute } from "../console-route.tsx";
import { operatorAuditSearch } from "./audit/search.ts";
import { booksSearch, transactionsSearch } from "./books/search.ts";
import { pricesSearch, versionsSearch } from "./prices/search.ts";
import {
  alertsSearch,
  appsSearch,
  developersSearch,
  limitsSearch,
  walletSearch,
  walletsSearch,
} from "./search.ts";
import { sessionsSearch } from "./sessions/search.ts";
import { switchesSearch } from "./switches/search.ts";

/** Everything of the operator; a developer who types the address is brought home. */
const operatorRoute = createRoute({
  getParentRoute: () => consoleRoute,
  path: "/operator",
  beforeLoad: ({ context: { session } }) => {
    if (session.kind !== "operator") throw redirect({ to: "/" });
  },
});

const overviewRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/",
  component: lazyRouteComponent(() => import("./overview/overview-page.tsx"), "OverviewPage"),
});

const alertsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/alerts",
  validateSearch: alertsSearch,
  component: lazyRouteComponent(() => import("./alerts/alerts-page.tsx"), "AlertsPage"),
});

const developersRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/developers",
  validateSearch: developersSearch,
  component: lazyRouteComponent(() => import("./tenants/developers-page.tsx"), "DevelopersPage"),
});

const developerRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/developers/$developerId",
  component: lazyRouteComponent(() => import("./tenants/developer-page.tsx"), "DeveloperPage"),
});

const appsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/apps",
  validateSearch: appsSearch,
  component: lazyRouteComponent(() => import("./tenants/apps-page.tsx"), "AppsPage"),
});

const appRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/apps/$appId",
  component: lazyRouteComponent(() => import("./tenants/app-page.tsx"), "AppPage"),
});

const walletsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/wallets",
  validateSearch: walletsSearch,
  component: lazyRouteComponent(() => import("./wallets/wallets-page.tsx"), "WalletsPage"),
});

const walletRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/wallets/$walletId",
  validateSearch: walletSearch,
  component: lazyRouteComponent(() => import("./wallets/wallet-page.tsx"), "WalletPage"),
});

const limitsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/limits",
  validateSearch: limitsSearch,
  component: lazyRouteComponent(() => import("./limits/limits-page.tsx"), "LimitsPage"),
});

const pricesRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/prices",
  validateSearch: pricesSearch,
  component: lazyRouteComponent(() => import("./prices/prices-page.tsx"), "PricesPage"),
});

const importPricesRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/prices/import",
  component: lazyRouteComponent(() => import("./prices/import-page.tsx"), "ImportPage"),
});

const priceVersionsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/prices/versions",
  validateSearch: versionsSearch,
  component: lazyRouteComponent(() => import("./prices/versions-page.tsx"), "VersionsPage"),
});

const providersRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/providers",
  component: lazyRouteComponent(() => import("./providers/providers-page.tsx"), "ProvidersPage"),
});

const providerRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/providers/$provider",
  component: lazyRouteComponent(() => import("./providers/provider-page.tsx"), "ProviderPage"),
});

const booksRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/books",
  validateSearch: booksSearch,
  component: lazyRouteComponent(() => import("./books/books-page.tsx"), "BooksPage"),
});

const transactionsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/books/transactions",
  validateSearch: transactionsSearch,
  component: lazyRouteComponent(() => import("./books/transactions-page.tsx"), "TransactionsPage"),
});

const transactionRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/books/transactions/$transactionId",
  component: lazyRouteComponent(() => import("./books/transaction-page.tsx"), "TransactionPage"),
});

const switchesRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/switches",
  validateSearch: switchesSearch,
  component: lazyRouteComponent(() => import("./switches/switches-page.tsx"), "SwitchesPage"),
});

const sessionsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/sessions",
  validateSearch: sessionsSearch,
  component: lazyRouteComponent(() => import("./sessions/sessions-page.tsx"), "SessionsPage"),
});

const rotationsRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/key-rotation",
  component: lazyRouteComponent(() => import("./rotations/rotations-page.tsx"), "RotationsPage"),
});

const tokensRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/tokens",
  validateSearch: versionsSearch,
  component: lazyRouteComponent(() => import("./tokens/tokens-page.tsx"), "TokensPage"),
});

const auditRoute = createRoute({
  getParentRoute: () => operatorRoute,
  path: "/audit",
  validateSearch: operatorAuditSearch,
  component: lazyRouteComponent(() => import("./audit/audit-page.tsx"), "AuditPage"),
});

/** The operator's screens; each is loaded when it is opened. */
export const operatorRoutes = [
  operatorRoute.addChildren([
    overviewRoute,
    alertsRoute,
    developersRoute,
    developerRoute,
    appsRoute,
    appRoute,
    walletsRoute,
    walletRoute,
    limitsRoute,
    pricesRoute,
    importPricesRoute,
    priceVersionsRoute,
    providersRoute,
    providerRoute,
    booksRoute,
    transactionsRoute,
    transactionRoute,
    switchesRoute,
    sessionsRoute,
    rotationsRoute,
    tokensRoute,
    auditRoute,
  ]),
] as const;
