import type { AnswerOf, SentOf } from "@modelfaucet/contract/route.ts";
import type { listSwitches, setSwitch } from "@modelfaucet/contract/routes/switches.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, type Problem } from "../../api/call.ts";
import { type Reading, readKept } from "../../api/read.ts";
import type { SwitchesSearch } from "./search.ts";

export type SwitchItem = AnswerOf<typeof setSwitch>;
export type Wanted = SentOf<typeof setSwitch>;
/** What is in force, and how long it took until it was. */
export type Switched = { item: SwitchItem; tookMs: number };

const path = "/v1/admin/switches";
const perPage = 50;
const everyMs = 5_000;

/** The newest change first; asked again by itself, because switches end and instances acknowledge. */
export function switchesQuery({ type, target, state, cursor }: SwitchesSearch): Reading<typeof listSwitches> {
  return {
    ...readKept<typeof listSwitches>(path, {
      query: { limit: perPage, target_type: type, target_id: target, state, cursor },
    }),
    refetchInterval: cursor === undefined ? everyMs : false,
  };
}

/** Sets a switch or lifts it. What the other screens say of suspended things is read again. */
export function useSwitch() {
  const queryClient = useQueryClient();
  return useMutation<Switched, Problem, Wanted>({
    mutationFn: async (body) => {
      const before = performance.now();
      const item = await call<typeof setSwitch>("POST", path, { body });
      return { item, tookMs: performance.now() - before };
    },
    // What the switch did is told at once; the screens behind it follow.
    onSuccess: () =>
      void queryClient.invalidateQueries({ predicate: ({ queryKey }) => isOfOperator(queryKey) }),
  });
}

function isOfOperator(queryKey: readonly unknown[]): boolean {
  return typeof queryKey[0] === "string" && queryKey[0].startsWith("/v1/admin/");
}
