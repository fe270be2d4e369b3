import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { rotateToken } from "@modelfaucet/contract/routes/identity.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { OverlapField } from "./overlap-field.tsx";
import type { Token } from "./tokens-page.tsx";

/** Gives a token a successor with the same rights; both hold for the overlap. */
export function RotateDialog({ token, close }: { token: Token; close: () => void }) {
  const queryClient = useQueryClient();
  const [overlap, setOverlap] = useState("86400");
  const rotate = useMutation<AnswerOf<typeof rotateToken>, Problem>({
    mutationFn: () =>
      call<typeof rotateToken>("POST", "/v1/developer/tokens/:id/rotate", {
        params: { id: token.id },
        body: { overlap_seconds: Number(overlap) },
      }),
    gcTime: 0,
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["/v1/developer/tokens"] }),
  });
  if (rotate.data) {
    return (
      <Dialog title={`${token.name} has a successor`} close={close}>
        <SecretOnce
          label="Developer token"
          secret={rotate.data.token}
          note="It is shown this once, and kept here as a hash alone. Put it in the old one's place before that one ends."
        />
        <div className="flex justify-end">
          <Button look="primary" onClick={close}>
            I have copied it
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={`Rotate ${token.name}`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          rotate.mutate();
        }}
      >
        <p>A new token with the same rights takes its place; it is shown once.</p>
        <OverlapField what="token" value={overlap} change={setOverlap} />
        {rotate.error && <ProblemNotice trouble={rotate.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={rotate.isPending}>
            {rotate.isPending ? "Rotating…" : "Rotate token"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
