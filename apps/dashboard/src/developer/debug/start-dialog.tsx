import type { startDebugLog } from "@modelfaucet/contract/routes/debug-log.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextArea } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type DebugLog, debugPath, debugQuery } from "./debug-queries.ts";

export function StartDialog({ appId, close }: { appId: string; close: () => void }) {
  const queryClient = useQueryClient();
  const [minutes, setMinutes] = useState("15");
  const [reason, setReason] = useState("");
  const start = useMutation<DebugLog, Problem>({
    mutationFn: () =>
      call<typeof startDebugLog>("POST", debugPath, {
        params: { publicAppId: appId },
        body: { minutes: Number(minutes), reason: reason.trim() },
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(debugQuery(appId).queryKey, answer);
      close();
    },
  });
  const faults = faultsOf(start.error, ["minutes", "reason"]);
  return (
    <Dialog title="Start recording" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          start.mutate();
        }}
      >
        <p>
          What your users ask and what is answered is recorded, sealed. Every answer of that time says so to
          your users. It ends by itself, and each record is gone after 24 hours.
        </p>
        <SelectField
          label="For"
          data-first=""
          value={minutes}
          fault={faults.of.get("minutes")}
          onChange={({ target }) => setMinutes(target.value)}
        >
          <option value="5">5 minutes</option>
          <option value="15">15 minutes</option>
          <option value="30">30 minutes</option>
          <option value="60">an hour</option>
        </SelectField>
        <TextArea
          label="Reason"
          required
          rows={2}
          maxLength={1000}
          value={reason}
          hint="stands in the audit log beside your name"
          fault={faults.of.get("reason")}
          onChange={({ target }) => setReason(target.value)}
        />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={start.isPending}>
            {start.isPending ? "Starting…" : "Start recording"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
