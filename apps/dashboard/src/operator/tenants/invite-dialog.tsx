import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { inviteDeveloper } from "@modelfaucet/contract/routes/admin.ts";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { showExactTime } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { ReasonField } from "../reason-field.tsx";
import type { DeveloperItem } from "./tenants-query.ts";

type Invitation = AnswerOf<typeof inviteDeveloper>;

/** Makes a link that signs in once, and shows it this once. */
export function InviteDialog({ developer, close }: { developer: DeveloperItem; close: () => void }) {
  const [reason, setReason] = useState("");
  const invite = useMutation<Invitation, Problem>({
    mutationFn: () =>
      call<typeof inviteDeveloper>("POST", "/v1/admin/developers/:id/invite", {
        params: { id: developer.id },
        body: { reason: reason.trim() },
      }),
  });
  if (invite.data) return <Link invitation={invite.data} developer={developer} close={close} />;
  const faults = faultsOf(invite.error, ["reason"]);
  return (
    <Dialog title={`Invite ${developer.name}`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          invite.mutate();
        }}
      >
        <p>
          Makes a link to the console that is good for 7 days. Whoever opens it first is signed in as this
          developer.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={invite.isPending}>
            {invite.isPending ? "Making…" : "Make the link"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Link({
  invitation: { url, mailed, expires_at: end },
  developer,
  close,
}: {
  invitation: Invitation;
  developer: DeveloperItem;
  close: () => void;
}) {
  return (
    <Dialog title={`The invitation of ${developer.name}`} close={close}>
      <p>
        {mailed
          ? `It was mailed to ${developer.email}.`
          : `No mail was sent. Hand the link to ${developer.email} yourself, by a way that only they read.`}
      </p>
      <SecretOnce
        label="One-time link"
        secret={url}
        note={`It is shown this once, signs in once, and ends on ${showExactTime(end).split(".")[0]}.`}
      />
      <div className="flex justify-end">
        <Button look="primary" onClick={close}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}
