import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { may } from "../api/session.ts";
import { consoleRoute } from "../console-route.tsx";
import { auditSearch } from "./audit/search.ts";
import { keysSearch } from "./keys/search.ts";
import { overviewSearch, requestsSearch } from "./search.ts";
import { usersSearch } from "./users/search.ts";

const getParentRoute = () => consoleRoute;

const overviewRoute = createRoute({
  getParentRoute,
  path: "/",
  validateSearch: overviewSearch,
  beforeLoad: ({ context: { session } }) => {
    if (session.kind === "operator") throw redirect({ to: "/operator" });
    if (!may(session, "developer:usage:read")) throw redirect({ to: "/apps" });
  },
  component: lazyRouteComponent(() => import("./overview/overview-page.tsx"), "OverviewPage"),
});

const requestsRoute = createRoute({
  getParentRoute,
  path: "/requests",
  validateSearch: requestsSearch,
  component: lazyRouteComponent(() => import("./requests/requests-page.tsx"), "RequestsPage"),
});

const requestRoute = createRoute({
  getParentRoute,
  path: "/requests/$requestId",
  component: lazyRouteComponent(() => import("./requests/request-page.tsx"), "RequestPage"),
});

const appsRoute = createRoute({
  getParentRoute,
  path: "/apps",
  component: lazyRouteComponent(() => import("./apps/apps-page.tsx"), "AppsPage"),
});

const appRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId",
  component: lazyRouteComponent(() => import("./apps/app-page.tsx"), "AppPage"),
});

const newFeatureRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId/new-feature",
  component: lazyRouteComponent(() => import("./features/feature-page.tsx"), "NewFeaturePage"),
});

const featureRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId/features/$featureKey",
  component: lazyRouteComponent(() => import("./features/feature-page.tsx"), "FeaturePage"),
});

const usersRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId/users",
  validateSearch: usersSearch,
  component: lazyRouteComponent(() => import("./users/users-page.tsx"), "UsersPage"),
});

const userRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId/users/$userId",
  component: lazyRouteComponent(() => import("./users/user-page.tsx"), "UserPage"),
});

const identityRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId/identity",
  component: lazyRouteComponent(() => import("./identity/identity-page.tsx"), "IdentityPage"),
});

const debugLogRoute = createRoute({
  getParentRoute,
  path: "/apps/$appId/debug-log",
  component: lazyRouteComponent(() => import("./debug/debug-page.tsx"), "DebugPage"),
});

const keysRoute = createRoute({
  getParentRoute,
  path: "/keys",
  validateSearch: keysSearch,
  component: lazyRouteComponent(() => import("./keys/keys-page.tsx"), "KeysPage"),
});

const keyRoute = createRoute({
  getParentRoute,
  path: "/keys/$keyId",
  component: lazyRouteComponent(() => import("./keys/key-page.tsx"), "KeyPage"),
});

const auditRoute = createRoute({
  getParentRoute,
  path: "/audit",
  validateSearch: auditSearch,
  component: lazyRouteComponent(() => import("./audit/audit-page.tsx"), "AuditPage"),
});

const tokensRoute = createRoute({
  getParentRoute,
  path: "/tokens",
  component: lazyRouteComponent(() => import("./tokens/tokens-page.tsx"), "TokensPage"),
});

/** The developer's screens; each is loaded when it is opened. */
export const developerRoutes = [
  overviewRoute,
  requestsRoute,
  requestRoute,
  appsRoute,
  appRoute,
  newFeatureRoute,
  featureRoute,
  usersRoute,
  userRoute,
  identityRoute,
  debugLogRoute,
  keysRoute,
  keyRoute,
  tokensRoute,
  auditRoute,
] as const;
