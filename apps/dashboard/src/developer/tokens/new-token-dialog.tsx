import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { createToken } from "@modelfaucet/contract/routes/developer.ts";
import {
  type DeveloperScope,
  defaultDeveloperScopes,
  developerScopes,
} from "@modelfaucet/contract/scopes.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { may } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";
import { appsQuery } from "../apps/apps-query.ts";

type Created = AnswerOf<typeof createToken>;
type Wanted = { name: string; scopes: DeveloperScope[]; public_app_ids?: string[]; expires_at: string };

const dayMs = 86_400_000;

/** Makes a token of some of the scopes that this person has, and shows it once. */
export function NewTokenDialog({ close }: { close: () => void }) {
  const queryClient = useQueryClient();
  const create = useMutation<Created, Problem, Wanted>({
    mutationFn: (body) => call<typeof createToken>("POST", "/v1/developer/tokens", { body }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["/v1/developer/tokens"] }),
  });
  if (!create.data)
    return <Form error={create.error} pending={create.isPending} submit={create.mutate} close={close} />;
  return (
    <Dialog title={`${create.data.item.name} is there`} close={close}>
      <SecretOnce
        label="Developer token"
        secret={create.data.token}
        note="It is shown this once, and kept here as a hash alone. It belongs on a server, never into a page."
      />
      <div className="flex justify-end">
        <Button look="primary" onClick={close}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}

function Form({
  error,
  pending,
  submit,
  close,
}: {
  error: Problem | null;
  pending: boolean;
  submit: (wanted: Wanted) => void;
  close: () => void;
}) {
  const { session } = useRouteContext({ from: "/console" });
  const own = developerScopes.filter((scope) => may(session, scope));
  const [scopes, setScopes] = useState<readonly DeveloperScope[]>(() =>
    own.filter((scope) => (defaultDeveloperScopes as readonly string[]).includes(scope)),
  );
  const faults = faultsOf(error, ["name", "scopes", "public_app_ids", "expires_at"]);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const app = String(form.get("app"));
    submit({
      name: String(form.get("name")).trim(),
      scopes: own.filter((scope) => scopes.includes(scope)),
      ...(app === "" ? {} : { public_app_ids: [app] }),
      expires_at: new Date(Date.now() + Number(form.get("days")) * dayMs).toISOString(),
    });
  };
  return (
    <Dialog title="Add token" close={close}>
      <form onSubmit={onSubmit} className="grid gap-4">
        <TextField
          label="Name"
          name="name"
          data-first=""
          required
          maxLength={128}
          hint="what it is for: it stands in audit rows"
          fault={faults.of.get("name")}
        />
        <fieldset className="grid gap-1">
          <legend className="mb-1 text-xs font-medium text-muted">It may</legend>
          {own.map((scope) => (
            <label key={scope} className="flex items-center gap-2 text-sm">
              <input
                type="checkbox"
                className="size-4 accent-(--accent)"
                checked={scopes.includes(scope)}
                onChange={(event) =>
                  setScopes(
                    event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope),
                  )
                }
              />
              <code className="font-mono text-xs">{scope.replace("developer:", "")}</code>
            </label>
          ))}
          {faults.of.get("scopes") && <p className="text-xs text-bad">{faults.of.get("scopes")}</p>}
        </fieldset>
        <div className="grid grid-cols-2 gap-3">
          <AppField fault={faults.of.get("public_app_ids")} />
          <SelectField label="Ends after" name="days" defaultValue="365" fault={faults.of.get("expires_at")}>
            <option value="30">30 days</option>
            <option value="90">90 days</option>
            <option value="365">a year</option>
            <option value="729">two years</option>
          </SelectField>
        </div>
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={pending || scopes.length === 0}>
            {pending ? "Adding…" : "Add token"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function AppField({ fault }: { fault: string | undefined }) {
  const { session } = useRouteContext({ from: "/console" });
  const apps = useQuery({ ...appsQuery(), enabled: may(session, "developer:apps:read") });
  return (
    <SelectField label="For" name="app" fault={fault}>
      <option value="">all apps</option>
      {apps.data?.items.map(({ public_app_id: id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </SelectField>
  );
}
