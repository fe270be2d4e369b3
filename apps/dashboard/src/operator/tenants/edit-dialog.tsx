import type { updateDeveloper } from "@modelfaucet/contract/routes/admin.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type DeveloperItem, developerQuery, developersPath } from "./tenants-query.ts";

/** Changes name and e-mail address of a developer. */
export function EditDialog({ developer, close }: { developer: DeveloperItem; close: () => void }) {
  const queryClient = useQueryClient();
  const [body, setBody] = useState({ name: developer.name, email: developer.email, reason: "" });
  const change = useMutation<DeveloperItem, Problem>({
    mutationFn: () =>
      call<typeof updateDeveloper>("PATCH", "/v1/admin/developers/:id", {
        params: { id: developer.id },
        body: { name: body.name.trim(), email: body.email.trim(), reason: body.reason.trim() },
      }),
    onSuccess: async (answer) => {
      queryClient.setQueryData(developerQuery(developer.id).queryKey, answer);
      await queryClient.invalidateQueries({ queryKey: [developersPath] });
      close();
    },
  });
  const taken = change.error?.status === 409;
  const faults = faultsOf(change.error, ["name", "email", "reason"]);
  return (
    <Dialog title={`Edit ${developer.name}`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <TextField
          label="Name"
          data-first=""
          required
          maxLength={256}
          value={body.name}
          fault={faults.of.get("name")}
          onChange={({ target }) => setBody({ ...body, name: target.value })}
        />
        <TextField
          label="E-mail"
          type="email"
          required
          maxLength={254}
          value={body.email}
          hint="who signs in by it is this developer"
          fault={taken ? "another developer has this e-mail address" : faults.of.get("email")}
          onChange={({ target }) => setBody({ ...body, email: target.value })}
        />
        <ReasonField
          reason={body.reason}
          change={(reason) => setBody({ ...body, reason })}
          fault={faults.of.get("reason")}
        />
        {faults.rest && !taken && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={change.isPending}>
            {change.isPending ? "Saving…" : "Save"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
