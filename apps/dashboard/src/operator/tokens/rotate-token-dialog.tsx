import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { rotateOperatorToken } from "@modelfaucet/contract/routes/operator-tokens.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { OverlapField } from "../../developer/tokens/overlap-field.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { TokenShown } from "./token-shown.tsx";
import { type OperatorToken, tokensPath } from "./tokens-query.ts";

/** Gives a token a successor; both hold for the overlap. */
export function RotateTokenDialog({ token, close }: { token: OperatorToken; close: () => void }) {
  const queryClient = useQueryClient();
  const [overlap, setOverlap] = useState("86400");
  const rotate = useMutation<AnswerOf<typeof rotateOperatorToken>, Problem>({
    mutationFn: () =>
      call<typeof rotateOperatorToken>("POST", "/v1/admin/operator-tokens/:id/rotate", {
        params: { id: token.id },
        body: { overlap_seconds: Number(overlap) },
      }),
    gcTime: 0,
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [tokensPath] }),
  });
  if (rotate.data) return <TokenShown made={rotate.data} close={close} />;
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
