import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { rotateIdentitySecret } from "@modelfaucet/contract/routes/identity.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { showMinute } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { type AppItem, appQuery } from "../apps/apps-query.ts";
import { OverlapField } from "../tokens/overlap-field.tsx";

type Rotated = AnswerOf<typeof rotateIdentitySecret>;

export function RotateSecretButton({ app }: { app: AppItem }) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button onClick={() => setOpened(true)}>Rotate secret</Button>
      {opened && <RotateSecretDialog app={app} close={() => setOpened(false)} />}
    </>
  );
}

/** Gives the app a new identity secret, shown once; the one until now holds for the overlap. */
function RotateSecretDialog({ app, close }: { app: AppItem; close: () => void }) {
  const queryClient = useQueryClient();
  const [overlap, setOverlap] = useState("86400");
  const rotate = useMutation<Rotated, Problem>({
    mutationFn: () =>
      call<typeof rotateIdentitySecret>("POST", "/v1/developer/apps/:publicAppId/identity-secret/rotate", {
        params: { publicAppId: app.public_app_id },
        body: { overlap_seconds: Number(overlap) },
      }),
    gcTime: 0,
    onSuccess: () => queryClient.invalidateQueries({ queryKey: appQuery(app.public_app_id).queryKey }),
  });
  if (rotate.data) return <Shown rotated={rotate.data} close={close} />;
  return (
    <Dialog title="Rotate identity secret" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          rotate.mutate();
        }}
      >
        <p>
          A new secret takes its place; it is shown once. Your users keep their wallets, and open sessions go
          on.
        </p>
        <OverlapField what="secret" value={overlap} change={setOverlap} />
        {rotate.error && <ProblemNotice trouble={rotate.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={rotate.isPending}>
            {rotate.isPending ? "Rotating…" : "Rotate secret"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Shown({ rotated, close }: { rotated: Rotated; close: () => void }) {
  const { identity_secret: secret, previous_valid_until: until } = rotated;
  return (
    <Dialog title="A new identity secret" close={close}>
      <SecretOnce
        label="Identity secret"
        secret={secret}
        note={`It is shown this once. ${
          until === undefined
            ? "The one before has ended: user tokens that it signed are refused from now on."
            : `The one before holds until ${showMinute(until)}.`
        }`}
      />
      <div className="flex justify-end">
        <Button look="primary" onClick={close}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}
