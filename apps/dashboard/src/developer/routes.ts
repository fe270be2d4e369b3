import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { may } from "../api/session.ts";
import { consoleRoute } from "../console-route.tsx";
import { overviewSearch, requestsSearch } from "./search.ts";

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
  tokensRoute,
] as const;
