import type { startKeyRotation } from "@modelfaucet/contract/routes/key-rotations.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type Rotation, rotationsPath } from "./rotations-queries.ts";

export function StartDialog({ close }: { close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const start = useMutation<Rotation, Problem>({
    mutationFn: () =>
      call<typeof startKeyRotation>("POST", rotationsPath, {
        body: { kind: "encryption", reason: reason.trim() },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: [rotationsPath] });
      close();
    },
  });
  const faults = faultsOf(start.error, ["reason"]);
  return (
    <Dialog title="Start rotation" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate();
        }}
      >
        <p>
          Every stored secret is sealed with the first key of the ring, some at a time, while calls go on. The
          old key keeps opening until you finish the rotation.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={start.isPending}>
            {start.isPending ? "Starting…" : "Start rotation"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
