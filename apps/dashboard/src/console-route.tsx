import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, Outlet, redirect } from "@tanstack/react-router";
import { Problem } from "./api/call.ts";
import { sessionQuery } from "./api/session.ts";
import { Shell } from "./shell/shell.tsx";
import { ProblemNotice } from "./ui/problem-notice.tsx";

export type RouterContext = { queryClient: QueryClient };

export const rootRoute = createRootRouteWithContext<RouterContext>()({
  component: Outlet,
  notFoundComponent: NotFound,
  errorComponent: Failed,
});

/** Everything behind the sign-in: it asks who is signed in before a screen is loaded, and comes back afterwards. */
export const consoleRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "console",
  beforeLoad: async ({ context, location }) => {
    const session = await context.queryClient.ensureQueryData(sessionQuery);
    if (!session) throw redirect({ to: "/sign-in", search: returnTo(location.href) });
    return { session };
  },
  component: Shell,
});

/** A path of this console to come back to; anything else, a foreign address above all, is dropped. */
export function returnTo(path: unknown): { to?: string } {
  if (typeof path !== "string" || !/^\/(?![/\\])/.test(path) || path === "/" || path.startsWith("/sign-in"))
    return {};
  return { to: path };
}

function Failed({ error: thrown, reset }: { error: unknown; reset: () => void }) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  // A new version has replaced the files that this page would still load.
  const outdated = /dynamically imported module|module script/i.test(error.message);
  const message = outdated
    ? "The console has been updated. Load this page again."
    : error instanceof Problem
      ? error.message
      : "This screen has a fault. Load it again; if that does not help, tell us the words below.";
  return (
    <main className="mx-auto max-w-[560px] px-4 py-16">
      <title>Not available · ModelFaucet</title>
      <h1 className="mb-3 text-xl font-semibold">The console is not available</h1>
      <ProblemNotice
        trouble={{ message, ...(error instanceof Problem ? { requestId: error.requestId } : {}) }}
        retry={outdated ? () => location.reload() : reset}
      />
      {!outdated && !(error instanceof Problem) && (
        <p className="mt-3 font-mono text-xs [overflow-wrap:anywhere] text-muted">{error.message}</p>
      )}
    </main>
  );
}

function NotFound() {
  return (
    <main className="mx-auto max-w-[560px] px-4 py-16">
      <title>No such page · ModelFaucet</title>
      <h1 className="mb-2 text-xl font-semibold">There is no such page</h1>
      <p className="text-muted">
        The address may be mistyped or of another version.{" "}
        <a className="link" href="/">
          Go to the overview
        </a>
      </p>
    </main>
  );
}
