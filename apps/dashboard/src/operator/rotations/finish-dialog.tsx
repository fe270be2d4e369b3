import type { finishKeyRotation } from "@modelfaucet/contract/routes/key-rotations.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type Rotation, rotationsPath } from "./rotations-queries.ts";

/** Ends a rotation; refused, with the reason, while a value still needs the old key. */
export function FinishDialog({ rotation, close }: { rotation: Rotation; close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const finish = useMutation<Rotation, Problem>({
    mutationFn: () =>
      call<typeof finishKeyRotation>("POST", "/v1/admin/key-rotations/:id/finish", {
        params: { id: rotation.id },
        body: { reason: reason.trim() },
      }),
    // A refusal, too, has counted anew what is left.
    onSettled: () => queryClient.invalidateQueries({ queryKey: [rotationsPath] }),
    onSuccess: close,
  });
  const faults = faultsOf(finish.error, ["reason"]);
  return (
    <Dialog title="Finish rotation?" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          finish.mutate();
        }}
      >
        <p>
          From then on every process starts without the old key: take it out of SECRET_ENCRYPTION_KEY. A
          backup from before needs it still, so keep it where backups are kept.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Not yet</Button>
          <Button type="submit" look="primary" disabled={finish.isPending}>
            {finish.isPending ? "Finishing…" : "Finish rotation"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
