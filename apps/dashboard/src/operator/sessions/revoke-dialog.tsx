import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { revokeSessions } from "@modelfaucet/contract/routes/switches.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { plural } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { keyWords, sessionsPath, type Whose } from "./sessions-query.ts";

/** Ends every session that one key names. */
export function RevokeDialog({ whose: { by, of }, close }: { whose: Whose; close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const revoke = useMutation<AnswerOf<typeof revokeSessions>, Problem>({
    mutationFn: () =>
      call<typeof revokeSessions>("POST", "/v1/admin/sessions/revoke", {
        body: { [by]: of, reason: reason.trim() },
      }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [sessionsPath] }),
  });
  const faults = faultsOf(revoke.error, ["reason"]);
  if (revoke.data) {
    return (
      <Dialog title={`${plural(revoke.data.revoked, "session")} revoked`} close={close}>
        <p role="status">
          Their calls are refused, their open streams were cut and settled for what was relayed.
        </p>
        <div className="flex justify-end">
          <Button look="primary" data-first="" onClick={close}>
            Close
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={by === "session_id" ? "Revoke session?" : "Revoke sessions?"} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          revoke.mutate();
        }}
      >
        <p className="[overflow-wrap:anywhere]">
          Within two seconds every live session {keyWords[by].of}{" "}
          <code className="font-mono text-sm">{of}</code> ends, and its open streams are cut. This cannot be
          undone, but the app may open new ones: suspend whom it must not open them for.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
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
