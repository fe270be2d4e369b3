import type { updateAppUser } from "@modelfaucet/contract/routes/apps.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type AppUserDetails, shortHash, userQuery, usersPath } from "./users-queries.ts";

/** Suspends an end user, or resumes one. */
export function SuspendDialog({
  appId,
  user,
  close,
}: {
  appId: string;
  user: AppUserDetails;
  close: () => void;
}) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const suspending = user.status === "active";
  const change = useMutation<unknown, Problem>({
    mutationFn: () =>
      call<typeof updateAppUser>("PATCH", "/v1/developer/apps/:publicAppId/users/:id", {
        params: { publicAppId: appId, id: user.id },
        body: { status: suspending ? "suspended" : "active", reason: reason.trim() },
      }),
    onSuccess: async () => {
      void queryClient.invalidateQueries({ queryKey: [usersPath] });
      await queryClient.invalidateQueries({ queryKey: userQuery(appId, user.id).queryKey });
      close();
    },
  });
  const faults = faultsOf(change.error, ["reason"]);
  return (
    <Dialog title={`${suspending ? "Suspend" : "Resume"} ${shortHash(user)}?`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <p>
          {suspending
            ? "Within two seconds no session of this user works and open streams are cut. Wallet and receipts stay. Resume the user to undo this."
            : "Within two seconds this user can open sessions again."}
        </p>
        <TextField
          label="Reason"
          data-first=""
          required
          maxLength={1000}
          value={reason}
          hint="stands in the audit log"
          fault={faults.of.get("reason")}
          onChange={({ target }) => setReason(target.value)}
        />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look={suspending ? "danger" : "primary"} disabled={change.isPending}>
            {suspending ? "Suspend user" : "Resume user"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
