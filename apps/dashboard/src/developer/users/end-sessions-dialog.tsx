import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { revokeUserSessions } from "@modelfaucet/contract/routes/switches.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type AppUserDetails, shortHash, userQuery } from "./users-queries.ts";

/** Ends every session of one end user. */
export function EndSessionsDialog({
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
  const revoke = useMutation<AnswerOf<typeof revokeUserSessions>, Problem>({
    mutationFn: () =>
      call<typeof revokeUserSessions>("POST", "/v1/developer/apps/:publicAppId/users/:id/revoke-sessions", {
        params: { publicAppId: appId, id: user.id },
        body: reason.trim() === "" ? {} : { reason: reason.trim() },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: userQuery(appId, user.id).queryKey });
      close();
    },
  });
  return (
    <Dialog title="Revoke sessions?" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          revoke.mutate();
        }}
      >
        <p>
          Within two seconds every session of <code className="font-mono text-sm">{shortHash(user)}</code>{" "}
          ends and its open streams are cut. Your app may open new ones: suspend the user where it must not.
        </p>
        <TextField
          label="Reason"
          data-first=""
          maxLength={1000}
          value={reason}
          hint="stands in the audit log; may be empty"
          onChange={({ target }) => setReason(target.value)}
        />
        {revoke.error && <ProblemNotice trouble={revoke.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Keep them</Button>
          <Button type="submit" look="danger" disabled={revoke.isPending}>
            {revoke.isPending ? "Revoking…" : "Revoke sessions"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
