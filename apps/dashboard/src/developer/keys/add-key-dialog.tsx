import type { SentOf } from "@modelfaucet/contract/route.ts";
import type { addDeveloperProviderKey } from "@modelfaucet/contract/routes/provider-keys.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { call, Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { appsQuery } from "../apps/apps-query.ts";
import { keyQuery, keysPath, type ProviderKey } from "./keys-queries.ts";
import { bodyOf, SettingFields, settingNames, settingsOf } from "./setting-fields.tsx";
import { hasAddress, type Vendor, vendors } from "./words.tsx";

type Wanted = SentOf<typeof addDeveloperProviderKey>;

const fields = ["public_app_id", "provider", "api_key", "base_url", ...settingNames];

/** Seals a key of one app. The key itself stands in its field alone, and goes from there with the answer. */
export function AddKeyDialog({
  app,
  close,
  done,
}: {
  app: string | undefined;
  close: () => void;
  done: (key: ProviderKey) => void;
}) {
  const queryClient = useQueryClient();
  const [vendor, setVendor] = useState<Vendor>("openai");
  const [settings, setSettings] = useState(() => settingsOf(null));
  const secret = useRef<HTMLInputElement>(null);
  const add = useMutation<ProviderKey, Problem, Wanted>({
    mutationFn: (body) => call<typeof addDeveloperProviderKey>("POST", keysPath, { body }),
    // What was sent is forgotten with the dialog: no cache of this page holds a key.
    gcTime: 0,
    onSuccess: (answer) => {
      if (secret.current) secret.current.value = "";
      queryClient.setQueryData(keyQuery(answer.id).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: [keysPath] });
      close();
      done(answer);
    },
  });
  const faults = faultsOfKey(add.error);
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    add.mutate({
      public_app_id: text("app"),
      provider: vendor,
      api_key: text("api_key"),
      ...(hasAddress(vendor) ? { base_url: text("base_url") } : {}),
      ...bodyOf(settings),
    });
  };
  return (
    <Dialog title="Add provider key" close={close}>
      <form onSubmit={onSubmit} className="grid gap-4" autoComplete="off">
        <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
          <AppField app={app} fault={faults.of.get("public_app_id")} />
          <SelectField
            label="Vendor"
            value={vendor}
            fault={faults.of.get("provider")}
            onChange={({ target }) => setVendor(target.value as Vendor)}
          >
            {Object.entries(vendors).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </SelectField>
        </div>
        {hasAddress(vendor) && (
          <TextField
            label="Address"
            name="base_url"
            type="url"
            required
            spellCheck={false}
            placeholder="https://llm.example.com/v1"
            hint="https, on a public address; the part before /chat/completions"
            fault={faults.of.get("base_url")}
          />
        )}
        <TextField
          ref={secret}
          label="Key"
          name="api_key"
          type="password"
          data-first=""
          required
          maxLength={4096}
          autoComplete="new-password"
          spellCheck={false}
          hint="sealed at once and sent to its vendor alone; nobody can read it again"
          fault={faults.of.get("api_key")}
        />
        <details>
          <summary className="rounded-sm text-sm text-muted">Priority, budget, models</summary>
          <div className="mt-3 grid gap-4">
            <SettingFields
              settings={settings}
              change={(next) => setSettings({ ...settings, ...next })}
              faults={faults.of}
            />
          </div>
        </details>
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={add.isPending}>
            {add.isPending ? "Asking the vendor…" : "Add key"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function AppField({ app, fault }: { app: string | undefined; fault: string | undefined }) {
  const apps = useQuery(appsQuery());
  // The list comes later than the field: another key is another field, with its choice made.
  return (
    <SelectField
      key={apps.data ? "known" : "asked"}
      label="For the app"
      name="app"
      required
      defaultValue={app}
      fault={fault}
    >
      {apps.data?.items.map(({ public_app_id: id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </SelectField>
  );
}

/** What the vendor or the guard refused has codes of its own; it still belongs to its field. */
function faultsOfKey(error: Problem | null) {
  if (error instanceof Problem && error.code === "secret_validation_failed")
    return { of: new Map([["api_key", error.message]]), rest: null };
  if (error instanceof Problem && error.code === "base_url_not_allowed")
    return { of: new Map([["base_url", error.message.replace(/^`?base_url`? /, "")]]), rest: null };
  return faultsOf(error, fields);
}
