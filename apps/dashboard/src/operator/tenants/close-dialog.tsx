import type { closeDeveloper } from "@modelfaucet/contract/routes/admin.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { plural } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { appsPath, type DeveloperItem, developerQuery, developersPath } from "./tenants-query.ts";

/** Closes a developer for good; one that is still owed something is refused. */
export function CloseDialog({ developer, close }: { developer: DeveloperItem; close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const end = useMutation<unknown, Problem>({
    mutationFn: () =>
      call<typeof closeDeveloper>("DELETE", "/v1/admin/developers/:id", {
        params: { id: developer.id },
        query: { reason: reason.trim() },
      }),
    onSuccess: async () => {
      const changed = [developerQuery(developer.id).queryKey, [developersPath], [appsPath]];
      await Promise.all(changed.map((queryKey) => queryClient.invalidateQueries({ queryKey })));
      close();
    },
  });
  const faults = faultsOf(end.error, ["reason"]);
  return (
    <Dialog title={`Close ${developer.name}?`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          end.mutate();
        }}
      >
        <p>
          Within two seconds {plural(developer.apps, "app")} and every token of this developer stop: sessions
          end, calls are refused. Wallets, receipts and books stay. This cannot be undone; while money is
          still payable it is refused.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Keep it</Button>
          <Button type="submit" look="danger" disabled={end.isPending}>
            {end.isPending ? "Closing…" : "Close developer"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
