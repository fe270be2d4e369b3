import type { removeDeveloperProviderKey } from "@modelfaucet/contract/routes/provider-keys.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { call, type Problem } from "../../api/call.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { keysPath, type ProviderKey } from "./keys-queries.ts";
import { vendorName } from "./words.tsx";

export function DeleteKeyDialog({ item, close }: { item: ProviderKey; close: () => void }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const remove = useMutation<unknown, Problem>({
    mutationFn: () =>
      call<typeof removeDeveloperProviderKey>("DELETE", "/v1/developer/provider-keys/:id", {
        params: { id: item.id },
      }),
    onSuccess: async () => {
      await navigate({ to: "/keys", replace: true });
      await queryClient.invalidateQueries({ queryKey: [keysPath] });
    },
  });
  return (
    <Dialog title={`Delete key ${item.masked}?`} close={close}>
      <p>
        Within two seconds no call carries it, and what is sealed of it is destroyed. This cannot be undone:
        add the key again where it is needed. At {vendorName(item.provider)} it goes on until you revoke it
        there.
      </p>
      {remove.error && <ProblemNotice trouble={remove.error} />}
      <div className="flex justify-end gap-2">
        <Button data-first="" onClick={close}>
          Keep it
        </Button>
        <Button look="danger" disabled={remove.isPending} onClick={() => remove.mutate()}>
          {remove.isPending ? "Deleting…" : "Delete key"}
        </Button>
      </div>
    </Dialog>
  );
}
