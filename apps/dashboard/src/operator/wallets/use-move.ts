import type { AnswerOf, RouteDefinition, SentOf } from "@modelfaucet/contract/route.ts";
import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { call, type Input, type Problem } from "../../api/call.ts";
import { transactionsPath, walletQuery, walletsPath } from "./wallets-query.ts";

/**
 * Moves money of a wallet once, however often it is sent: a dialog keeps its key until the outcome of a try is known.
 * A definite refusal moved nothing, so the next try is another one and gets a key of its own.
 */
export function useMove<D extends RouteDefinition & { method: "POST" }>(
  path: D["path"],
  walletId: string,
): UseMutationResult<AnswerOf<D>, Problem, SentOf<D>> {
  const queryClient = useQueryClient();
  const key = useRef(crypto.randomUUID());
  return useMutation<AnswerOf<D>, Problem, SentOf<D>>({
    mutationFn: (body) =>
      call<D>("POST", path, {
        params: { id: walletId },
        body,
        idempotencyKey: key.current,
      } as unknown as Input<D>),
    onError: ({ isFinal, code }) => {
      if (isFinal && !code.startsWith("idempotency_")) key.current = crypto.randomUUID();
    },
    // Also after a failure, of which nobody knows whether it moved something.
    onSettled: () =>
      Promise.all([
        queryClient.invalidateQueries({ queryKey: walletQuery(walletId).queryKey }),
        queryClient.invalidateQueries({ queryKey: [transactionsPath] }),
        queryClient.invalidateQueries({ queryKey: [walletsPath] }),
      ]),
  });
}
