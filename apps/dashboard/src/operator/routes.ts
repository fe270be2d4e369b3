import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { consoleRoute } from "../console-route.tsx";
import { booksSearch, transactionsSearch } from "./books/search.ts";

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

/** The operator's screens; each is loaded when it is opened. */
export const operatorRoutes = [
  operatorRoute.addChildren([overviewRoute, booksRoute, transactionsRoute, transactionRoute]),
] as const;
