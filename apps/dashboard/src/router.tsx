import type { QueryClient } from "@tanstack/react-query";
import { createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { sessionQuery } from "./api/session.ts";
import { consoleRoute, returnTo, rootRoute } from "./console-route.tsx";
import { developerRoutes } from "./developer/routes.ts";
import { operatorRoutes } from "./operator/routes.ts";
import { linkCodeWaits } from "./sign-in/link-code.ts";

const signInRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sign-in",
  validateSearch: (search: Record<string, unknown>) => returnTo(search.to),
  beforeLoad: async ({ context, search }) => {
    // A link always signs in anew; without one, who is signed in has nothing to do here.
    if (linkCodeWaits()) return;
    const session = await context.queryClient.ensureQueryData(sessionQuery).catch(() => null);
    if (session) throw redirect({ href: search.to ?? "/" });
  },
  component: lazyRouteComponent(() => import("./sign-in/sign-in-page.tsx"), "SignInPage"),
});

const routeTree = rootRoute.addChildren([
  signInRoute,
  consoleRoute.addChildren([...developerRoutes, ...operatorRoutes]),
]);

export function makeRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    // Plain names and values: a link can be read, written by hand and shortened.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (search) => {
      const entries = Object.entries(search).filter(([, value]) => value !== undefined && value !== "");
      const text = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
      return text === "" ? "" : `?${text}`;
    },
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
