import type { revokeOperatorToken } from "@modelfaucet/contract/routes/operator-tokens.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, type Problem } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type OperatorToken, tokensPath } from "./tokens-query.ts";

export function RevokeTokenDialog({ token, close }: { token: OperatorToken; close: () => void }) {
  const queryClient = useQueryClient();
  const revoke = useMutation<unknown, Problem>({
    mutationFn: () =>
      call<typeof revokeOperatorToken>("DELETE", "/v1/admin/operator-tokens/:id", {
        params: { id: token.id },
      }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: [tokensPath] });
      close();
    },
  });
  return (
    <Dialog title={`Revoke ${token.name}?`} close={close}>
      <p className="[overflow-wrap:anywhere]">
        Within two seconds every call with <code className="font-mono text-sm">{token.token_prefix}…</code> is
        refused, and console sessions that it opened end. This cannot be undone: make a new token for{" "}
        {token.email} where one is needed.
      </p>
      {revoke.error && <ProblemNotice trouble={revoke.error} />}
      <div className="flex justify-end gap-2">
        <Button data-first="" onClick={close}>
          Keep it
        </Button>
        <Button look="danger" disabled={revoke.isPending} onClick={() => revoke.mutate()}>
          {revoke.isPending ? "Revoking…" : "Revoke token"}
        </Button>
      </div>
    </Dialog>
  );
}
