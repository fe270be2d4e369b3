import type { replaceProvider } from "@modelfaucet/contract/routes/platform.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call, Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type Provider, providerQuery, providersQuery } from "./providers-queries.ts";

type Wanted = {
  provider: string;
  base_url: string;
  dialect: Provider["dialect"];
  priority: number;
  weight: number;
  reason: string;
};

const fields = ["provider", "base_url", "dialect", "priority", "weight", "reason"] as const;

/** Makes an upstream, or changes how one is reached; used by every instance when it answers. */
export function UpstreamDialog({
  provider,
  close,
  done,
}: {
  provider: Provider | null;
  close: () => void;
  done?: (answer: Provider) => void;
}) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const replace = useMutation<Provider, Problem, Wanted>({
    mutationFn: ({ provider: name, ...body }) =>
      call<typeof replaceProvider>("PUT", "/v1/admin/providers/:provider", {
        params: { provider: name },
        body,
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(providerQuery(answer.provider).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: providersQuery().queryKey });
      close();
      done?.(answer);
    },
  });
  const faults = faultsWithAddress(replace.error);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    replace.mutate({
      provider: provider?.provider ?? text("provider"),
      base_url: text("base_url"),
      dialect: text("dialect") === "anthropic" ? "anthropic" : "openai",
      priority: Number(text("priority")),
      weight: Number(text("weight")),
      reason: reason.trim(),
    });
  };
  return (
    <Dialog title={provider ? `Change ${provider.provider}` : "Add upstream"} close={close}>
      <form onSubmit={onSubmit} className="grid gap-4">
        {provider === null && (
          <TextField
            label="Name"
            name="provider"
            data-first=""
            required
            maxLength={64}
            pattern="[a-z0-9_.\-]{1,64}"
            spellCheck={false}
            hint="lower-case, as the price book and features name it"
            fault={faults.of.get("provider")}
          />
        )}
        <TextField
          label="Address"
          name="base_url"
          type="url"
          required
          spellCheck={false}
          {...(provider ? { "data-first": "" } : {})}
          defaultValue={provider?.base_url}
          placeholder="https://api.example.com/v1"
          hint="https; the part before /chat/completions, or before /messages"
          fault={faults.of.get("base_url")}
        />
        <SelectField
          label="Dialect"
          name="dialect"
          defaultValue={provider?.dialect ?? "openai"}
          hint="what it speaks; requests and answers are translated"
          fault={faults.of.get("dialect")}
        >
          <option value="openai">OpenAI chat completions</option>
          <option value="anthropic">Anthropic messages</option>
        </SelectField>
        <div className="grid grid-cols-2 gap-3">
          <NumberField
            label="Priority"
            name="priority"
            value={provider?.priority ?? 100}
            hint="lower is asked first"
            fault={faults.of.get("priority")}
          />
          <NumberField
            label="Weight"
            name="weight"
            value={provider?.weight ?? 1}
            hint="share among equals"
            fault={faults.of.get("weight")}
          />
        </div>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <p className="text-sm text-muted">
          In force everywhere within two seconds. Calls that are under way end where they began.
        </p>
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={replace.isPending}>
            {replace.isPending ? "Saving…" : provider ? "Save upstream" : "Add upstream"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function NumberField({
  value,
  ...rest
}: {
  label: string;
  name: string;
  value: number;
  hint: string;
  fault: string | undefined;
}) {
  return <TextField {...rest} type="number" min={1} max={1000} required defaultValue={value} />;
}

/** An address that is not allowed has a code of its own; it still belongs to its field. */
function faultsWithAddress(error: Problem | null) {
  if (error instanceof Problem && error.code === "base_url_not_allowed") {
    return { of: new Map([["base_url", error.message.replace(/^`base_url` /, "")]]), rest: null };
  }
  return faultsOf(error, fields);
}
