import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { createApp } from "@modelfaucet/contract/routes/apps.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button, buttonClass } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { appsQuery } from "./apps-query.ts";

type Created = AnswerOf<typeof createApp>;

/** Adds an app, and shows its identity secret, which no other answer ever holds. */
export function NewAppDialog({ close }: { close: () => void }) {
  const queryClient = useQueryClient();
  const create = useMutation<Created, Problem, { name: string; public_app_id: string }>({
    mutationFn: (body) => call<typeof createApp>("POST", "/v1/developer/apps", { body }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: appsQuery().queryKey }),
  });
  if (create.data) return <Secret app={create.data} close={close} />;
  return <Form pending={create.isPending} error={create.error} submit={create.mutate} close={close} />;
}

function Form({
  pending,
  error,
  submit,
  close,
}: {
  pending: boolean;
  error: Problem | null;
  submit: (body: { name: string; public_app_id: string }) => void;
  close: () => void;
}) {
  const [name, setName] = useState("");
  const [typedId, setTypedId] = useState<string | null>(null);
  const id = typedId ?? idOf(name);
  const faults = faultsOf(error, ["name", "public_app_id"]);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    submit({ name: name.trim(), public_app_id: id });
  };
  return (
    <Dialog title="Add app" close={close}>
      <form onSubmit={onSubmit} className="grid gap-4">
        <TextField
          label="Name"
          data-first=""
          required
          maxLength={256}
          value={name}
          fault={faults.of.get("name")}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label="Public app id"
          required
          pattern="[a-zA-Z0-9_:\-]{1,128}"
          spellCheck={false}
          value={id}
          hint="Stands in your pages and never changes: letters, digits, _ : and -"
          fault={error?.status === 409 ? "this id is taken" : faults.of.get("public_app_id")}
          onChange={(event) => setTypedId(event.target.value)}
        />
        {faults.rest && error?.status !== 409 && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={pending}>
            {pending ? "Adding…" : "Add app"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Secret({ app, close }: { app: Created; close: () => void }) {
  return (
    <Dialog title={`${app.name} is there`} close={close}>
      {app.identity_secret !== undefined && (
        <SecretOnce
          label="Identity secret"
          secret={app.identity_secret}
          note="Your backend signs user tokens with it. It is shown this once; keep it where your other secrets are."
        />
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={close}>Close</Button>
        <Link
          to="/apps/$appId"
          params={{ appId: app.public_app_id }}
          className={buttonClass("primary")}
          onClick={close}
        >
          Open app
        </Link>
      </div>
    </Dialog>
  );
}

function idOf(name: string): string {
  const word = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 100);
  return word === "" ? "" : `app_pub_${word}`;
}
