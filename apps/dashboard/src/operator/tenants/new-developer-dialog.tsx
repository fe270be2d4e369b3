import type { createDeveloper } from "@modelfaucet/contract/routes/admin.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type DeveloperItem, developersPath } from "./tenants-query.ts";

/** Makes a developer, and opens its page: there it is invited. */
export function NewDeveloperDialog({ close }: { close: () => void }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [body, setBody] = useState({ name: "", email: "", reason: "" });
  const create = useMutation<DeveloperItem, Problem>({
    mutationFn: () =>
      call<typeof createDeveloper>("POST", developersPath, {
        body: { name: body.name.trim(), email: body.email.trim(), reason: body.reason.trim() },
      }),
    onSuccess: async ({ id }) => {
      await queryClient.invalidateQueries({ queryKey: [developersPath] });
      close();
      await navigate({ to: "/operator/developers/$developerId", params: { developerId: id } });
    },
  });
  const taken = create.error?.status === 409;
  const faults = faultsOf(create.error, ["name", "email", "reason"]);
  return (
    <Dialog title="Add developer" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
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
          autoComplete="off"
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
          <Button type="submit" look="primary" disabled={create.isPending}>
            {create.isPending ? "Adding…" : "Add developer"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
