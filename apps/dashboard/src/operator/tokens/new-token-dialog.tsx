import type { AnswerOf, SentOf } from "@modelfaucet/contract/route.ts";
import type { createOperatorToken } from "@modelfaucet/contract/routes/operator-tokens.ts";
import { type OperatorScope, operatorRoles, operatorScopes } from "@modelfaucet/contract/scopes.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { may } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { TokenShown } from "./token-shown.tsx";
import { tokensPath } from "./tokens-query.ts";

type Made = AnswerOf<typeof createOperatorToken>;
type Wanted = SentOf<typeof createOperatorToken>;
type Role = keyof typeof operatorRoles;

const dayMs = 86_400_000;
const chosen = "scopes";
const fields = ["email", "name", "role", "scopes", "expires_at"];

/** Makes a token for one person, with a role or with chosen scopes, and shows it once. */
export function NewTokenDialog({ close }: { close: () => void }) {
  const queryClient = useQueryClient();
  const create = useMutation<Made, Problem, Wanted>({
    mutationFn: (body) => call<typeof createOperatorToken>("POST", tokensPath, { body }),
    gcTime: 0,
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [tokensPath] }),
  });
  if (create.data) return <TokenShown made={create.data} close={close} />;
  return <Form error={create.error} pending={create.isPending} submit={create.mutate} close={close} />;
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
  const own = operatorScopes.filter((scope) => may(session, scope));
  // Nobody gives what they do not have.
  const roles = (Object.keys(operatorRoles) as Role[]).filter((role) =>
    operatorRoles[role].every((scope) => own.includes(scope)),
  );
  const [role, setRole] = useState<string>(roles[0] ?? chosen);
  const [scopes, setScopes] = useState<readonly OperatorScope[]>(["operator:read"]);
  const faults = faultsOf(error, fields);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    submit({
      email: String(form.get("email")).trim(),
      name: String(form.get("name")).trim(),
      ...(role === chosen
        ? { scopes: own.filter((scope) => scopes.includes(scope)) }
        : { role: role as Role }),
      expires_at: new Date(Date.now() + Number(form.get("days")) * dayMs).toISOString(),
    });
  };
  return (
    <Dialog title="Add token" close={close}>
      <form onSubmit={onSubmit} className="grid gap-4">
        <TextField
          label="Person's e-mail"
          name="email"
          type="email"
          data-first=""
          required
          maxLength={254}
          hint="the audit log names this person"
          fault={faults.of.get("email")}
        />
        <TextField
          label="Name"
          name="name"
          required
          maxLength={128}
          hint="what it is for"
          fault={faults.of.get("name")}
        />
        <div className="grid grid-cols-2 gap-3">
          <SelectField
            label="Role"
            value={role}
            fault={faults.of.get("role")}
            onChange={({ target }) => setRole(target.value)}
          >
            {roles.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
            <option value={chosen}>chosen scopes</option>
          </SelectField>
          <SelectField label="Ends after" name="days" defaultValue="30" fault={faults.of.get("expires_at")}>
            <option value="1">a day</option>
            <option value="7">7 days</option>
            <option value="30">30 days</option>
            <option value="89">89 days</option>
          </SelectField>
        </div>
        {role === chosen && (
          <ScopeChoice own={own} scopes={scopes} change={setScopes} fault={faults.of.get("scopes")} />
        )}
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={pending || (role === chosen && scopes.length === 0)}>
            {pending ? "Adding…" : "Add token"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function ScopeChoice({
  own,
  scopes,
  change,
  fault,
}: {
  own: readonly OperatorScope[];
  scopes: readonly OperatorScope[];
  change: (scopes: readonly OperatorScope[]) => void;
  fault: string | undefined;
}) {
  return (
    <fieldset className="grid gap-1">
      <legend className="mb-1 text-xs font-medium text-muted">It may</legend>
      {own.map((scope) => (
        <label key={scope} className="flex items-center gap-2 text-sm">
          <input
            type="checkbox"
            className="size-4 accent-(--accent)"
            checked={scopes.includes(scope)}
            onChange={({ target }) =>
              change(target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))
            }
          />
          <code className="font-mono text-xs">{scope.replace("operator:", "")}</code>
        </label>
      ))}
      {fault && <p className="text-xs text-bad">{fault}</p>}
    </fieldset>
  );
}
