import type { AnswerOf, RouteDefinition, SentOf } from "@modelfaucet/contract/route.ts";
import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef } from "react";
import { call, type Input, type Problem } from "../../api/call.ts";
import { transactionsPath, walletQuery, walletsPath } from "./wallets-query.ts";

type Move<D extends RouteDefinition> = {
  state: UseMutationResult<AnswerOf<D>, Problem, SentOf<D>>;
  /** Does nothing while an earlier one is on its way: the second click comes before the button is disabled. */
  send: (body: SentOf<D>) => void;
};

/**
 * Moves money of a wallet once, however often it is sent: a dialog keeps its key until the outcome of a try is known.
 * A definite refusal moved nothing, so the next try is another one and gets a key of its own.
 */
export function useMove<D extends RouteDefinition & { method: "POST" }>(
  path: D["path"],
  walletId: string,
): Move<D> {
  const queryClient = useQueryClient();
  const key = useRef(crypto.randomUUID());
  const busy = useRef(false);
  const state = useMutation<AnswerOf<D>, Problem, SentOf<D>>({
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
  const send = (body: SentOf<D>) => {
    if (busy.current) return;
    busy.current = true;
    // What failed is told by the state.
    void state
      .mutateAsync(body)
      .catch(() => {})
      .finally(() => {
        busy.current = false;
      });
  };
  return { state, send };
}
