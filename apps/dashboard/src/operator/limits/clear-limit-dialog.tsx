import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { setLimit } from "@modelfaucet/contract/routes/limits.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type LimitItem, limitsPath } from "./limits-query.ts";
import { levelWords, limitWords } from "./words.ts";

/** Takes one limit of the operator away. */
export function ClearLimitDialog({ limit, close }: { limit: LimitItem; close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const clear = useMutation<AnswerOf<typeof setLimit>, Problem>({
    mutationFn: () =>
      call<typeof setLimit>("PUT", limitsPath, {
        body: {
          level: limit.level,
          ...(limit.target_id === undefined ? {} : { target_id: limit.target_id }),
          measure: limit.measure,
          window: limit.window,
          ...(limit.measure === "usd" ? { limit_usd: null } : { limit: null }),
          reason: reason.trim(),
        },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: [limitsPath] });
      close();
    },
  });
  const faults = faultsOf(clear.error, ["reason"]);
  const target = limit.target_name ?? limit.target_id;
  return (
    <Dialog title="Clear limit?" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          clear.mutate();
        }}
      >
        <p className="[overflow-wrap:anywhere]">
          Within two seconds <b>{limitWords(limit)}</b> no longer holds for{" "}
          {levelWords[limit.level].word.toLowerCase()}
          {target !== undefined && <b> {target}</b>}. Other limits stay. Set it again to undo this.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Keep it</Button>
          <Button type="submit" look="danger" disabled={clear.isPending}>
            {clear.isPending ? "Clearing…" : "Clear limit"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
