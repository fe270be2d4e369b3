import type { AnswerOf, RouteDefinition } from "@modelfaucet/contract/route.ts";
import { keepPreviousData, QueryClient, queryOptions, type UseQueryOptions } from "@tanstack/react-query";
import { call, type Input, Problem } from "./call.ts";

export type Reading<D extends RouteDefinition> = UseQueryOptions<AnswerOf<D>, Problem, AnswerOf<D>>;

/** The query of one GET route: its key is path, params and query, so whoever asks the same gets the same. */
export function read<D extends RouteDefinition & { method: "GET" }>(
  path: D["path"],
  input: Pick<Input<D>, "params" | "query"> = {},
): Reading<D> {
  return queryOptions<AnswerOf<D>, Problem>({
    queryKey: [path, input.params ?? {}, input.query ?? {}],
    queryFn: ({ signal }) => call<D>("GET", path, { ...input, signal } as Input<D>),
  }) as Reading<D>;
}

/** As `read`, and what was shown before stays until the new answer is there: for lists whose filter changes. */
export function readKept<D extends RouteDefinition & { method: "GET" }>(
  path: D["path"],
  input: Pick<Input<D>, "params" | "query"> = {},
): Reading<D> {
  return { ...read<D>(path, input), placeholderData: keepPreviousData } as Reading<D>;
}

/** Asks once more where that may help: the network, a server that is away. Everything else is told at once. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        gcTime: 10 * 60_000,
        retry: (failures, error) =>
          failures < 1 && error instanceof Problem && (error.status === 0 || error.status >= 502),
        retryDelay: 1000,
        // The page says itself that it is offline; a query that waits silently would look like one that loads.
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
}
